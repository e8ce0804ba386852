//! No room: a disk that is full where a base is copied to, where one is kept, and under a restore.
//! No verdict is wrong for it, nothing is thrown away that is whole, nothing half made is left.
//!
//! The disks are real where this user may mount one: root may, and on most systems everybody in a
//! user namespace. Where nobody may, a limit on the size of files stands for it, and that is said.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::shop::{Run, STOPOVER, Shop};

/// What follows its own words is what lies in the small folder when the tool has ended.
const LOOK: &str = "\"$@\"; code=$?; echo \"left: $(ls -A \"$0\")\" >&2; exit $code";

/// What it counts lies in a file until there is no more of it: some 40 GB.
const ENDLESS: &str =
    "INSERT INTO public.customers SELECT count(*) FROM generate_series(1, 2000000000);";

/// A small disk's size, for mount.
#[derive(Debug, Clone, Copy)]
enum Small {
    /// This many megabytes.
    Disk(u32),
    /// Files of at most 4 or 8 MB (shells count in different blocks): those of the write-ahead log
    /// have 16.
    Files,
}

impl Small {
    /// A disk where it can be had, or what stands for it.
    fn disk(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self::Disk(megabytes);
        let probe = disk.around(&Command::new("true"), folder.path()).output();
        if probe.as_ref().is_ok_and(|it| it.status.success()) {
            return Some(disk);
        }
        eprintln!("no disk can be mounted here: {probe:?}");
        None
    }

    /// The command, in a world where that folder is small.
    fn around(self, command: &Command, folder: &Path) -> Command {
        let user = nix::unistd::geteuid();
        let (mut around, script) = match self {
            Self::Files => {
                let script = format!("trap '' XFSZ; ulimit -f 8000; {LOOK}");
                (Command::new("sh"), script)
            }
            Self::Disk(megabytes) => {
                let mut around = Command::new("unshare");
                let mount = format!("mount -t tmpfs -o size={megabytes}m,mode=711 none \"$0\"");
                if user.is_root() {
                    around.args(["--mount", "sh"]);
                    (around, format!("{mount} || exit 99; {LOOK}"))
                } else {
                    // Root in there mounts; the tool runs as the user that it runs as outside.
                    around.args(["--user", "--map-root-user", "--mount", "sh"]);
                    let (user, group) = (user.as_raw(), nix::unistd::getegid().as_raw());
                    let back = format!("unshare --user --map-user={user} --map-group={group}");
                    (around, format!("{mount} && set -- {back} \"$@\" || exit 99; {LOOK}"))
                }
            }
        };
        around.args(["-c", &script]).arg(folder).arg(command.get_program());
        around.args(command.get_args());
        around.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        for (name, _) in command.get_envs().filter(|(_, value)| value.is_none()) {
            around.env_remove(name);
        }
        if let Some(folder) = command.get_current_dir() {
            around.current_dir(folder);
        }
        around
    }
}

/// A shop with a backup, and folders that the server's user may pass through.
struct Tight {
    shop: Shop,
    backup: PathBuf,
    folder: TempDir,
}

impl Tight {
    async fn open() -> Self {
        let shop = Shop::open().await;
        shop.migration("42_total.up.sql", "alter table orders add column total int;\n");
        let open = Permissions::from_mode(0o711);
        let folder = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        fs::create_dir(folder.path().join("small")).unwrap();
        fs::set_permissions(folder.path().join("small"), Permissions::from_mode(0o711)).unwrap();
        let backup = shop.dump("b.sql", &[]);
        Self { shop, backup, folder }
    }

    /// A rehearsal that fills its scratch's disk; `None` where nobody may mount one, which is said.
    fn filled_up(&self) -> Option<Run> {
        let disk = Small::disk(300)?;
        let small_folder = self.small();
        let into = ["--no-base", "--scratch-dir", small_folder.to_str().unwrap()];
        let run = self.rehearse(Some(disk), &self.cache(), &into);
        assert_eq!(run.exit, 7, "{}\n{}", run.out, run.err);
        Some(run)
    }

    fn small(&self) -> PathBuf {
        // As the tool names it.
        fs::canonicalize(self.folder.path()).unwrap().join("small")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A rehearsal that keeps a base there, in that world.
    fn rehearse(&self, small: Option<Small>, cache: &Path, more: &[&str]) -> Run {
        let backup = self.backup.to_str().unwrap();
        let arguments = [&["rehearse", "--format", "json", "--backup", backup], more].concat();
        let mut command = self.shop.command(&arguments);
        command.env("STOPOVER_KEEP_BASE", "always").env("STOPOVER_CACHE_DIR", cache);
        assert_eq!(command.get_program(), STOPOVER);
        let mut command = match small {
            Some(small) => small.around(&command, &self.small()),
            None => command,
        };
        Run::of(&command.output().unwrap())
    }

    /// Lets the backup do this, too.
    fn with(&self, sql: &str) {
        const END: &str = "-- PostgreSQL database dump complete";
        let text = fs::read_to_string(&self.backup).unwrap();
        fs::write(&self.backup, text.replace(END, &format!("{sql}\n\n{END}"))).unwrap();
    }
}

fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let found = report["findings"].as_array().unwrap().iter().find(|it| it["code"] == code);
    found.unwrap_or_else(|| panic!("no {code}: {report:#}"))
}

fn is_advice(finding: &Value) -> bool {
    finding["remedy"].as_str().unwrap().contains("--scratch-dir")
}

fn left(run: &Run) -> &str {
    let left = run.err.rfind("left: ").unwrap_or_else(|| panic!("{}\n{}", run.out, run.err));
    run.err[left..].trim_start_matches("left: ").trim()
}

#[tokio::test]
async fn no_room_for_a_copy_of_a_base_is_said_and_the_base_stays() {
    let tight = Tight::open().await;
    tight.rehearse(None, &tight.cache(), &[]).green();
    let small_folder = tight.small();
    let into = ["--scratch-dir", small_folder.to_str().unwrap()];
    for small in [Some(Small::Files), Small::disk(4)].into_iter().flatten() {
        let run = tight.rehearse(Some(small), &tight.cache(), &into);
        assert_eq!(run.exit, 7, "{small:?}: {}\n{}", run.out, run.err);
        let report = run.json();
        let detail = report["detail"].as_str().unwrap();
        let first = detail.lines().next().unwrap();
        let said = match small {
            Small::Disk(_) => "disk full: ",
            Small::Files => "File too large",
        };
        for part in [said, into[1], "a copy of ", "were free when it began"] {
            assert!(first.contains(part), "{small:?}: {part}: {detail}");
        }
        let found = finding(&report, "tool");
        assert!(is_advice(found) && found["severity"] == "error", "{found}");
        assert!(!report.to_string().contains("base-spoilt"), "{report:#}");
        assert_eq!(left(&run), "", "{small:?}");
    }
    let again = tight.rehearse(None, &tight.cache(), &[]).green();
    assert_eq!(again["scratch"]["base_reused"], true, "the base is whole: {again:#}");
}

#[tokio::test]
async fn no_room_for_a_base_takes_nothing_from_the_verdict() {
    let tight = Tight::open().await;
    let Some(disk) = Small::disk(8) else {
        // The other bound of a cache, which everybody can have.
        let mut command = tight.shop.command(&["rehearse", "--format", "json", "--backup"]);
        command.arg(&tight.backup).env("STOPOVER_KEEP_BASE", "always");
        command.env("STOPOVER_CACHE_DIR", tight.cache()).env("STOPOVER_CACHE_LIMIT", "1MB");
        let report = Run::of(&command.output().unwrap()).green();
        finding(&report, "base-not-kept");
        return;
    };
    let run = tight.rehearse(Some(disk), &tight.small().join("c"), &[]);
    let report = run.green();
    let found = finding(&report, "base-not-kept");
    assert_eq!(found["severity"], "warning");
    assert!(found["message"].as_str().unwrap().contains(" left; as much again"), "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("cache_dir"), "{found}");
    assert_eq!(report["migrations"][0]["status"], "applied");
    assert_eq!(left(&run), "c");
}

#[tokio::test]
async fn a_server_that_says_its_disk_is_full_is_understood_by_its_code() {
    let tight = Tight::open().await;
    tight.with(
        "DO $$ BEGIN RAISE EXCEPTION 'keine Luft' USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql;",
    );
    let run = tight.rehearse(None, &tight.cache(), &["--no-base"]);
    let report = run.json();
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.starts_with("restore: disk full: "), "{detail}");
    assert_eq!(report["verdict"], "red");
}

#[tokio::test]
async fn a_migration_that_finds_the_scratchs_disk_full_is_not_judged() {
    let tight = Tight::open().await;
    let full = "DO $$ BEGIN RAISE EXCEPTION 'no air' USING ERRCODE = '53100'; END $$;\n";
    tight.shop.migration("43_much.up.sql", full);
    let run = tight.rehearse(None, &tight.cache(), &["--no-base"]);
    assert_eq!(run.exit, 7, "{}\n{}", run.out, run.err);
    let report = run.json();
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.starts_with("scratch: disk full; migration 43: no air"), "{detail}");
    let found = finding(&report, "scratch");
    assert!(found["remedy"].as_str().unwrap().contains("--scratch-dir"), "{found}");
    assert_eq!(report["receipt"], Value::Null, "there is nothing to require");
}

#[tokio::test]
async fn a_disk_that_fills_up_under_a_migration_is_the_disks_fault() {
    let tight = Tight::open().await;
    tight.shop.migration("43_much.up.sql", &format!("{ENDLESS}\n"));
    let Some(run) = tight.filled_up() else { return };
    // Where a file of the log found no room, the server itself went away.
    let report = run.json();
    let found = finding(&report, "scratch");
    assert!(found["remedy"].as_str().unwrap().contains("disk"), "{found}");
    assert_eq!(left(&run), "");
}

#[tokio::test]
async fn a_disk_that_fills_up_under_the_restore_is_said() {
    let tight = Tight::open().await;
    tight.with(ENDLESS);
    let Some(run) = tight.filled_up() else { return };
    let report = run.json();
    assert_eq!(report["verdict"], "red");
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.lines().next().unwrap().contains("disk full: "), "{detail}");
    assert_eq!(left(&run), "");
}

#[test]
fn a_full_disk_under_a_file_was_told_as_the_migrations_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let backup = rusqlite::Connection::open(path("backup.db")).unwrap();
    backup.execute_batch("CREATE TABLE notes (id integer PRIMARY KEY, body text);").unwrap();
    drop(backup);
    fs::create_dir(path("migrations")).unwrap();
    fs::create_dir(path("small")).unwrap();
    let endless = "INSERT INTO notes (body) WITH RECURSIVE more(at) AS \
                   (SELECT 1 UNION ALL SELECT at + 1 FROM more) \
                   SELECT printf('%.1000c', 'x') FROM more LIMIT 40000000;\n";
    fs::write(path("migrations/1_much.sql"), endless).unwrap();
    let Some(disk) = Small::disk(16) else { return };
    let mut command = Command::new(STOPOVER);
    command.current_dir(folder.path()).args(["rehearse", "--format", "json", "--layout", "sqlx"]);
    command.args(["--backup", "backup.db", "--scratch-dir"]).arg(path("small"));
    command.env("STOPOVER_POLICY__EMPTY_LEDGER", "allow");
    let run = Run::of(&disk.around(&command, &path("small")).output().unwrap());
    assert_eq!(run.exit, 7, "{}\n{}", run.out, run.err);
    let report = run.json();
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.starts_with("scratch: disk full; migration 1: "), "{detail}");
    assert!(is_advice(finding(&report, "scratch")), "{report:#}");
    assert_eq!(left(&run), "");
}
