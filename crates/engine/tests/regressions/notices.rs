//! What the server says while a statement runs.

use stopover_engine::Ending;
use stopover_model::{Event, NoticeLevel};

use crate::stage::{Stage, migration, unwrapped};

/// Statement and text of everything that was said.
fn said(events: &[Event]) -> Vec<(usize, NoticeLevel, &str)> {
    let said = events.iter().filter_map(|event| match event {
        Event::Said { index, notice, .. } => Some((*index, notice.level, &*notice.message)),
        _ => None,
    });
    said.collect()
}

#[tokio::test]
async fn nobody_heard_what_the_server_said() {
    use NoticeLevel::{Notice, Warning};
    let stage = Stage::new().await;
    let text = "CREATE TABLE a (id int);\n\
                CREATE TABLE IF NOT EXISTS a (id int);\n\
                DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'postgres://u:secret@h/db'; END $$;\n\
                SELECT 1;\n\
                DO $$ BEGIN RAISE DEBUG 'unheard'; RAISE NOTICE 'two'; END $$;\n";
    let exists = "relation \"a\" already exists, skipping";
    let hidden = "postgres://u:***@h/db";
    let expected =
        [(2, Notice, exists), (3, Notice, "one"), (3, Warning, hidden), (5, Notice, "two")];
    let (applied, events) = stage.apply_told(&[migration(1, text)]).await;
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    assert_eq!(said(&events), expected);
    // Statement by statement it is the same.
    stage.psql("DROP TABLE a; DROP SCHEMA stopover CASCADE");
    let (applied, events) = stage.apply_told(&[unwrapped(migration(1, text))]).await;
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    assert_eq!(said(&events), expected);
}

/// They come from statements that were sent long before anybody reads their answers.
#[tokio::test]
async fn each_notice_belongs_to_the_statement_that_caused_it() {
    let stage = Stage::new().await;
    let statement = |number: usize| match number % 3 {
        0 => format!("DO $$ BEGIN RAISE NOTICE '{number}'; RAISE NOTICE '{number}'; END $$;\n"),
        1 => format!("DO $$ BEGIN RAISE NOTICE '{number}'; END $$;\n"),
        _ => "SELECT 1;\n".to_owned(),
    };
    let text: String = (1..=300).map(statement).collect();
    let (applied, events) = stage.apply_told(&[migration(1, &text)]).await;
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    let said = said(&events);
    assert_eq!(said.len(), 300);
    for (index, _, message) in said {
        assert_eq!(index.to_string(), message);
    }
}

/// What a deferred trigger says at the commit belongs to no statement.
#[tokio::test]
async fn what_is_said_at_the_commit_is_told_too() {
    let stage = Stage::new().await;
    stage.psql(
        "CREATE TABLE t (id int); CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN RAISE WARNING ''late''; RETURN NULL; END'; CREATE CONSTRAINT TRIGGER say \
         AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION say()",
    );
    let (_, events) = stage.apply_told(&[migration(1, "INSERT INTO t VALUES (1)")]).await;
    assert_eq!(said(&events), [(2, NoticeLevel::Warning, "late")]);
}

#[tokio::test]
async fn a_hundred_thousand_notices_are_a_hundred_and_a_number() {
    let stage = Stage::new().await;
    let text = "DO $$ BEGIN FOR i IN 1..100000 LOOP RAISE NOTICE '%', i; END LOOP; END $$";
    let (applied, events) = stage.apply_told(&[migration(1, text)]).await;
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    assert_eq!(said(&events).len(), 100);
    let more = events.iter().find_map(|event| match event {
        Event::SaidMore { index, count, .. } => Some((*index, *count)),
        _ => None,
    });
    assert_eq!(more, Some((1, 99_900)));
}
