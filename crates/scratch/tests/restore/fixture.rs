//! A shop's database and its dumps, made once; a second server to restore them into.

use std::io::Cursor;
use std::path::PathBuf;

use stopover_model::{Event, Silent};
use stopover_scratch::backup::{Backup, BackupPath};
use stopover_scratch::binaries::Program;
use stopover_scratch::restore::{RestoreError, RestoreTarget, Restored, restore};
use stopover_testkit::{Access, TestDatabase, TestServer, binaries};
use tokio::sync::OnceCell;

/// The server that backups are restored into: not the one they were dumped from, whose superuser
/// the dumps name.
static SCRATCH: OnceCell<TestServer> = OnceCell::const_new();
static SHOP: OnceCell<Shop> = OnceCell::const_new();

/// A dumped database.
pub(crate) struct Shop {
    pub(crate) database: TestDatabase,
    folder: tempfile::TempDir,
    /// The plain dump.
    pub(crate) plain: String,
}

impl Shop {
    /// A file of the shop's folder, made by pg_dump when it is not there.
    pub(crate) fn dump(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.folder.path().join(name);
        if !path.exists() {
            let file = format!("--file={}", path.display());
            self.database.pg_dump(&[&[file.as_str()], arguments].concat());
        }
        path
    }
}

/// The shop.
pub(crate) async fn shop() -> &'static Shop {
    SHOP.get_or_init(|| async {
        let database = TestDatabase::create().await;
        database.psql(
            "DO $$ BEGIN CREATE ROLE shop_app; CREATE ROLE shop_reader;
             EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
        );
        database.psql(include_str!("shop.sql"));
        let plain = database.pg_dump(&[]);
        Shop { database, folder: tempfile::tempdir().unwrap(), plain }
    })
    .await
}

/// A database that a backup was restored into; dropped at the test's end by its server's end.
pub(crate) struct Scratch {
    pub(crate) target: RestoreTarget,
    pub(crate) access: Access,
}

impl Scratch {
    /// A name on the scratch server; nothing is there yet.
    pub(crate) async fn new() -> Self {
        let server = SCRATCH.get_or_init(TestServer::start).await;
        let database = format!("scratch_{:016x}", rand::random::<u64>());
        let target = RestoreTarget {
            superuser: server.access().config().clone(),
            database: database.clone(),
            pg_restore: Some(binaries()),
            sessions: None,
            spool: Some(std::env::temp_dir()),
        };
        Self { target, access: server.access().to(&database) }
    }

    /// The server's own database, as its superuser.
    pub(crate) fn maintenance(&self) -> Access {
        self.access.to("postgres")
    }

    pub(crate) async fn restore(&self, backup: Backup) -> Result<Restored, RestoreError> {
        restore(backup, &self.target, &mut Silent).await
    }

    /// Restores text as if it were piped in.
    pub(crate) async fn restore_text(&self, text: &[u8]) -> Result<Restored, RestoreError> {
        self.restore(piped(text)).await
    }

    pub(crate) async fn restore_path(&self, path: PathBuf) -> Result<Restored, RestoreError> {
        let backup = Backup::open(&BackupPath::of(&path)).map_err(RestoreError::Backup)?;
        self.restore(backup).await
    }
}

/// Restores text into a database of its own that nobody looks at.
pub(crate) async fn restored(text: &[u8]) -> Result<Restored, RestoreError> {
    Scratch::new().await.restore_text(text).await
}

/// Restores while noting all events.
pub(crate) async fn events_of(text: &[u8]) -> Vec<Event> {
    let scratch = Scratch::new().await;
    let mut events = Vec::new();
    let mut sink = |event| events.push(event);
    restore(piped(text), &scratch.target, &mut sink).await.unwrap();
    events
}

/// A backup on standard input.
pub(crate) fn piped(text: &[u8]) -> Backup {
    Backup::from_reader("-", Box::new(Cursor::new(text.to_vec()))).unwrap()
}

/// A whole plain dump with `body` as its content.
pub(crate) fn dump_of(body: &str) -> Vec<u8> {
    format!(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n\
         -- Dumped from database version 15.4\n-- Dumped by pg_dump version 15.4\n\n\
         SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\n\
         SET standard_conforming_strings = on;\n\
         SELECT pg_catalog.set_config('search_path', '', false);\n\n{body}\n\n\
         --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"
    )
    .into_bytes()
}

/// What pg_dump says of a database, without what differs from run to run.
pub(crate) fn dumped(access: &Access) -> String {
    let said = access.run(Program::PgDump, &[]);
    assert!(said.success, "{}", said.errors);
    said.output
        .lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .map(|line| format!("{line}\n"))
        .collect()
}
