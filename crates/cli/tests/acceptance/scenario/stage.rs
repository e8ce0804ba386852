//! Where a scenario plays: a database, a folder, roles, sessions that hold something.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex_lite::Regex;
use stopover_testkit::{Redactor, TestDatabase};
use tempfile::TempDir;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::script::Step;
use crate::program::{Call, Said};

/// The password of every role that a scenario makes.
const PASSWORD: &str = "scenario-secret";

pub(crate) struct Stage {
    // Sessions end before their database goes.
    holding: BTreeMap<String, Client>,
    client: Client,
    roles: BTreeMap<String, String>,
    folder: TempDir,
    version: String,
    database: TestDatabase,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await;
        let client = database.client().await;
        let folder = tempfile::tempdir().expect("a folder can be made");
        let version = client.query_one("SHOW server_version", &[]).await.expect("a version");
        let version: String = version.get(0);
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        let (holding, roles) = (BTreeMap::new(), BTreeMap::new());
        Self { holding, client, roles, folder, version, database }
    }

    pub(crate) async fn play(&mut self, step: &mut Step) {
        let head = step.head.clone();
        let (verb, rest) = head.split_once(' ').unwrap_or((&head, ""));
        let body = self.filled(&step.body);
        match verb {
            "file" => self.write(rest, &step.body),
            "remove" => self.remove(rest),
            "sql" => sql(&self.client, &body).await,
            "role" => self.role(rest).await,
            "dump" => self.dump(rest),
            "hold" => self.hold(rest, &body).await,
            "release" => self.release(rest).await,
            "query" => {
                let rows = self.query(&body).await;
                step.happened([("rows", self.redacted(&rows))]);
            }
            "listing" => step.happened([("files", self.redacted(&listing(&self.path(rest))))]),
            "content" => {
                let text = fs::read_to_string(self.path(rest)).expect("the file can be read");
                step.happened([("text", text)]);
            }
            "quietly" => drop(self.run(rest).exits(0)),
            "$" => {
                let said = self.run(&head);
                let (stdout, stderr) = (self.redacted(&said.stdout), self.redacted(&said.stderr));
                step.body = format!("{}\n", said.end);
                step.happened([("stdout", stdout), ("stderr", stderr)]);
            }
            other => panic!("no step is called {other:?}"),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Roles' real names, and URLs.
    fn filled(&self, text: &str) -> String {
        let host = self.host();
        let known = [
            ("${url}", self.database.url()),
            ("${host}", host),
            ("${database}", self.database.database().to_owned()),
        ];
        let mut text =
            known.iter().fold(text.to_owned(), |text, (word, it)| text.replace(word, it));
        for (name, real) in &self.roles {
            let url = self.database.as_role(real, PASSWORD).url();
            text = text.replace(&format!("${{url:{name}}}"), &url);
            text = text.replace(&format!("${{{name}}}"), real);
        }
        text
    }

    fn host(&self) -> String {
        match self.database.config().get_hosts().first() {
            Some(Host::Unix(folder)) => folder.display().to_string(),
            Some(Host::Tcp(name)) => name.clone(),
            None => "localhost".to_owned(),
        }
    }

    /// A dump of the database: plain, or as pg_dump's further arguments say.
    fn dump(&self, head: &str) {
        let (path, arguments) = head.split_once(' ').unwrap_or((head, ""));
        let file = self.path(path).display().to_string();
        let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
        arguments.extend(["--file", &file]);
        self.database.pg_dump(&arguments);
    }

    fn write(&self, head: &str, body: &str) {
        let mut words = head.split(' ');
        let path = self.path(words.next().expect("a path"));
        let mut text = body.to_owned();
        let mut latin1 = false;
        for word in words {
            match word {
                "crlf" => text = text.replace('\n', "\r\n"),
                "bom" => text.insert(0, '\u{feff}'),
                "bare" => text.truncate(text.trim_end().len()),
                "latin1" => latin1 = true,
                other => panic!("no form of a file is called {other:?}"),
            }
        }
        let bytes = if latin1 {
            text.chars().map(|it| u8::try_from(u32::from(it)).expect("a Latin-1 text")).collect()
        } else {
            text.into_bytes()
        };
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
        fs::write(path, bytes).expect("the file can be written");
    }

    fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
            .expect("there is something to remove");
    }

    /// Roles belong to the whole server, which other tests share: their real names are unique,
    /// and dropping the database takes their rights away but not them.
    async fn role(&mut self, name: &str) {
        let real = format!("{name}_{}", self.database.database());
        let create = format!("CREATE ROLE {real} LOGIN PASSWORD '{PASSWORD}'");
        sql(&self.client, &create).await;
        self.roles.insert(name.to_owned(), real);
    }

    async fn hold(&mut self, head: &str, body: &str) {
        let (name, time) = head.split_once(" for ").map_or((head, None), |it| (it.0, Some(it.1)));
        let client = self.database.client().await;
        sql(&client, body).await;
        let Some(time) = time else {
            self.holding.insert(name.to_owned(), client);
            return;
        };
        let time = time.strip_suffix("ms").and_then(|it| it.parse().ok()).expect("a time in ms");
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(time)).await;
            drop(client);
        });
    }

    /// Ends a session, and waits until the server has ended it, too: until then it has its locks.
    async fn release(&mut self, name: &str) {
        let holder = self.holding.remove(name).expect("a session of that name");
        let process = holder.query_one("SELECT pg_backend_pid()", &[]).await.expect("a process");
        let process: i32 = process.get(0);
        drop(holder);
        let there = format!("SELECT FROM pg_stat_get_activity({process})");
        while !self.query(&there).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Rows as psql prints them unaligned, with `NULL` spelled out.
    async fn query(&self, sql: &str) -> String {
        let messages = self.client.simple_query(sql).await;
        let messages = messages.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let mut text = String::new();
        for message in messages {
            let SimpleQueryMessage::Row(row) = message else { continue };
            let values: Vec<_> = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL")).collect();
            text.push_str(&values.join(" | "));
            text.push('\n');
        }
        text
    }

    fn run(&self, command: &str) -> Said {
        let command = command.strip_prefix("$ ").expect("a command after $");
        let mut words = words(command).into_iter().peekable();
        let mut call =
            Call::in_folder(self.folder.path()).variable("DATABASE_URL", self.database.url());
        while let Some((name, value)) = words.peek().and_then(|it| it.split_once('=')) {
            call = call.variable(name, self.filled(value));
            words.next();
        }
        assert_eq!(words.next().as_deref(), Some("stopover"), "{command}");
        call.arguments(words.map(|it| self.filled(&it))).run()
    }

    /// The text without what differs from run to run.
    fn redacted(&self, text: &str) -> String {
        let superuser = self.database.config().get_user().unwrap_or_default();
        let mut redactor = Redactor::new()
            .path(self.folder.path(), "[FOLDER]")
            .word(&self.host(), "[HOST]")
            .word(&self.host().replace('/', "%2F"), "[HOST]")
            .word(&self.version, "[VERSION]")
            .word(superuser, "[SUPERUSER]")
            .word(self.database.database(), "[DATABASE]");
        for (name, real) in &self.roles {
            redactor = redactor.word(real, name);
        }
        let mut text = redactor.redact(text);
        let rules = [
            (r"\bpid \d+", "pid [PID]"),
            (r"_backend\(\d+\)", "_backend([PID])"),
            (r"\b[0-9a-f]{64}\b", "[SHA256]"),
            (r"\b[0-9a-f]{16}-[0-9a-f]{16}\b", "[RECEIPT]"),
            (r"\(os error \d+\)", "(os error [N])"),
            // A version that is a time of day: of now, not of the years that scenarios play in.
            (r"\b\d+ B,", "[N] B,"),
            (r"\b20(2[5-9]|[3-9]\d)-?\d\d-?\d\d-?\d{6}(_|\b)", "[NOW]_"),
            // How wide a column of times is depends on the times.
            (r" +\[N ms\]", " [N ms]"),
        ];
        for (pattern, word) in rules {
            let pattern = Regex::new(pattern).expect("a valid pattern");
            text = pattern.replace_all(&text, word).into_owned();
        }
        unwrapped(&text)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let drops: Vec<_> =
            self.roles.values().map(|it| format!("DROP OWNED BY {it}; DROP ROLE {it};")).collect();
        if !drops.is_empty() && !std::thread::panicking() {
            self.database.psql(&drops.concat());
        }
    }
}

/// Where a line is broken depends on how long what was replaced had been: such lines are joined
/// again.
fn unwrapped(text: &str) -> String {
    const INDENT: &str = "      ";
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last)
                if line.starts_with(INDENT)
                    && last.starts_with("error: ")
                    && ["[HOST]", "[PID]"].iter().any(|word| last.contains(word)) =>
            {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

async fn sql(client: &Client, sql: &str) {
    let done = client.batch_execute(sql).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Words apart by blanks; double quotes keep some together.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for character in command.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words
}

/// The files below a folder, sorted, folders left out.
fn listing(folder: &Path) -> String {
    fn collect(folder: &Path, base: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, base, found);
            } else {
                let path = path.strip_prefix(base).expect("a path below");
                found.push(path.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, folder, &mut found);
    found.sort();
    found.join("\n")
}
