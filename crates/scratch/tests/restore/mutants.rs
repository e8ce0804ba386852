//! Dumps that something has happened to: bytes flipped, cut off, left out, doubled, pasted. The
//! restore never crashes or hangs, and is green only where nothing could be noticed.
//!
//! A short run by default; `STOPOVER_TEST_MUTANTS=1000` says how many, `STOPOVER_TEST_SEED=7` where
//! to begin. The seed of a failure is in its message.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use stopover_scratch::backup::Backup;
use stopover_scratch::binaries::Program;
use stopover_scratch::restore::{RestoreError, Restored};
use stopover_testkit::Access;

use crate::fixture::{Scratch, dump_of};

const MUTANTS: u64 = 30;
/// Longer than any of these takes on a busy machine.
const HANGS_AFTER: Duration = Duration::from_secs(120);

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(otherwise)
}

/// A dump of a few tables, small enough that a flipped byte often hits a statement.
fn original() -> Vec<u8> {
    let mut body = String::from(
        "CREATE TYPE public.mood AS ENUM ('sad', 'ok');\n\
         CREATE FUNCTION public.f(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $_$\n\
             SELECT $1 + 1; -- ';'\n$_$;\n",
    );
    for table in ["orders", "\"Order, items\"", "customers"] {
        let rows: String =
            (1..400).map(|n| format!("{n}\tok\t{{\"n\": {n}}}\tline\\n{n}\\\\\t\\N\n")).collect();
        body.push_str(&format!(
            "CREATE TABLE public.{table} (id integer NOT NULL, mood public.mood, doc jsonb, \
             text text, empty text);\nALTER TABLE public.{table} OWNER TO mutant_app;\n\
             COPY public.{table} (id, mood, doc, text, empty) FROM stdin;\n{rows}\\.\n\n"
        ));
    }
    body.push_str(
        "ALTER TABLE ONLY public.orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n\
         CREATE INDEX more ON public.orders USING btree (public.f(id));\n\
         ALTER TABLE ONLY public.customers ADD CONSTRAINT c FOREIGN KEY (id) \
             REFERENCES public.orders(id);\n",
    );
    dump_of(&body)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// What another decompressor makes of it; `None` when it is not whole.
fn gunzip(file: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut text).ok().map(|_| text)
}

/// Does something to bytes; says what.
fn harm(bytes: &mut Vec<u8>, random: &mut StdRng) -> &'static str {
    let at = random.random_range(0..bytes.len());
    let length = random.random_range(1..=(bytes.len() - at).min(2_000));
    match random.random_range(0..6) {
        0 => {
            bytes[at] ^= 1 << random.random_range(0..8);
            "a bit flipped"
        }
        1 => {
            bytes[at] = b"\\';$\"\n\t\0\x1f-(E"[random.random_range(0..12)];
            "a byte replaced"
        }
        2 => {
            bytes.truncate(at);
            "cut off"
        }
        3 => {
            bytes.drain(at..at + length);
            "a piece left out"
        }
        4 => {
            let piece = bytes[at..at + length].to_vec();
            bytes.splice(at..at, piece);
            "a piece doubled"
        }
        _ => {
            let mut noise = vec![0; length.min(40)];
            random.fill_bytes(&mut noise);
            bytes.splice(at..at, noise);
            "noise pasted"
        }
    }
}

/// Restores bytes; the database is dropped again, and what came of it is looked at before.
async fn restore(
    bytes: &[u8],
    look: impl FnOnce(&Access, &Restored),
) -> Result<Restored, RestoreError> {
    let file = std::io::Cursor::new(bytes.to_vec());
    let backup = Backup::from_reader("-", Box::new(file)).map_err(RestoreError::Backup)?;
    let scratch = Scratch::new().await;
    let restoring = tokio::time::timeout(HANGS_AFTER, scratch.restore(backup));
    let restored = restoring.await.expect("the restore hangs");
    if let Ok(restored) = &restored {
        look(&scratch.access, restored);
    }
    let name = scratch.access.database();
    scratch.maintenance().psql(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
    restored
}

/// Whether psql takes the text as well, as a superuser, without an error.
async fn psql_takes(text: &[u8]) -> bool {
    let scratch = Scratch::new().await;
    let maintenance = scratch.maintenance();
    let name = scratch.access.database();
    maintenance.psql(&format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().display().to_string();
    let arguments = ["-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-f", &path];
    let said = scratch.access.run(Program::Psql, &arguments);
    maintenance.psql(&format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    said.success
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harmed_gzip_is_red_unless_its_text_is_the_same() {
    let text = original();
    let file = gzip(&text);
    let from = number("STOPOVER_TEST_SEED", 1);
    for seed in from..from + number("STOPOVER_TEST_MUTANTS", MUTANTS) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut mutant = file.clone();
        let harmed = harm(&mut mutant, &mut random);
        let restored = restore(&mutant, |_, _| ()).await;
        let same = gunzip(&mutant).as_ref() == Some(&text);
        assert!(same || restored.is_err(), "seed {seed}: {harmed}, and green");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harmed_plain_dump_is_red_or_one_that_psql_takes_too() {
    let text = original();
    let from = number("STOPOVER_TEST_SEED", 1);
    Scratch::new().await.maintenance().psql(
        "DO $$ BEGIN CREATE ROLE mutant_app; EXCEPTION WHEN duplicate_object OR unique_violation
         THEN NULL; END $$",
    );
    for seed in from..from + number("STOPOVER_TEST_MUTANTS", MUTANTS) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut mutant = text.clone();
        let harmed = harm(&mut mutant, &mut random);
        let whole = mutant.windows(36).any(|it| it == b"-- PostgreSQL database dump complete");
        let Ok(restored) = restore(&mutant, |_, _| ()).await else { continue };
        assert!(whole, "seed {seed}: {harmed}, its last line is missing, and green");
        // A role that the mutant has made up is there for us, and not for psql.
        let forgiven = !restored.known_errors.is_empty() || restored.roles != ["mutant_app"];
        let taken = forgiven || psql_takes(&mutant).await;
        assert!(taken, "seed {seed}: {harmed}, psql fails, and green");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joined_gzip_members_are_one_dump_wherever_they_are_joined() {
    let text = original();
    let mut random = StdRng::seed_from_u64(number("STOPOVER_TEST_SEED", 1));
    for _ in 0..number("STOPOVER_TEST_MUTANTS", MUTANTS) / 6 {
        let mut places: Vec<usize> =
            (0..random.random_range(1..5)).map(|_| random.random_range(0..text.len())).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let file: Vec<u8> = places.windows(2).flat_map(|it| gzip(&text[it[0]..it[1]])).collect();
        let restored = restore(&file, |access, _| {
            let rows = access.psql("SELECT count(*) FROM orders, customers");
            assert_eq!(rows, (399 * 399).to_string(), "{places:?}");
        });
        assert_eq!(restored.await.unwrap().rows, 3 * 399, "{places:?}");
    }
}
