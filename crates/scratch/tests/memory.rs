//! Memory stays flat however large the dump is. A test program of its own: the peak is the
//! process'.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Read};

use stopover_model::Silent;
use stopover_scratch::backup::Backup;
use stopover_scratch::restore::{RestoreTarget, restore};
use stopover_testkit::TestServer;

const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\n\
    -- Dumped from database version 12.4\n-- Dumped by pg_dump version 12.4\n\n\
    SET client_encoding = 'UTF8';\nCREATE TABLE public.wide (id integer, text text);\n\
    COPY public.wide (id, text) FROM stdin;\n";
const TAIL: &str = "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
const ROW_BYTES: usize = 1000;
const ROWS: u64 = 200 * 1024 * 1024 / ROW_BYTES as u64;

/// Rows that are written as they are read, so that the test holds none of them.
struct Rows {
    left: u64,
    row: Cursor<Vec<u8>>,
}

impl Read for Rows {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.row.position() == self.row.get_ref().len() as u64 && self.left > 0 {
            let text = "x".repeat(ROW_BYTES - 12);
            self.row = Cursor::new(format!("{:010}\t{text}\n", self.left).into_bytes());
            self.left -= 1;
        }
        self.row.read(into)
    }
}

/// The peak of this process' resident memory, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_200_mb_is_restored_within_128_mib_of_memory() {
    let server = TestServer::start().await;
    let target = RestoreTarget {
        superuser: server.access().config().clone(),
        database: "large".to_owned(),
        pg_restore: None,
        sessions: None,
        spool: Some(std::env::temp_dir()),
    };
    let rows = Rows { left: ROWS, row: Cursor::new(Vec::new()) };
    let dump = Cursor::new(HEAD).chain(rows).chain(Cursor::new(TAIL));
    let backup = Backup::from_reader("-", Box::new(dump)).unwrap();
    let restored = restore(backup, &target, &mut Silent).await.unwrap();
    assert_eq!(restored.rows, ROWS);
    assert!(restored.bytes > 200_000_000);
    let loaded = server.access().to("large").psql("SELECT count(*), sum(id) FROM wide");
    assert_eq!(loaded, format!("{ROWS}|{}", ROWS * (ROWS + 1) / 2));
    // The promise is 256 MiB; 64 of them are for data that waits.
    let peak = peak_memory();
    assert!(peak < 128 << 20, "{peak} bytes");
    server.stop().await;
}
