//! Backups that are not whole, or that do not fit: red, with the place or the name.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use stopover_scratch::backup::BackupError;
use stopover_scratch::restore::RestoreError;
use stopover_testkit::TestDatabase;

use crate::fixture::{Scratch, dump_of, restored, shop};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A dump with one table whose data makes nearly all of it.
fn orders() -> Vec<u8> {
    let rows: String = (0..100_000_u64)
        .map(|n| format!("{n}\t{:x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    dump_of(&format!(
        "CREATE TABLE public.orders (id integer, code text);\n\
         COPY public.orders (id, code) FROM stdin;\n{rows}\\.\n\
         ALTER TABLE public.orders ADD PRIMARY KEY (id);"
    ))
}

fn first_line(error: &RestoreError) -> String {
    error.to_string().lines().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_cut_at_half_is_truncated_and_names_byte_table_and_rows() {
    let file = gzip(&orders());
    let half = file.len() / 2;
    let error = restored(&file[..half]).await.unwrap_err();
    let RestoreError::Truncated { place, .. } = &error else { panic!("{error}") };
    assert_eq!(place.table.as_deref(), Some("public.orders"));
    assert!((1_000..100_000).contains(&place.rows), "{} rows", place.rows);
    let line = first_line(&error);
    assert!(line.contains(&format!("ends at byte {half}")), "{line}");
    assert!(line.contains("in the data of table public.orders, after"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_corrupt_also_when_the_server_trips_over_it_first() {
    let whole = gzip(&orders());
    for place in [2, 3, 5, 7, 9].map(|part| whole.len() * part / 10) {
        let mut file = whole.clone();
        file[place] ^= 0x10;
        let error = restored(&file).await.unwrap_err();
        let told = matches!(error, RestoreError::Corrupt { .. } | RestoreError::Truncated { .. });
        assert!(told, "byte {place}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_dump_without_its_last_lines_is_truncated() {
    let whole = orders();
    let text = String::from_utf8(whole).unwrap();
    let end = text.find("--\n-- PostgreSQL database dump complete").unwrap();
    let error = restored(&text.as_bytes()[..end]).await.unwrap_err();
    assert!(matches!(error, RestoreError::Truncated { .. }), "{error}");
    assert!(first_line(&error).contains("PostgreSQL database dump complete"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_dump_cut_in_a_tables_data_names_the_table() {
    let whole = orders();
    let error = restored(&whole[..whole.len() / 2]).await.unwrap_err();
    let RestoreError::Truncated { place, .. } = &error else { panic!("{error}") };
    assert_eq!(place.table.as_deref(), Some("public.orders"));
    assert!(place.rows > 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_dump_cut_in_a_function_is_truncated() {
    let whole = dump_of("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;");
    let cut = whole.windows(8).position(|it| it == b"SELECT 1").unwrap() + 4;
    let error = restored(&whole[..cut]).await.unwrap_err();
    assert!(matches!(error, RestoreError::Truncated { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_archive_cut_at_half_names_the_table_where_it_broke_off() {
    let path = shop().await.dump("cut.custom", &["-Fc", "-Z0"]);
    let bytes = fs::read(&path).unwrap();
    // Within the data of app.texts, by far the largest table.
    let error = restored(&bytes[..bytes.len() * 7 / 10]).await.unwrap_err();
    let RestoreError::Truncated { what, place } = &error else { panic!("{error}") };
    assert!(what.contains("pg_restore"), "{what}");
    assert_eq!(place.table.as_deref(), Some("app.texts"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_archive_cut_in_its_table_of_contents_is_truncated() {
    let bytes = fs::read(shop().await.dump("shop.custom", &["-Fc"])).unwrap();
    for length in [60, 400, 3_000] {
        let backup = stopover_scratch::backup::Backup::from_reader(
            "-",
            Box::new(std::io::Cursor::new(bytes[..length].to_vec())),
        );
        let error = match backup {
            Ok(backup) => Scratch::new().await.restore(backup).await.unwrap_err(),
            Err(error) => RestoreError::Backup(error),
        };
        let told = matches!(
            error,
            RestoreError::Truncated { .. } | RestoreError::Backup(BackupError::Truncated { .. })
        );
        assert!(told, "{length}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_compressed_archive_is_red() {
    let mut bytes = fs::read(shop().await.dump("shop.custom", &["-Fc"])).unwrap();
    let place = bytes.len() - 2_000;
    bytes[place] ^= 0x40;
    restored(&bytes).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_archive_with_a_cut_or_missing_file_is_red() {
    let shop = shop().await;
    for (name, harm) in [
        (
            "cut.folder",
            (|path: &Path| {
                let bytes = fs::read(path).unwrap();
                fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            }) as fn(&Path),
        ),
        ("missing.folder", |path| fs::remove_file(path).unwrap()),
    ] {
        let folder = shop.dump(name, &["-Fd"]);
        let largest = fs::read_dir(&folder)
            .unwrap()
            .map(|it| it.unwrap().path())
            .filter(|it| it.extension().is_some_and(|it| it == "gz"))
            .max_by_key(|it| fs::metadata(it).unwrap().len())
            .unwrap();
        harm(&largest);
        let error = Scratch::new().await.restore_path(folder).await.unwrap_err();
        let told = matches!(error, RestoreError::Corrupt { .. } | RestoreError::Truncated { .. });
        assert!(told, "{name}: {error}");
    }
}

/// A folder whose one table of text has the data of many lines, and its data file.
async fn folder_of_lines(arguments: &[&str]) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let database = TestDatabase::create().await;
    database.psql(
        "CREATE TABLE a_lines (line text); INSERT INTO a_lines SELECT 'line ' || n
             FROM generate_series(1, 1000) AS n;
         CREATE TABLE b_more (x text); INSERT INTO b_more VALUES ('more');
         CREATE TABLE c_empty (x text);",
    );
    let keep = tempfile::tempdir().unwrap();
    let folder = keep.path().join("dump");
    let file = format!("--file={}", folder.display());
    database.pg_dump(&[&["-Fd", "-Z0", "--no-owner", file.as_str()], arguments].concat());
    let data = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path());
    let data = data.filter(|it| it.file_name().is_some_and(|it| it != "toc.dat"));
    let largest = data.max_by_key(|it| fs::metadata(it).unwrap().len()).unwrap();
    (keep, folder, largest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_archive_cut_at_a_rows_end_does_not_take_statements_for_rows() {
    for arguments in [&[][..], &["--inserts"]] {
        let (_keep, folder, data) = folder_of_lines(arguments).await;
        Scratch::new().await.restore_path(folder.clone()).await.unwrap();
        let bytes = fs::read(&data).unwrap();
        let end = bytes[..bytes.len() / 2].iter().rposition(|&it| it == b'\n').unwrap() + 1;
        fs::write(&data, &bytes[..end]).unwrap();
        let error = Scratch::new().await.restore_path(folder).await.unwrap_err();
        assert!(matches!(error, RestoreError::Truncated { .. }), "{error}");
        assert!(error.to_string().contains(&data.display().to_string()), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_no_pg_dump_wrote_is_not_a_dump() {
    let error = restored(b"CREATE TABLE t (x int);\n").await.unwrap_err();
    assert!(matches!(error, RestoreError::NotADump { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_a_newer_server_is_told_by_both_versions() {
    let text = String::from_utf8(dump_of("CREATE TABLE t (x int);")).unwrap();
    let text = text.replace("database version 15.4", "database version 99.1");
    let error = restored(text.as_bytes()).await.unwrap_err();
    assert!(matches!(error, RestoreError::Version { .. }), "{error}");
    assert!(first_line(&error).contains("postgresql-99"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_pg_restore_is_too_old_for_is_told_by_version() {
    let mut bytes = fs::read(shop().await.dump("shop.custom", &["-Fc"])).unwrap();
    bytes[6] = 99;
    let backup =
        stopover_scratch::backup::Backup::from_reader("-", Box::new(std::io::Cursor::new(bytes)));
    // A header of a later format may not even be readable; then it is told as torn.
    if let Ok(backup) = backup {
        let error = Scratch::new().await.restore(backup).await.unwrap_err();
        assert!(matches!(error, RestoreError::Version { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_pg_restore_an_archive_says_what_to_install() {
    let mut scratch = Scratch::new().await;
    scratch.target.pg_restore = None;
    let path = shop().await.dump("shop.custom", &["-Fc"]);
    let error = scratch.restore_path(path).await.unwrap_err();
    assert!(matches!(error, RestoreError::Version { .. }), "{error}");
    assert!(first_line(&error).contains("postgresql-client"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_extensions_are_told_all_at_once_with_their_packages() {
    let body = "CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;\n\
        COMMENT ON EXTENSION postgis IS 'maps';\n\
        CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\n\
        CREATE EXTENSION IF NOT EXISTS our_own WITH SCHEMA public;\n\
        CREATE TABLE public.t (x int);";
    let error = restored(&dump_of(body)).await.unwrap_err();
    let RestoreError::Extension { missing } = &error else { panic!("{error}") };
    let names: Vec<&str> = missing.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["postgis", "our_own"]);
    assert!(first_line(&error).contains("-postgis-3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_statement_names_line_statement_and_the_servers_words() {
    let body = "CREATE TABLE public.t (x int);\nALTER TABLE public.t ADD CHECK (y > 0);";
    let error = restored(&dump_of(body)).await.unwrap_err();
    let RestoreError::Sql { line, error: server, .. } = &error else { panic!("{error}") };
    assert_eq!((*line, server.sqlstate.as_deref()), (16, Some("42703")));
    assert!(error.to_string().contains("ALTER TABLE public.t ADD CHECK"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_early_in_large_data_is_an_error_and_no_hang() {
    let text = String::from_utf8(orders()).unwrap();
    let text = text.replacen("\n10\t", "\nten\t", 1);
    let error = restored(text.as_bytes()).await.unwrap_err();
    let RestoreError::Sql { error: server, .. } = &error else { panic!("{error}") };
    assert_eq!(server.sqlstate.as_deref(), Some("22P02"));
    assert!(server.context.as_deref().unwrap().contains("line 11"), "{:?}", server.context);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_newer_pg_dump_are_known_errors() {
    let dump = dump_of("SET transaction_timeout = 0;\nSET no_such_one = 1;");
    let known = restored(&dump).await.unwrap().known_errors;
    // PostgreSQL 17 has the first of the two.
    let unknown = if stopover_testkit::binaries().version().major() < 17 { 2 } else { 1 };
    assert_eq!(known.iter().map(|(_, count)| count).sum::<u64>(), unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_into_a_database_that_is_there_leaves_it_alone() {
    let scratch = Scratch::new().await;
    scratch.restore_text(&dump_of("CREATE TABLE public.first (x int);")).await.unwrap();
    let again = scratch.restore_text(&dump_of("CREATE TABLE public.second (x int);")).await;
    assert!(matches!(again, Err(RestoreError::Server { .. })), "{again:?}");
    assert_eq!(scratch.access.psql("SELECT to_regclass('public.first')"), "first");
}
