//! A database and a folder of migrations, for stories that are told in Rust.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stopover_testkit::TestDatabase;
use tempfile::TempDir;

use crate::program::Call;

/// Longest wait for something that must come to pass, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Place {
    pub(crate) database: TestDatabase,
    folder: TempDir,
}

impl Place {
    /// With these files: path and text.
    pub(crate) async fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { database: TestDatabase::create().await, folder };
        for (path, text) in files {
            place.write(path, text);
        }
        place
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A call on this database, with the words of `arguments`.
    pub(crate) fn call(&self, arguments: &str) -> Call {
        Call::in_folder(self.folder())
            .variable("DATABASE_URL", self.database.url())
            .arguments(arguments.split_whitespace())
    }

    /// A plain dump of the database, at that path.
    pub(crate) fn dump(&self, path: &str) {
        self.write(path, &self.database.pg_dump(&[]));
    }

    /// Waits until the query's answer is this.
    #[track_caller]
    pub(crate) fn until(&self, query: &str, answer: &str) {
        let began = Instant::now();
        loop {
            let said = self.database.psql(query);
            if said == answer {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{query}: {said}, and never {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The versions in our ledger, ascending; empty where there is no ledger.
    pub(crate) fn ledger(&self) -> String {
        if self.database.psql("SELECT to_regclass('stopover.applied_migrations')").is_empty() {
            return String::new();
        }
        self.database.psql(
            "SELECT string_agg(version::text, ' ' ORDER BY version) \
             FROM stopover.applied_migrations",
        )
    }
}
