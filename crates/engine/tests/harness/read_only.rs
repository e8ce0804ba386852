//! A role that may only read is enough, and the server's log shows that nothing is written.

use stopover_engine::Postflight;
use stopover_model::report::CheckOutcome;

use crate::before::server;
use crate::stage::{NOTE, READER, Stage};

/// What a logged request of ours may begin with.
const READS: [&str; 5] =
    ["BEGIN TRANSACTION ISOLATION LEVEL ", "SELECT ", "SET ", "ROLLBACK", "SHOW "];

#[tokio::test]
async fn preflight_and_postflight_of_a_reader_write_nothing() {
    let server = server(&[
        ("log_statement", "all"),
        ("log_line_prefix", "<%u> "),
        ("logging_collector", "on"),
        ("log_filename", "all.log"),
        ("log_min_messages", "log"),
    ])
    .await;
    let stage = Stage::on(&server).await.with(2, NOTE);
    stage.record().await;
    stage.psql(
        "ALTER TABLE orders ADD CONSTRAINT owner FOREIGN KEY (customer_id) REFERENCES customers \
         NOT VALID; CREATE VIEW v AS SELECT 1 AS one; \
         CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    let reader = stage.role(READER);
    let report = stage.preflight_as(&reader).await;
    let asked = Postflight { limits: stage.limits.clone(), ..Postflight::default() };
    let after = stage.postflight_as(&reader, &asked).await;
    let ran = |it: &stopover_model::report::CheckEntry| it.outcome != CheckOutcome::CouldNotRun;
    assert!(report.checks.iter().all(ran), "{:#?}", report.findings);
    assert!(after.checks.iter().all(ran), "{:#?}", after.findings);
    let name = reader.config().get_user().expect("a role").to_owned();
    let log = stage.psql("SELECT pg_read_file(pg_current_logfile())");
    let mine: Vec<&str> =
        log.lines().filter_map(|line| line.strip_prefix(&format!("<{name}> LOG:  "))).collect();
    assert!(mine.len() > 10, "the log tells of the reader: {log}");
    for line in &mine {
        let statement = line.strip_prefix("statement: ").unwrap_or(line).trim_start();
        assert!(READS.iter().any(|it| statement.starts_with(it)), "{statement}");
        if let Some(rest) = statement.strip_prefix(READS[0]) {
            assert!(rest.contains("READ ONLY"), "{statement}");
        }
    }
    stage.forget(&reader);
    drop(stage);
    server.stop().await;
}
