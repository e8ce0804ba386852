//! The picture: every crate, what it may depend on, and what it may reach.

/// Whether a crate may reach outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Values in, values out: no files, no network, no clock, no processes, no chance.
    Pure,
    /// Does what it must.
    Outside,
}

/// One crate of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Its folder under `crates/` (of an example: what its package is called); the package is
    /// `stopover-` and this, the library's `stopover` alone.
    pub(super) name: &'static str,
    pub(super) reach: Reach,
    /// What it may depend on inside the workspace, tests apart.
    pub(super) may_use: &'static [&'static str],
    /// What it is for, in a few words.
    pub(super) purpose: &'static str,
}

impl Room {
    pub(super) fn is_pure(&self) -> bool {
        self.reach == Reach::Pure
    }

    pub(super) fn package(&self) -> String {
        match self.name {
            "stopover" => self.name.to_owned(),
            name => format!("stopover-{name}"),
        }
    }
}

/// Every crate, in the order in which they build on each other.
pub(super) const ROOMS: &[Room] = &[
    Room {
        name: "model",
        reach: Reach::Pure,
        may_use: &[],
        purpose: "values that every crate speaks",
    },
    Room {
        name: "sql",
        reach: Reach::Pure,
        may_use: &[],
        purpose: "lexer, statements, the reader of plain dumps",
    },
    Room {
        name: "planner",
        reach: Reach::Pure,
        may_use: &["model", "sql"],
        purpose: "source and ledger → a plan, or every problem",
    },
    Room {
        name: "checks",
        reach: Reach::Pure,
        may_use: &["model"],
        purpose: "what was measured → findings",
    },
    Room {
        name: "lint",
        reach: Reach::Pure,
        may_use: &["model"],
        purpose: "migrations that are read and not run → findings",
    },
    Room {
        name: "source",
        reach: Reach::Outside,
        may_use: &["model", "sql"],
        purpose: "folders of migrations → a source",
    },
    Room {
        name: "backend",
        reach: Reach::Outside,
        may_use: &["model"],
        purpose: "the traits that the engine needs from a database",
    },
    Room {
        name: "engine",
        reach: Reach::Outside,
        may_use: &["model", "planner", "checks", "backend"],
        purpose: "apply and rehearse: one engine for every front end",
    },
    Room {
        name: "receipts",
        reach: Reach::Outside,
        may_use: &["model"],
        purpose: "keys, signatures, and where receipts of rehearsals lie",
    },
    Room {
        name: "postgres",
        reach: Reach::Outside,
        may_use: &["model", "sql", "backend"],
        purpose: "PostgreSQL behind the traits",
    },
    Room {
        name: "sqlite",
        reach: Reach::Outside,
        may_use: &["model", "sql", "backend"],
        purpose: "SQLite behind the traits",
    },
    Room {
        name: "contract",
        reach: Reach::Outside,
        may_use: &["model", "source", "planner", "backend", "engine"],
        purpose: "the one suite of tests that every backend passes",
    },
    Room {
        name: "scratch",
        reach: Reach::Outside,
        may_use: &["model", "sql", "backend", "postgres", "sqlite"],
        purpose: "private servers, backups and their restore",
    },
    Room {
        name: "backup",
        reach: Reach::Outside,
        may_use: &["model", "backend", "postgres", "sqlite", "scratch"],
        purpose: "backups of the target, and the proof that they restore",
    },
    Room {
        name: "carry",
        reach: Reach::Outside,
        may_use: &["model", "sql", "backend", "postgres", "scratch"],
        purpose: "schemas from one PostgreSQL database to another, tolerating statements that fail",
    },
    Room {
        name: "report",
        reach: Reach::Outside,
        may_use: &["model"],
        purpose: "events and reports → terminal, JSON, HTML, Markdown, schemas",
    },
    Room {
        name: "testkit",
        reach: Reach::Outside,
        may_use: &["scratch"],
        purpose: "servers and databases of tests",
    },
    Room {
        name: "chaos",
        reach: Reach::Outside,
        may_use: &["scratch", "testkit"],
        purpose: "crash trials: tool, server and connection killed at random",
    },
    Room {
        name: "cli",
        reach: Reach::Outside,
        may_use: &[
            "model", "sql", "source", "planner", "lint", "backend", "engine", "postgres", "sqlite",
            "scratch", "backup", "carry", "receipts", "report",
        ],
        purpose: "arguments → request → one call → exit code",
    },
    Room {
        name: "embed",
        reach: Reach::Outside,
        may_use: &[],
        purpose: "the macro that embeds a folder at compile time",
    },
    Room {
        name: "stopover",
        reach: Reach::Outside,
        may_use: &[
            "model", "source", "planner", "backend", "engine", "postgres", "sqlite", "receipts",
            "scratch", "embed",
        ],
        purpose: "the library for services: settings → request → one call → report or typed error",
    },
    Room {
        name: "example-service",
        reach: Reach::Outside,
        may_use: &["stopover"],
        purpose: "examples/service: a service that migrates its own database at boot",
    },
];

/// A package that a pure crate may not depend on, not even through others, and why.
pub(super) struct Forbidden {
    pub(super) package: &'static str,
    pub(super) why: &'static str,
}

const RUNTIME: &str = "an async runtime brings I/O, timers and threads";
const DATABASE: &str = "a database driver talks to a server or opens a file";
const NETWORK: &str = "it opens network connections";
const FILES: &str = "it reads or writes files";
const SYSTEM: &str = "it calls the operating system";
const CHANCE: &str = "chance makes the same input give different results";
const FRONT: &str = "it belongs to a front end: arguments, settings, terminals";

/// What the pure crates must not reach. Libraries of values (serde, jiff, sha2, memchr) are none
/// of these; that jiff's clock is not asked is looked for in the sources.
pub(super) const FORBIDDEN: &[Forbidden] = &[
    Forbidden { package: "tokio", why: RUNTIME },
    Forbidden { package: "async-std", why: RUNTIME },
    Forbidden { package: "smol", why: RUNTIME },
    Forbidden { package: "mio", why: RUNTIME },
    Forbidden { package: "tokio-postgres", why: DATABASE },
    Forbidden { package: "postgres", why: DATABASE },
    Forbidden { package: "rusqlite", why: DATABASE },
    Forbidden { package: "libsqlite3-sys", why: DATABASE },
    Forbidden { package: "sqlx", why: DATABASE },
    Forbidden { package: "sqlx-core", why: DATABASE },
    Forbidden { package: "diesel", why: DATABASE },
    Forbidden { package: "socket2", why: NETWORK },
    Forbidden { package: "hyper", why: NETWORK },
    Forbidden { package: "reqwest", why: NETWORK },
    Forbidden { package: "ureq", why: NETWORK },
    Forbidden { package: "rustls", why: NETWORK },
    Forbidden { package: "native-tls", why: NETWORK },
    Forbidden { package: "tempfile", why: FILES },
    Forbidden { package: "walkdir", why: FILES },
    Forbidden { package: "ignore", why: FILES },
    Forbidden { package: "glob", why: FILES },
    Forbidden { package: "notify", why: FILES },
    Forbidden { package: "fs-err", why: FILES },
    Forbidden { package: "camino-tempfile", why: FILES },
    Forbidden { package: "memmap2", why: FILES },
    Forbidden { package: "nix", why: SYSTEM },
    Forbidden { package: "rustix", why: SYSTEM },
    Forbidden { package: "rand", why: CHANCE },
    Forbidden { package: "fastrand", why: CHANCE },
    Forbidden { package: "getrandom", why: CHANCE },
    Forbidden { package: "clap", why: FRONT },
    Forbidden { package: "clap_builder", why: FRONT },
    Forbidden { package: "figment", why: FRONT },
    Forbidden { package: "indicatif", why: FRONT },
    Forbidden { package: "console", why: FRONT },
];
