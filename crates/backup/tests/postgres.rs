//! Backups of a PostgreSQL server: what is in them, and what is left where there is none.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stopover_backend::{Backed, BackupFailure, BackupMaker, CensusDepth, Stop};
use stopover_backup::{
    BackupFormat, BackupOptions, PostgresBackups, Proof, manifest_of, read_manifest, verify,
};
use stopover_model::Silent;
use stopover_model::report::{BackupCompression, BackupMade, Verdict, Verification};
use stopover_postgres::Target;
use stopover_scratch::binaries::{Program, Search};
use stopover_scratch::provider::{PostgresScratch, ScratchRequest};
use stopover_scratch::server::Reach;
use stopover_testkit::{TestDatabase, binaries, template_cache};
use tempfile::TempDir;

const SHOP: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE \"Order lines\" (id int PRIMARY KEY, customer int REFERENCES customers, note text);
    CREATE VIEW loud AS SELECT upper(name) AS name FROM customers;
    CREATE SCHEMA \"Old\";
    CREATE TABLE \"Old\".customers (id int);
    INSERT INTO customers SELECT i, 'name ' || i FROM generate_series(1, 5000) i;
    INSERT INTO \"Order lines\" SELECT i, 1 + i % 5000, repeat(md5(i::text), 20)
        FROM generate_series(1, 8000) i;
    INSERT INTO \"Old\".customers VALUES (1), (2)";

fn scratch(folder: &Path) -> ScratchRequest {
    ScratchRequest {
        backup: None,
        max_age: None,
        scratch_url: None,
        target_url: None,
        require_scratch_url: false,
        search: Search::from_environment(Some(binaries().folder().to_owned())),
        folder: Some(folder.to_owned()),
        template_cache: template_cache().map(|it| it.join("stopover/templates")),
        bases: None,
        fsync: false,
        reach: Reach::default(),
        as_role: None,
    }
}

/// A shop, and a folder for its backups.
struct Stage {
    database: TestDatabase,
    folder: TempDir,
    options: BackupOptions,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        database.psql(SHOP);
        let folder = tempfile::tempdir().unwrap();
        let options = BackupOptions {
            folder: folder.path().join("backups/migrations"),
            format: BackupFormat::Plain,
            compression: BackupCompression::Gzip,
            schemas: Vec::new(),
            lock_wait: Duration::from_secs(20),
            keep: None,
            command: None,
            depth: CensusDepth::Rows,
            proof: Proof::Later,
            threads: Some(3),
            scratch: scratch(folder.path()),
        };
        Self { database, folder, options }
    }

    fn target(&self) -> Target {
        Target::parse(&self.database.url()).unwrap()
    }

    async fn back_up(&self) -> Result<Backed, BackupFailure> {
        let maker = PostgresBackups::new(self.target(), self.options.clone());
        maker.make(&Stop::never(), &mut Silent).await
    }

    async fn made(&self) -> BackupMade {
        self.back_up().await.unwrap().made.unwrap()
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.options.folder) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    async fn verified(&self, backup: &Path, depth: CensusDepth) -> Verification {
        let request =
            ScratchRequest { backup: Some(backup.to_owned()), ..scratch(self.folder.path()) };
        let manifest = read_manifest(backup).unwrap();
        let mut scratch = PostgresScratch::new(request);
        verify(&mut scratch, manifest.as_ref(), depth, &Stop::never(), &mut Silent).await.unwrap()
    }
}

fn path(made: &BackupMade) -> PathBuf {
    made.path.as_ref().unwrap().into()
}

fn codes(verification: &Verification) -> Vec<&str> {
    verification.findings.iter().filter(|it| it.is_error()).map(|it| it.code.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn zcat_and_psql_restore_what_was_there() {
    let stage = Stage::new().await;
    let made = stage.made().await;
    let backup = path(&made);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(manifest_of(&backup)).unwrap().mode() & 0o777, 0o600);
    let name = backup.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("backup-") && name.ends_with("Z.sql.gz"), "{name}");
    let latest = fs::read_to_string(stage.options.folder.join("latest-backup.txt")).unwrap();
    assert_eq!(Path::new(latest.trim()), backup);
    assert_eq!((made.tables, made.rows, made.exit_status), (Some(3), Some(13_002), Some(0)));
    let sum = Command::new("sha256sum").arg(&backup).output().unwrap();
    assert!(String::from_utf8_lossy(&sum.stdout).starts_with(made.sha256.as_ref().unwrap()));

    let restored = TestDatabase::create().await;
    let mut zcat = Command::new("zcat").arg(&backup).stdout(Stdio::piped()).spawn().unwrap();
    let mut psql = restored.command(Program::Psql);
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]);
    assert!(psql.stdin(zcat.stdout.take().unwrap()).status().unwrap().success());
    assert!(zcat.wait().unwrap().success());
    let digest = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ";
    for table in ["customers", "\"Order lines\"", "\"Old\".customers", "loud"] {
        let digest = format!("{digest}{table} t");
        assert_eq!(restored.psql(&digest), stage.database.psql(&digest), "{table}");
    }
    let dump = |database: &TestDatabase| {
        let text = database.pg_dump(&["--schema-only"]);
        let lines = text.lines().filter(|it| !it.starts_with("\\")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    assert_eq!(dump(&restored), dump(&stage.database));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_restores_and_holds_what_the_source_held() {
    let mut stage = Stage::new().await;
    stage.options.depth = CensusDepth::Digests;
    for (format, compression, extension) in [
        (BackupFormat::Plain, BackupCompression::Gzip, ".sql.gz"),
        (BackupFormat::Plain, BackupCompression::Zstd, ".sql.zst"),
        (BackupFormat::Plain, BackupCompression::None, ".sql"),
        (BackupFormat::Custom, BackupCompression::Gzip, ".dump"),
        (BackupFormat::Directory, BackupCompression::Gzip, ".dir"),
    ] {
        (stage.options.format, stage.options.compression) = (format, compression);
        let made = stage.made().await;
        let backup = path(&made);
        assert!(backup.to_str().unwrap().ends_with(extension), "{backup:?}");
        let verified = stage.verified(&backup, CensusDepth::Digests).await;
        assert_eq!(verified.verdict, Verdict::Green, "{verified:#?}");
        assert_eq!(verified.tables.len(), 3);
        assert!(verified.tables.iter().all(|it| it.digest_equal == Some(true)), "{verified:#?}");
        assert_eq!(verified.schema_from, verified.schema_to);
        assert_eq!(verified.backup.sha256, made.sha256);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dump_and_counts_are_of_one_moment_while_others_write() {
    let mut stage = Stage::new().await;
    stage.options.proof = Proof::AtOnce;
    let client = stage.database.client().await;
    let writing = tokio::spawn(async move {
        let write = "INSERT INTO \"Old\".customers SELECT generate_series(1, 3);
                     DELETE FROM \"Order lines\" WHERE id = (SELECT min(id) FROM \"Order lines\")";
        while client.batch_execute(write).await.is_ok() {}
    });
    let made = stage.made().await;
    writing.abort();
    assert_eq!(made.proven, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_what_was_there_is_red() {
    let stage = Stage::new().await;
    let backup = path(&stage.made().await);
    let text = Command::new("zcat").arg(&backup).output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    for (from, to, code) in [
        ("\n2\n\\.", "\n\\.", "rows-differ"),
        ("upper(", "lower(", "schema-differs"),
        ("-- PostgreSQL database dump complete", "--", "not-restored"),
    ] {
        assert!(text.contains(from), "{from}");
        let harmed = text.replacen(from, to, 1);
        let path = stage.folder.path().join("backup-20200101T000000000Z.sql");
        fs::write(&path, harmed).unwrap();
        fs::copy(manifest_of(&backup), manifest_of(&path)).unwrap();
        let verified = stage.verified(&path, CensusDepth::Rows).await;
        assert_eq!(verified.verdict, Verdict::Red);
        assert!(codes(&verified).contains(&code), "{code}: {:?}", verified.findings);
        assert_eq!(codes(&verified).contains(&"checksum"), code != "not-restored");
    }
    let verified = stage.verified(&backup, CensusDepth::Digests).await;
    assert_eq!(codes(&verified), ["not-digested"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_schema_is_in_it() {
    let mut stage = Stage::new().await;
    stage.options.schemas = vec!["Old".to_owned()];
    let made = stage.made().await;
    assert_eq!((made.tables, made.rows), (Some(1), Some(2)));
    let verified = stage.verified(&path(&made), CensusDepth::Rows).await;
    assert_eq!(verified.verdict, Verdict::Green, "{verified:#?}");
    assert_eq!(verified.tables.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_never_freed_ends_it_and_nothing_is_left() {
    let mut stage = Stage::new().await;
    stage.options.lock_wait = Duration::from_millis(300);
    let client = stage.database.client().await;
    client.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let began = Instant::now();
    let failure = stage.back_up().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(120));
    let BackupFailure::Impossible { message, remedy, .. } = failure else { panic!("{failure:?}") };
    assert!(message.starts_with("no backup: pg_dump "), "{message}");
    assert!(message.contains("(exit status 1)"), "{message}");
    assert!(remedy.contains("--lock-wait"), "{remedy}");
    assert_eq!(stage.names(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_read_a_table_gets_no_backup() {
    let stage = Stage::new().await;
    let role = format!("r_{}", stage.database.database());
    stage.database.psql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'role-secret'"));
    let target = Target::parse(&stage.database.as_role(&role, "role-secret").url()).unwrap();
    let maker = PostgresBackups::new(target, stage.options.clone());
    let failure = maker.make(&Stop::never(), &mut Silent).await.unwrap_err();
    stage.database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert!(failure.to_string().contains("permission denied"), "{failure}");
    assert_eq!(stage.names(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pg_dump_that_breaks_off_with_success_is_seen() {
    let mut stage = Stage::new().await;
    let fake = stage.folder.path().join("bin");
    fs::create_dir(&fake).unwrap();
    let real = binaries().folder().to_owned();
    for (said, code, expected) in
        [("-- half of it", 0, "its last line is missing"), ("", 3, "(exit status 3)")]
    {
        let script = format!(
            "#!/bin/sh\ncase \"$1\" in --version) exec {}/pg_dump --version;; esac\n\
             echo '{said}'\nexit {code}\n",
            real.display()
        );
        fs::write(fake.join("pg_dump"), script).unwrap();
        fs::set_permissions(fake.join("pg_dump"), fs::Permissions::from_mode(0o755)).unwrap();
        stage.options.scratch.search = Search { explicit: Some(fake.clone()), ..Search::default() };
        let failure = stage.back_up().await.unwrap_err();
        assert!(failure.to_string().contains(expected), "{failure}");
        assert_eq!(stage.names(), [] as [&str; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_users_is_run_with_the_target_in_its_environment() {
    let mut stage = Stage::new().await;
    stage.options.command = Some("echo \"snapshot of $PGDATABASE\"; echo done >&2".to_owned());
    let backed = stage.back_up().await.unwrap();
    let [note] = backed.findings.as_slice() else { panic!("{:?}", backed.findings) };
    assert!(note.code == "backup-command" && !note.is_error(), "{note:?}");
    let made = backed.made.unwrap();
    let snapshot = format!("snapshot of {}", stage.database.database());
    assert_eq!(made.output, [snapshot.as_str(), "done"]);
    assert_eq!((made.path, made.exit_status), (None, Some(0)));
    stage.options.command = Some("echo no room; exit 9".to_owned());
    let failure = stage.back_up().await.unwrap_err().to_string();
    assert_eq!(failure, "no backup: the backup command failed (exit status 9): no room");
}

/// What gzip makes of nothing is no backup.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_before_a_pipe_is_no_backup() {
    let mut stage = Stage::new().await;
    for (command, how) in [
        ("false | cat", "(exit status 1)"),
        ("(echo no snapshot >&2; exit 4) | cat", "(exit status 4): no snapshot"),
    ] {
        stage.options.command = Some(command.to_owned());
        let failure = stage.back_up().await.unwrap_err().to_string();
        assert!(failure.ends_with(how), "{failure}");
    }
    stage.options.command = Some("echo whole | cat".to_owned());
    assert_eq!(stage.made().await.output, ["whole"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pg_dump_that_was_killed_is_not_told_to_ask_for_rights() {
    let mut stage = Stage::new().await;
    let fake = stage.folder.path().join("bin");
    fs::create_dir(&fake).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --version) exec {}/pg_dump --version;; esac\nkill -9 $$\n",
        binaries().folder().display()
    );
    fs::write(fake.join("pg_dump"), script).unwrap();
    fs::set_permissions(fake.join("pg_dump"), fs::Permissions::from_mode(0o755)).unwrap();
    stage.options.scratch.search = Search { explicit: Some(fake), ..Search::default() };
    let Err(BackupFailure::Impossible { message, remedy, .. }) = stage.back_up().await else {
        panic!("a backup")
    };
    assert!(message.contains("signal 9"), "{message}");
    assert!(remedy.contains("memory ran out"), "{remedy}");
    assert_eq!(stage.names(), [] as [&str; 0]);
}
