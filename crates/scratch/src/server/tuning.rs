//! The settings of a private server: reachable by nobody else, fast because it is thrown away,
//! fitted to the machine.

use std::fmt::Write;
use std::path::Path;

use super::machine::Machine;
use super::options::{Durability, Reach, ServerOptions};
use crate::watch::Environment;

const MIB: u64 = 1 << 20;

/// What our own settings begin with.
pub(crate) const OURS: &str = "\n# stopover\n";

/// The lines to append to `postgresql.conf`; later lines win there, so the caller's come last.
pub(crate) fn configuration(
    options: &ServerOptions,
    machine: Machine,
    major: u32,
    place: Place<'_>,
    stage: Stage,
) -> String {
    let machine = Machine { memory: options.memory.unwrap_or(machine.memory), ..machine };
    let mut settings = reach(options.reach, place);
    settings.extend(by_durability(options.durability, major));
    settings.extend(fitted(machine, most_buffers(options.durability, stage)));
    settings.extend(conduct(major));
    settings.extend(by_stage(options.durability, stage, machine));
    settings.extend(options.settings.iter().cloned());
    let mut text = String::from(OURS);
    for (name, value) in settings {
        // A quote is doubled; a backslash too, for it escapes inside quotes there.
        let quoted = value.replace('\\', "\\\\").replace('\'', "''");
        let _infallible = writeln!(text, "{name} = '{quoted}'");
    }
    text
}

/// How many sessions there may be.
const CONNECTIONS: u64 = 50;

/// How many locks there is room for while migrations run, at least: a power of two, for that is how
/// the server rounds the size of its table up.
const LOCKS: u64 = 8192;

/// Where the server is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) socket: &'a Path,
    pub(crate) port: u16,
}

/// What the server is for at the moment: some of it needs a restart to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// To be filled.
    Restore,
    /// Migrations are looked at while they run. There are so many files in its databases, and no
    /// more tables.
    Migrations { files: u64 },
}

/// Whether the server does nothing but restore, and is started anew for what comes then.
fn only_restores(durability: Durability, stage: Stage) -> bool {
    durability == Durability::ThrowAway && stage == Stage::Restore
}

/// What the server finds in its environment.
///
/// Sorting for indexes goes to and fro in as much memory as a session has for it. In large pages of
/// the system's the processor finds its way there faster: a restore takes 2 % less time. That is
/// glibc's setting; other C libraries, and systems without large pages, do not know it.
pub(crate) fn environment(durability: Durability, stage: Stage) -> Environment {
    if only_restores(durability, stage) {
        return &[("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")];
    }
    &[]
}

type Settings = Vec<(String, String)>;

fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Nobody but this user gets to the server: a socket in a closed folder, and no TCP unless it is
/// asked for.
fn reach(reach: Reach, Place { socket, port }: Place<'_>) -> Settings {
    let addresses = if reach == Reach::Loopback { "127.0.0.1" } else { "" };
    // The value is a list: a path with a comma must be in double quotes, and those doubled.
    let socket = format!("\"{}\"", socket.to_string_lossy().replace('"', "\"\""));
    settings([
        ("listen_addresses", addresses),
        ("port", &port.to_string()),
        ("unix_socket_directories", &socket),
        ("unix_socket_permissions", "0700"),
        ("ssl", "off"),
    ])
}

fn by_durability(durability: Durability, major: u32) -> Settings {
    match durability {
        Durability::ThrowAway => {
            let mut throw_away = settings([
                ("fsync", "off"),
                ("full_page_writes", "off"),
                ("synchronous_commit", "off"),
                ("max_wal_senders", "0"),
            ]);
            if major >= 12 {
                throw_away.extend(settings([("wal_init_zero", "off")]));
            }
            throw_away
        }
        Durability::LikeProduction => settings([
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("synchronous_commit", "on"),
            ("wal_level", "replica"),
        ]),
    }
}

/// What is best for a restore and wrong for migrations.
///
/// - With minimal WAL, COPY and index builds on new tables skip the WAL. A migration is to be told
///   what it writes in production.
/// - Dumps with thousands of tables are restored by one transaction. But whoever looks at locks
///   pays for the size of their table, used or not: 0.1 ms with room for 60,000, a third of that
///   with 8,000, which a server as it is out of the box has as well. `pg_dump` has locked every
///   table of production's at once, so there is room for all of them in any case.
fn by_stage(durability: Durability, stage: Stage, machine: Machine) -> Settings {
    match stage {
        Stage::Restore => {
            let mut restore = settings([("max_locks_per_transaction", "1024")]);
            if durability == Durability::ThrowAway {
                restore.extend(settings([("wal_level", "minimal")]));
            }
            restore
        }
        Stage::Migrations { files } => {
            // Autovacuum's launcher and three workers have their share, too.
            let sessions = CONNECTIONS + 4 + workers(machine);
            let each = (files.max(LOCKS) / sessions).max(64);
            settings([("max_locks_per_transaction", &each.to_string()), ("wal_level", "replica")])
        }
    }
}

/// The most shared buffers.
///
/// For migrations 512 MiB: more only makes the start slower, and each session that touches them. A
/// restore reads nothing twice. COPY writes through a ring of an eighth of them: a small one stays in
/// the processor's cache, from which it is written out soon. With 64 MiB, or a half or a quarter of
/// that, a restore took 3 % less of the processor than with 512, with 2 GiB 4 % more.
fn most_buffers(durability: Durability, stage: Stage) -> u64 {
    if only_restores(durability, stage) { 64 * MIB } else { 512 * MIB }
}

/// What depends on memory and cores.
///
/// Shared buffers are a quarter of the memory as everywhere, but not more than `most`. What is not in
/// them is in the system's cache. `maintenance_work_mem` stays at
/// PostgreSQL's own default: production's is not known; restores set their own.
fn fitted(machine: Machine, most: u64) -> Settings {
    let megabytes = |bytes: u64| format!("{}MB", bytes / MIB);
    let buffers = (machine.memory / 4).clamp(16 * MIB, most);
    let work = (machine.memory / 512).clamp(4 * MIB, 64 * MIB);
    settings([
        ("shared_buffers", &megabytes(buffers)),
        ("effective_cache_size", &megabytes((machine.memory / 2).max(16 * MIB))),
        ("work_mem", &megabytes(work)),
        ("maintenance_work_mem", "64MB"),
        ("max_worker_processes", &workers(machine).to_string()),
        ("max_parallel_workers", &machine.cores.to_string()),
        ("max_parallel_maintenance_workers", &(machine.cores / 2).clamp(1, 4).to_string()),
    ])
}

fn workers(machine: Machine) -> u64 {
    machine.cores.max(8)
}

/// How the server behaves.
///
/// - `autovacuum` is off: a worker that meets a migration on the same table makes it wait (up to
///   `deadlock_timeout`), at moments that differ from run to run, and during a restore it reads
///   everything twice. Statistics come from the ANALYZE after the restore. Against wraparound the
///   server still starts workers by itself.
/// - `dynamic_shared_memory_type` is `mmap`: its segments lie in the data folder and go with it
///   even after SIGKILL, and a container's small `/dev/shm` is no bound.
/// - `huge_pages` is off: a database host's reserved pages belong to its own server.
/// - `log_min_error_statement` is `panic`: no statement's text, thus no data and no password,
///   gets into the log.
fn conduct(major: u32) -> Settings {
    let mut conduct = settings([
        ("autovacuum", "off"),
        ("max_connections", &CONNECTIONS.to_string()),
        ("max_wal_size", "4GB"),
        ("checkpoint_timeout", "1h"),
        ("dynamic_shared_memory_type", "mmap"),
        ("huge_pages", "off"),
        ("restart_after_crash", "off"),
        ("password_encryption", "scram-sha-256"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("cluster_name", "stopover"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
        ("log_min_messages", "warning"),
        ("log_min_error_statement", "panic"),
        ("log_statement", "none"),
        ("log_checkpoints", "off"),
        ("log_line_prefix", "%m [%p] "),
    ]);
    if major >= 11 {
        conduct.extend(settings([("jit", "off")]));
    }
    conduct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(options: &ServerOptions, memory: u64) -> String {
        let machine = Machine { memory, cores: 2 };
        let place = Place { socket: Path::new("/tmp/it's, \"here\""), port: 6001 };
        configuration(options, machine, 15, place, Stage::Restore)
    }

    #[test]
    fn memory_is_fitted_within_bounds() {
        let options = ServerOptions::default();
        let small = text(&options, 40 * MIB);
        assert!(small.contains("shared_buffers = '16MB'"), "{small}");
        assert!(small.contains("work_mem = '4MB'"), "{small}");
        let large = text(&options, 512 << 30);
        assert!(large.contains("shared_buffers = '64MB'"), "{large}");
        assert!(large.contains("work_mem = '64MB'"), "{large}");
    }

    #[test]
    fn migrations_write_all_wal_and_find_room_for_as_many_locks_as_there_are_tables() {
        let options = ServerOptions::default();
        let machine = Machine { memory: 1 << 30, cores: 2 };
        let text = |stage| {
            let place = Place { socket: Path::new("/s"), port: 6001 };
            configuration(&options, machine, 15, place, stage)
        };
        assert!(text(Stage::Restore).contains("wal_level = 'minimal'"));
        let usual = text(Stage::Migrations { files: 900 });
        assert!(usual.contains("shared_buffers = '256MB'"), "{usual}");
        assert!(usual.contains("wal_level = 'replica'") && !usual.contains("minimal"), "{usual}");
        // With 62 processes there are 8,184.
        assert!(usual.contains("max_locks_per_transaction = '132'"), "{usual}");
        let many = text(Stage::Migrations { files: 620_000 });
        assert!(many.contains("max_locks_per_transaction = '10000'"), "{many}");
    }

    #[test]
    fn what_helps_a_restore_only_is_not_there_for_migrations() {
        let migrations = Stage::Migrations { files: 1 };
        assert!(!environment(Durability::ThrowAway, Stage::Restore).is_empty());
        // It is not started anew between the two.
        assert!(environment(Durability::LikeProduction, Stage::Restore).is_empty());
        assert_eq!(most_buffers(Durability::LikeProduction, Stage::Restore), 512 * MIB);
        for durability in [Durability::ThrowAway, Durability::LikeProduction] {
            assert!(environment(durability, migrations).is_empty());
            assert_eq!(most_buffers(durability, migrations), 512 * MIB);
        }
    }

    #[test]
    fn values_are_quoted_and_the_callers_settings_come_last() {
        let options = ServerOptions {
            settings: vec![("jit".to_owned(), "on".to_owned())],
            ..ServerOptions::default()
        };
        let text = text(&options, 1 << 30);
        assert!(text.ends_with("jit = 'on'\n"));
        let socket = r#"unix_socket_directories = '"/tmp/it''s, ""here"""'"#;
        assert!(text.contains(socket), "{text}");
    }
}
