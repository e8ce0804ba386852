//! Dumps in other encodings than UTF-8: the same text, or a refusal with advice.

use stopover_scratch::restore::RestoreError;
use stopover_testkit::shared;

use crate::fixture::{Scratch, dump_of, restored};

/// A database of another encoding on the shared server, dumped in its own encoding.
async fn dumped_in(encoding: &str, sql: &str) -> Vec<u8> {
    let name = format!("encoded_{:016x}", rand::random::<u64>());
    let create =
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'");
    let server = shared();
    server.psql(&create);
    let database = server.to(&name);
    database.client().await.batch_execute(sql).await.unwrap();
    let output = database
        .command(stopover_scratch::binaries::Program::PgDump)
        .args(["--no-owner"])
        .output()
        .unwrap();
    server.psql(&format!("DROP DATABASE {name}"));
    output.stdout
}

/// A text of the restored database, in UTF-8.
async fn read(scratch: &Scratch, sql: &str) -> String {
    scratch.access.client().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_latin1_dump_keeps_its_text_in_names_data_and_comments() {
    let sql = "CREATE TABLE \"größe\" (t text DEFAULT 'café');
        COMMENT ON TABLE \"größe\" IS 'naïve § ÿ'; INSERT INTO \"größe\" VALUES ('Ärger'), ('\u{85}x')";
    let dump = dumped_in("LATIN1", sql).await;
    assert!(std::str::from_utf8(&dump).is_err());
    let scratch = Scratch::new().await;
    scratch.restore_text(&dump).await.unwrap();
    let data = "SELECT string_agg(t, ',' ORDER BY t) FROM \"größe\"";
    assert_eq!(read(&scratch, data).await, "\u{85}x,Ärger");
    let comment = "SELECT obj_description('\"größe\"'::regclass)";
    assert_eq!(read(&scratch, comment).await, "naïve § ÿ");
    let default = "SELECT column_default FROM information_schema.columns WHERE column_name = 't'";
    assert_eq!(read(&scratch, default).await, "'café'::text");
    assert_eq!(scratch.access.psql("SHOW server_encoding"), "LATIN1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_in_eucjp_keeps_its_text() {
    let sql = "CREATE TABLE \"表\" (t text); INSERT INTO \"表\" VALUES ('日本語')";
    let dump = dumped_in("EUC_JP", sql).await;
    let scratch = Scratch::new().await;
    scratch.restore_text(&dump).await.unwrap();
    assert_eq!(read(&scratch, "SELECT t FROM \"表\"").await, "日本語");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_without_an_encoding_pass_as_they_are() {
    let sql = "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (x text); INSERT INTO t VALUES (E'\\xff\\xfe')";
    let dump = dumped_in("SQL_ASCII", sql).await;
    assert!(std::str::from_utf8(&dump).is_err());
    let scratch = Scratch::new().await;
    scratch.restore_text(&dump).await.unwrap();
    assert_eq!(scratch.access.psql("SELECT encode(x::bytea, 'hex') FROM t"), "fffe");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoding_that_hides_backslashes_is_refused_with_advice() {
    let dump = String::from_utf8(dump_of("CREATE TABLE t (x text);")).unwrap();
    let dump = dump.replace("'UTF8'", "'SJIS'");
    let error = restored(dump.as_bytes()).await.unwrap_err();
    assert!(matches!(error, RestoreError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("--encoding=UTF8"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_dump_with_escaping_strings_keeps_its_backslashes() {
    let body = "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\n\
        CREATE TABLE public.t (x text);\nINSERT INTO public.t VALUES ('a\\\\b\\'c;');\n";
    let scratch = Scratch::new().await;
    scratch.restore_text(&dump_of(body)).await.unwrap();
    assert_eq!(scratch.access.psql("SELECT x FROM public.t"), "a\\b'c;");
}
