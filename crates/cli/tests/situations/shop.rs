//! The small shop that every situation begins with: a folder of migrations, applied to a real
//! database, filled, and dumped by the real pg_dump.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use stopover_scratch::binaries::Program;
use stopover_testkit::{BARE, TestDatabase};
use tempfile::TempDir;

/// The tool's program, as cargo built it.
pub(crate) const STOPOVER: &str = env!("CARGO_BIN_EXE_stopover");

/// A working folder with `migrations/` and backups beside it.
pub(crate) struct Shop {
    folder: TempDir,
    /// Production.
    pub(crate) database: TestDatabase,
}

/// What one run of the tool came to.
pub(crate) struct Run {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    /// The report of a rehearsal that is red with this exit code.
    pub(crate) fn red(&self) -> Red {
        assert_eq!(self.exit, 6, "{}\n{}", self.out, self.err);
        let report = self.json();
        assert_eq!(report["verdict"], "red", "{report:#}");
        let detail = report["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.len() <= 4096);
        Red { detail, report }
    }

    /// The report of a green one.
    pub(crate) fn green(&self) -> Value {
        let report = self.json();
        assert_eq!(self.exit, 0, "{report:#}\n{}", self.err);
        assert_eq!(report["verdict"], "green", "{report:#}");
        report
    }
}

pub(crate) struct Red {
    pub(crate) detail: String,
    pub(crate) report: Value,
}

impl Red {
    pub(crate) fn first_line(&self) -> &str {
        self.detail.lines().next().unwrap_or_default()
    }

    pub(crate) fn codes(&self) -> Vec<&str> {
        let findings = self.report["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
        findings
            .iter()
            .filter(|it| it["severity"] == "error")
            .filter_map(|it| it["code"].as_str())
            .collect()
    }
}

impl Shop {
    /// The shop in production: three migrations applied, a thousand orders.
    pub(crate) async fn open() -> Self {
        let shop = Self { folder: TempDir::new().unwrap(), database: TestDatabase::create().await };
        fs::create_dir(shop.path("migrations")).unwrap();
        shop.migration(
            "1_customers.up.sql",
            "create table customers (id int primary key, email text);\n",
        );
        shop.migration(
            "2_orders.up.sql",
            "create table orders (\n  id int primary key,\n  customer int,\n  note text\n);\n",
        );
        shop.migration("9_index.up.sql", "create index on orders (customer);\n");
        let applied = shop.run(&["apply", "--database-url", &shop.database.url()]);
        assert_eq!(applied.exit, 0, "{}", applied.err);
        shop.database.psql(
            "insert into customers select i, 'c' || i || '@example.org' from generate_series(1, 100) i;
             insert into orders select i, i % 120, case when i % 100 <> 7 then 'fine' end
             from generate_series(1, 1000) i",
        );
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn migration(&self, name: &str, text: &str) {
        self.file(&format!("migrations/{name}"), text.as_bytes());
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Dumps production to `name` by the real pg_dump; `.gz` is packed by the real gzip.
    pub(crate) fn dump(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let plain = self.path(name.trim_end_matches(".gz"));
        let file = plain.to_str().unwrap();
        let said = self.database.run(Program::PgDump, &[&["-f", file], arguments].concat());
        assert!(said.success, "{}", said.errors);
        if name.ends_with(".gz") {
            let packed = Command::new("gzip").arg("-f").arg(&plain).status().unwrap();
            assert!(packed.success());
        }
        self.path(name)
    }

    /// The tool's command line in the working folder, without the caller's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(STOPOVER);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", cache()).env("NO_COLOR", "1").env_remove("DATABASE_URL");
        for (name, _) in std::env::vars() {
            let ours = name.starts_with("STOPOVER_") && name != "STOPOVER_PG_BIN";
            if ours {
                command.env_remove(name);
            }
        }
        // No dump of these tests is ever restored again.
        command.env("STOPOVER_KEEP_BASE", "never").envs(BARE);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn rehearse(&self, backup: &Path, more: &[&str]) -> Run {
        let backup = backup.to_str().unwrap();
        self.run(&[&["rehearse", "--format", "json", "--backup", backup], more].concat())
    }
}

/// One cache for all tests: the empty data folder is prepared once.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}
