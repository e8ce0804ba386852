//! Stories about bases that need no server: any folder can be kept.

#[cfg(target_os = "linux")]
mod full;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use stopover_backend::{BaseCensus, CensusScope, CensusShelf, Recalled};
use stopover_model::Schema;
use tempfile::TempDir;

use super::lock::{self, Sharing};
use super::*;
use crate::server::user::ServerUser;

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A cache folder, and a data folder whose files are told by their size.
struct Place {
    folder: TempDir,
    bases: Bases,
    data: PathBuf,
    setup: Setup,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir_all(data.join("base/16384")).unwrap();
        fs::create_dir_all(data.join("pg_wal")).unwrap();
        fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        fs::write(data.join("base/16384/2619"), vec![7; 300_000]).unwrap();
        fs::write(data.join("pg_wal/000000010000000000000007"), vec![1; 1000]).unwrap();
        fs::write(data.join("pg_wal/00000001000000000000000B"), vec![2; 1000]).unwrap();
        let bases = Bases::make(&folder.path().join("bases")).unwrap();
        Self { folder, bases, data, setup: Setup::fake("one") }
    }

    fn keep(&self, sha256: &str, limit: u64) -> Result<Kept, NotKept> {
        let restoration = restoration(sha256);
        self.bases.keep(&NewBase {
            setup: &self.setup,
            restoration: &restoration,
            backup: "b.sql.gz",
            data: &self.data,
            log_file: Some("000000010000000000000007"),
            limit,
        })
    }

    fn kept(&self, sha256: &str) -> String {
        match self.keep(sha256, u64::MAX).unwrap() {
            Kept::Made { name, .. } => name,
            Kept::There => panic!("it was there"),
        }
    }

    fn found(&self, sha256: &str) -> Found {
        self.bases.find(&self.setup, sha256).unwrap()
    }

    fn held(&self, sha256: &str) -> Box<Held> {
        match self.found(sha256) {
            Found::Base(held) => held,
            other => panic!("{other:?}"),
        }
    }

    fn spoilt(&self, sha256: &str) -> String {
        match self.found(sha256) {
            Found::Spoilt(what) => what,
            other => panic!("{other:?}"),
        }
    }

    /// Copies the base to a new folder.
    fn copied(&self, held: &Held) -> Result<PathBuf, BaseError> {
        let to = self.folder.path().join(format!("copy-{:x}", rand::random::<u64>()));
        fs::create_dir(&to).unwrap();
        copied(held, &to).map(|_| to)
    }

    fn names(&self) -> Vec<String> {
        self.bases.names("").unwrap()
    }
}

/// All of it.
fn copied(held: &Held, to: &Path) -> Result<BaseCopy, BaseError> {
    held.begin_copy(to, &ServerUser::Own)?.finish()
}

fn restoration(sha256: &str) -> Restoration {
    Restoration {
        owner: "app".to_owned(),
        sha256: sha256.to_owned(),
        bytes: 4711,
        restore_ms: 12,
        server_version: Some("15.18".to_owned()),
        dump_version: None,
        findings: Vec::new(),
    }
}

fn hash(digit: char) -> String {
    std::iter::repeat_n(digit, 64).collect()
}

#[test]
fn a_base_is_found_by_its_backup_and_copied_whole_without_what_is_left_over() {
    let place = Place::new();
    assert!(matches!(place.found(HASH), Found::Nothing));
    assert!(!place.bases.may_have(&place.setup, 4711));
    place.kept(HASH);
    assert!(place.bases.may_have(&place.setup, 4711));
    assert!(!place.bases.may_have(&place.setup, 4712), "a backup of another size is not hashed");
    let held = place.held(HASH);
    assert_eq!(*held.restoration(), restoration(HASH));
    let copy = place.copied(&held).unwrap();
    assert_eq!(fs::read(copy.join("base/16384/2619")).unwrap(), vec![7; 300_000]);
    assert!(copy.join("pg_wal/000000010000000000000007").exists());
    assert!(!copy.join("pg_wal/00000001000000000000000B").exists(), "a recycled log file");
    assert!(matches!(place.found(&hash('0')), Found::Nothing), "another backup");
    let other = place.bases.find(&Setup::fake("other"), HASH).unwrap();
    assert!(matches!(other, Found::Nothing), "another server");
}

#[test]
fn a_copy_shares_no_file_with_the_base_and_changes_nothing_of_it() {
    let place = Place::new();
    let name = place.kept(HASH);
    let (one, other) = (place.held(HASH), place.held(HASH));
    let (one, other) = (place.copied(&one).unwrap(), place.copied(&other).unwrap());
    fs::write(one.join("base/16384/2619"), "overwritten").unwrap();
    let theirs = fs::read(other.join("base/16384/2619")).unwrap();
    let own = fs::read(place.bases.at(&name).join("data/base/16384/2619")).unwrap();
    assert!(theirs == own && own == vec![7; 300_000]);
    place.copied(&place.held(HASH)).unwrap();
}

#[test]
fn only_its_owner_may_read_a_base() {
    let place = Place::new();
    let name = place.kept(HASH);
    let mode = |path: &str| {
        fs::metadata(place.bases.at(&name).join(path)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("data"), mode("data/base")), (0o700, 0o700, 0o700));
    assert_eq!((mode("base.json"), mode("data/PG_VERSION")), (0o600, 0o600));
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bases = folder.path().join("cache/bases");
    fs::create_dir_all(&bases).unwrap();
    let open = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode));
    open(&bases, 0o777).unwrap();
    let error = Bases::make(&bases).unwrap_err();
    assert!(error.to_string().contains("open to others"), "{error}");
    open(&bases, 0o700).unwrap();
    Bases::make(&bases).unwrap();
    open(&folder.path().join("cache"), 0o775).unwrap();
    assert!(matches!(Bases::make(&bases), Err(BaseError::Open { .. })), "they could exchange it");
    open(&folder.path().join("cache"), 0o1777).unwrap();
    Bases::make(&bases).unwrap();
    let elsewhere = folder.path().join("link");
    std::os::unix::fs::symlink(&bases, &elsewhere).unwrap();
    assert!(matches!(Bases::make(&elsewhere), Err(BaseError::Open { .. })), "a link");
}

#[test]
fn a_base_that_lost_a_file_or_was_written_to_is_not_copied() {
    type Harm = fn(&Path);
    let harms: [(Harm, &str); 3] = [
        (|data| fs::remove_file(data.join("base/16384/2619")).unwrap(), "is missing"),
        (|data| fs::write(data.join("base/16384/2619"), "short").unwrap(), "5 bytes instead"),
        (
            |data| {
                let mut bytes = vec![7; 300_000];
                bytes[5] = 8;
                fs::write(data.join("base/16384/2619"), bytes).unwrap();
            },
            "was written to",
        ),
    ];
    for (harm, what) in harms {
        let place = Place::new();
        let name = place.kept(HASH);
        harm(&place.bases.at(&name).join("data"));
        let error = place.copied(&place.held(HASH)).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn a_base_without_a_true_record_or_list_is_spoilt() {
    let place = Place::new();
    let folder = place.bases.at(&place.kept(HASH));
    let good = fs::read_to_string(folder.join("base.json")).unwrap();
    fs::write(folder.join("base.json"), &good[..40]).unwrap();
    assert!(place.spoilt(HASH).contains("not a record"));
    fs::write(folder.join("base.json"), good.replace("\"format\": 1", "\"format\": 99")).unwrap();
    assert!(place.spoilt(HASH).contains("format 99"));
    fs::write(folder.join("base.json"), good.replace(HASH, &hash('0'))).unwrap();
    assert!(place.spoilt(HASH).contains("another base"));
    fs::write(folder.join("base.json"), &good).unwrap();
    let files = fs::read_to_string(folder.join("files")).unwrap();
    fs::write(folder.join("files"), files.replace("300000", "300001")).unwrap();
    assert!(place.spoilt(HASH).contains("list of files"));
    fs::write(folder.join("files"), &files).unwrap();
    place.held(HASH);
    fs::remove_file(folder.join("base.json")).unwrap();
    assert!(place.spoilt(HASH).contains("cannot be read"));
}

#[test]
fn after_the_systems_next_start_only_what_reached_the_disk_for_certain_is_believed() {
    let place = Place::new();
    let name = place.kept(HASH);
    let path = place.bases.at(&name).join("base.json");
    let good = fs::read_to_string(&path).unwrap();
    let boot = crate::server::machine::boot_id().unwrap();
    fs::write(&path, good.replace(&boot, "an earlier one")).unwrap();
    assert!(place.spoilt(HASH).contains("started anew"));
    place.bases.make_durable(&name).unwrap();
    assert!(place.held(HASH).is_durable());
}

#[test]
fn what_was_half_built_is_never_found_and_goes_with_the_next_one() {
    let place = Place::new();
    // As kill -9 leaves it: data, even a record, but not its name; and nobody holds its lock.
    let left = place.bases.at("building-0123456789abcdef");
    fs::create_dir_all(left.join("data")).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    fs::write(left.join("base.json"), "{}").unwrap();
    let busy = place.bases.at("building-fedcba9876543210");
    fs::create_dir_all(&busy).unwrap();
    let lock = lock::try_for(&busy.join("lock")).unwrap().unwrap();
    assert!(matches!(place.found(HASH), Found::Nothing));
    assert!(place.bases.list().unwrap().is_empty());
    place.kept(HASH);
    assert!(!left.exists());
    assert!(busy.exists(), "somebody is building it");
    drop(lock);
    place.bases.prune(u64::MAX).unwrap();
    assert!(!busy.exists());
}

#[test]
fn a_disk_that_fills_up_on_the_way_leaves_no_base() {
    let mut place = Place::new();
    place.bases.fault = Some(|path| match path.ends_with("2619") {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    });
    let error = place.keep(HASH, u64::MAX).unwrap_err();
    assert!(error.to_string().contains("2619"), "{error}");
    assert!(error.to_string().contains("no storage space"), "{error}");
    assert_eq!(place.names(), ["lock"], "nothing is left");
    place.bases.fault = None;
    place.kept(HASH);
}

#[test]
fn the_base_that_was_not_used_for_the_longest_time_goes_first() {
    let place = Place::new();
    let size = 301_003;
    let names: Vec<String> = ['a', 'b', 'c'].map(|it| place.kept(&hash(it))).to_vec();
    for (age, name) in [300, 200, 100].into_iter().zip(&names) {
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        let used = place.bases.at(name).join("used");
        fs::File::options().append(true).open(used).unwrap().set_modified(time).unwrap();
    }
    assert_eq!(place.bases.list().unwrap()[0].bytes, size);
    // The oldest is used: now the second one is the oldest.
    drop(place.held(&hash('a')));
    assert_eq!(place.bases.prune(3 * size).unwrap(), Vec::<String>::new());
    let Kept::Made { dropped, .. } = place.keep(&hash('d'), 3 * size).unwrap() else { panic!() };
    assert_eq!(dropped, [names[1].clone()]);
    assert_eq!(place.bases.prune(size).unwrap().len(), 2);
    assert_eq!(place.bases.list().unwrap().len(), 1);
}

#[test]
fn a_base_larger_than_the_limit_is_not_kept_and_nothing_goes_for_it() {
    let place = Place::new();
    place.kept(&hash('a'));
    let error = place.keep(HASH, 300_000).unwrap_err();
    assert!(matches!(error, NotKept::OverLimit { .. }));
    assert!(error.to_string().contains("301.0 kB"), "{error}");
    assert_eq!(place.bases.list().unwrap().len(), 1);
}

#[test]
fn what_is_in_use_is_never_thrown_away() {
    let place = Place::new();
    let name = place.kept(HASH);
    let held = place.held(HASH);
    assert_eq!(place.bases.drop_base(&name).unwrap(), Dropped::InUse);
    assert!(place.bases.prune(0).unwrap().is_empty());
    assert!(place.bases.list().unwrap()[0].in_use);
    place.copied(&held).unwrap();
    drop(held);
    assert_eq!(place.bases.drop_base(&name).unwrap(), Dropped::Gone);
    assert_eq!(place.bases.drop_base(&name).unwrap(), Dropped::Unknown);
    assert_eq!(place.bases.drop_base("../data").unwrap(), Dropped::Unknown);
    assert!(matches!(place.found(HASH), Found::Nothing));
    assert_eq!(place.names(), ["lock"]);
}

#[test]
fn of_two_that_keep_the_same_base_one_does() {
    let place = Place::new();
    let kept = std::thread::scope(|scope| {
        let keep = || place.keep(HASH, u64::MAX).unwrap();
        let threads = [scope.spawn(keep), scope.spawn(keep)];
        threads.map(|it| it.join().unwrap())
    });
    let made = kept.iter().filter(|it| matches!(it, Kept::Made { .. })).count();
    assert_eq!(made, 1, "{kept:?}");
    assert_eq!(place.bases.list().unwrap().len(), 1);
    assert!(!place.names().iter().any(|it| it.starts_with(BUILDING)));
}

#[test]
fn one_run_has_the_turn_and_gives_it_back_when_it_ends() {
    let place = Place::new();
    let backup = place.folder.path().join("b.sql");
    fs::write(&backup, "x").unwrap();
    let facts = Facts::of(&backup).unwrap();
    let turn = place.bases.turn(&place.setup, &facts).unwrap();
    assert!(turn.is_some());
    assert!(place.bases.turn(&place.setup, &facts).unwrap().is_none());
    assert!(place.bases.turn(&Setup::fake("other"), &facts).unwrap().is_some());
    drop(turn);
    assert!(place.bases.turn(&place.setup, &facts).unwrap().is_some());
    assert!(lock::try_existing(&place.bases.at("lock"), Sharing::Shared).unwrap().is_none());
}

#[test]
fn the_hash_of_an_unchanged_backup_is_remembered_and_of_a_changed_one_is_not() {
    let place = Place::new();
    let backup = place.folder.path().join("b.sql");
    fs::write(&backup, "x").unwrap();
    let facts = Facts::of(&backup).unwrap();
    place.bases.remember(&facts, HASH).unwrap();
    assert_eq!(place.bases.remembered(&facts), None, "it is too new");
    let settled = facts.as_if_settled();
    place.bases.remember(&settled, HASH).unwrap();
    assert_eq!(place.bases.remembered(&facts).as_deref(), Some(HASH));
    fs::write(&backup, "y").unwrap();
    assert_eq!(place.bases.remembered(&Facts::of(&backup).unwrap()), None);
}

#[test]
fn the_fastest_way_is_remembered_for_each_pair_of_file_systems() {
    let place = Place::new();
    let (from, to) = (place.folder.path(), place.bases.folder());
    assert_eq!(place.bases.ways(from, to), way::Ways::Measured);
    place.bases.remember_way(from, to, way::Way::Buffer).unwrap();
    place.bases.remember_way(from, to, way::Way::Kernel).unwrap();
    assert_eq!(place.bases.ways(to, from), way::Ways::Known(way::Way::Kernel));
    assert_eq!(fs::read_to_string(place.bases.at(WAYS)).unwrap().lines().count(), 1);
    assert_eq!(place.bases.ways(Path::new("/proc"), to), way::Ways::Measured);
}

#[test]
fn a_census_is_of_one_base_and_not_of_the_next_of_its_name() {
    let place = Place::new();
    let name = place.kept(HASH);
    let shelf = place.held(HASH).shelf();
    assert_eq!(shelf.recall(), Recalled::Nothing);
    let census = BaseCensus {
        scope: CensusScope::default(),
        catalogs: "1/2/3".to_owned(),
        schema: Schema::new(Vec::new()),
        tables: Vec::new(),
    };
    shelf.keep(&census).unwrap();
    assert_eq!(shelf.recall(), Recalled::Census(Box::new(census.clone())));
    let text = fs::read(place.bases.at(&name).join("census")).unwrap();
    fs::write(place.bases.at(&name).join("census"), &text[..text.len() - 1]).unwrap();
    assert!(matches!(shelf.recall(), Recalled::Spoilt(_)));

    assert_eq!(place.bases.drop_base(&name).unwrap(), Dropped::Gone);
    assert!(shelf.keep(&census).unwrap_err().contains("gone"));
    assert_eq!(place.kept(HASH), name);
    fs::write(place.bases.at(&name).join("census"), &text).unwrap();
    assert!(shelf.keep(&census).unwrap_err().contains("anew"));
    assert_eq!(place.held(HASH).shelf().recall(), Recalled::Nothing, "the old one's");
}
