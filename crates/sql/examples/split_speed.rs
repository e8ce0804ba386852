//! How fast the splitter reads, in MB/s (10^6 bytes), on text made in memory:
//! `cargo run --release -p stopover-sql --example split_speed`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use stopover_sql::{Splitter, dump::DumpScanner};

const CHUNK_BYTES: usize = 1 << 20;
const ROUNDS: usize = 5;

fn main() {
    let bytes = 256 << 20;
    report("COPY data", &copy_data(bytes));
    report(
        "COPY data, one-byte rows",
        &format!("COPY t FROM stdin;\n{}\\.\n", "1\n".repeat(bytes / 2)),
    );
    report("INSERT statements", &inserts(bytes / 4));
    report("functions", &functions(bytes / 4));
}

fn copy_data(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + (1 << 20));
    let mut row = 0_u64;
    while text.len() < bytes {
        let table = row;
        _ = writeln!(
            text,
            "--\n-- Data for Name: t{table}\n--\n\nCOPY public.t{table} (a, b, c) FROM stdin;"
        );
        for _ in 0..100_000 {
            row += 1;
            _ = writeln!(
                text,
                "{row}\tcustomer {row}\t2024-01-01 00:00:00+00\t\\N\ttext \\\\ of it"
            );
        }
        text.push_str("\\.\n\n");
    }
    text
}

fn inserts(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 200);
    let mut row = 0_u64;
    while text.len() < bytes {
        row += 1;
        _ = writeln!(
            text,
            "INSERT INTO public.t (a, b, c) VALUES ({row}, 'customer''s {row}', '2024-01-01', NULL);"
        );
    }
    text
}

fn functions(bytes: usize) -> String {
    let body = "  IF a > 1 THEN -- it's\n    PERFORM f('x;y', $1);\n  END IF;\n".repeat(20);
    let function = format!(
        "CREATE FUNCTION public.f(a integer) RETURNS void\n    LANGUAGE plpgsql\n    AS $_$\nBEGIN\n{body}END;\n$_$;\n\n"
    );
    function.repeat(bytes / function.len())
}

fn report(what: &str, text: &str) {
    let mut best = f64::MAX;
    let mut pieces = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        pieces = read(text.as_bytes());
        best = best.min(start.elapsed().as_secs_f64());
    }
    let megabytes = text.len() as f64 / 1e6;
    println!("{what}: {:.0} MB/s ({megabytes:.0} MB, {pieces} pieces)", megabytes / best);
}

fn read(text: &[u8]) -> u64 {
    let mut splitter = Splitter::new();
    let mut scanner = DumpScanner::new();
    let mut pieces = 0;
    for chunk in text.chunks(CHUNK_BYTES) {
        splitter.feed(chunk);
        while let Ok(Some(piece)) = splitter.next_piece() {
            scanner.piece(black_box(&piece));
            pieces += 1;
        }
    }
    pieces
}
