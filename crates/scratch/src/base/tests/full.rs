//! Places that are too small, for real: a disk of 100 kB where this process may mount one (root may,
//! and on most systems everybody in a user namespace), and in any case a limit on the size of files.

use std::env;
use std::process::{Command, Output};

use super::*;

/// What a story does in a process of its own, and in which folder.
const WORK: &str = "STOPOVER_SMALL_WORK";
const FOLDER: &str = "STOPOVER_SMALL_FOLDER";

/// What keeps a file of 300 kB from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Smallness {
    /// No file may have more than 100 or 200 kB: shells count in different blocks.
    Limit,
    /// The disk has 100 kB.
    Disk,
}

impl Smallness {
    /// Those that can be had here. Where nothing can be mounted that is said, and the limit is left.
    fn all() -> Vec<Self> {
        let folder = tempfile::tempdir().unwrap();
        let probe = Self::Disk.command(folder.path()).arg("true").output();
        if probe.as_ref().is_ok_and(|it| it.status.success()) {
            return vec![Self::Limit, Self::Disk];
        }
        eprintln!("no disk can be mounted here, files are limited instead: {probe:?}");
        vec![Self::Limit]
    }

    /// Runs the program that is added in a world where the folder is small. In the file system's
    /// eyes it is of this user in any case.
    fn command(self, folder: &Path) -> Command {
        let mount = "mount -t tmpfs -o size=100k,mode=700 none \"$0\" && exec \"$@\"";
        let limit = "trap '' XFSZ; ulimit -f 200 && exec \"$@\"";
        let (mut command, script) = match self {
            Self::Limit => (Command::new("sh"), limit),
            Self::Disk => {
                let mut command = Command::new("unshare");
                if !nix::unistd::geteuid().is_root() {
                    command.args(["--user", "--map-root-user"]);
                }
                command.args(["--mount", "sh"]);
                (command, mount)
            }
        };
        command.args(["-c", script]).arg(folder);
        command
    }

    /// Lets a process of its own do that work.
    fn does(self, work: &str, place: &Place, folder: &Path) -> Output {
        fs::create_dir_all(folder).unwrap();
        let mut command = self.command(folder);
        command.arg(env::current_exe().unwrap());
        command.args(["--exact", "base::tests::full::worker", "--nocapture"]);
        command.env(WORK, work).env(FOLDER, place.folder.path()).output().unwrap()
    }

    /// What the worker was told; panics where it fell.
    #[track_caller]
    fn told(self, work: &str, place: &Place, folder: &Path) -> String {
        let output = self.does(work, place, folder);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{self:?}: {output:?}");
        let told = text.lines().find_map(|it| it.strip_prefix("told: "));
        told.unwrap_or_else(|| panic!("{self:?}: {text}")).to_owned()
    }

    #[track_caller]
    fn is_meant_by(self, told: &str, folder: &Path) {
        let (what, why) = match self {
            Self::Limit => ("cannot be made in", "File too large"),
            Self::Disk => ("disk full", "No space left on device"),
        };
        let place = folder.display().to_string();
        // What is free of the limited one's disk is not known here.
        let free = if self == Self::Disk { " kB were free when it began" } else { " were free" };
        for part in [what, why, &place, "a copy of 301.0 kB", free, "2619"] {
            assert!(told.contains(part), "{self:?}: {part}: {told}");
        }
    }
}

impl Place {
    /// As it is seen by another process.
    fn at(folder: &Path) -> (Bases, PathBuf) {
        (Bases::make(&folder.join("bases")).unwrap(), folder.join("data"))
    }

    fn keeping(bases: &Bases, data: &Path) -> Result<Kept, NotKept> {
        bases.keep(&NewBase {
            setup: &Setup::fake("one"),
            restoration: &restoration(HASH),
            backup: "b.sql.gz",
            data,
            log_file: Some("000000010000000000000007"),
            limit: u64::MAX,
        })
    }

    /// Where its copies go in these stories, as deep as a server's data folder.
    fn small(&self) -> PathBuf {
        self.folder.path().join("small")
    }
}

/// The work of the stories. By itself it does the same where there is room.
#[test]
fn worker() {
    let Some(work) = env::var_os(WORK) else {
        let place = Place::new();
        place.kept(HASH);
        take(place.folder.path()).unwrap();
        return;
    };
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    let told = if work == "take" {
        let error = take(&folder).unwrap_err();
        assert!(!error.is_of_base() && !crate::server::ServerError::from(error).is_of_base());
        take(&folder).unwrap_err().to_string()
    } else {
        let (bases, data) = Place::at(&folder);
        // As if blocks could be shared: then it is not asked whether there is room.
        bases.remember_way(&data, bases.folder(), way::Way::Clone).unwrap();
        let error = Place::keeping(&bases, &data).unwrap_err();
        assert!(error.remedy().contains("make room"), "{}", error.remedy());
        let names = bases.names("").unwrap();
        assert_eq!(names, ["lock", "ways"], "nothing half made is left");
        error.to_string()
    };
    println!("\ntold: {told}");
}

/// Copies the base to where a server's data would be.
fn take(folder: &Path) -> Result<BaseCopy, BaseError> {
    let (bases, _) = Place::at(folder);
    let Found::Base(held) = bases.find(&Setup::fake("one"), HASH).unwrap() else { panic!() };
    let server = folder.join("small").join(format!("server-{:x}", rand::random::<u64>()));
    fs::create_dir_all(server.join("data")).unwrap();
    let copied = copied(&held, &server.join("data"));
    fs::remove_dir_all(server).unwrap();
    copied
}

#[test]
fn a_base_that_finds_no_room_for_its_copy_is_not_to_blame() {
    let place = Place::new();
    place.kept(HASH);
    for small in Smallness::all() {
        let told = small.told("take", &place, &place.small());
        small.is_meant_by(&told, &place.small());
        place.copied(&place.held(HASH)).unwrap();
    }
}

#[test]
fn a_place_that_is_gone_or_taken_is_not_the_bases_fault() {
    let place = Place::new();
    place.kept(HASH);
    let held = place.held(HASH);
    let gone = copied(&held, &place.small()).unwrap_err();
    assert!(matches!(gone, BaseError::Target(_)) && !gone.is_of_base(), "{gone}");
    fs::create_dir_all(place.small().join("base/16384")).unwrap();
    let taken = copied(&held, &place.small()).unwrap_err();
    assert!(matches!(taken, BaseError::Target(_)) && !taken.is_of_base(), "{taken}");
    place.copied(&held).unwrap();
}

/// The folder of bases itself is small here.
#[test]
fn a_base_that_fills_the_disk_while_it_is_made_leaves_nothing_of_it() {
    for small in Smallness::all() {
        let place = Place::new();
        let bases = place.bases.folder().to_owned();
        let told = small.told("keep", &place, &bases);
        small.is_meant_by(&told, &bases);
        place.kept(HASH);
    }
}
