//! What is written between the copy and the rerun.

use std::sync::Arc;
use std::time::Duration;

use stopover_contract::{Between, Fixture};

use super::{apply_and, is_poisoned, poisoned, refusal};

const CODES: &str = "CREATE TABLE codes (id integer PRIMARY KEY, code text);\n";

/// A rebuild that takes along what is there.
const CAREFUL: &str = "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
     CREATE TABLE kept AS TABLE codes;\n\
     DROP TABLE codes;\n\
     CREATE TABLE codes (id integer PRIMARY KEY, code text);\n\
     INSERT INTO codes TABLE kept;\n\
     DROP TABLE kept;\n";

#[tokio::test]
async fn rows_written_meanwhile_are_not_lost_to_a_truncate() {
    let nine = "TRUNCATE codes;\nINSERT INTO codes VALUES (1, 'SUMMER');\n";
    let stage = poisoned(CODES, nine).await;
    let told = refusal(apply_and(&stage, "INSERT INTO codes VALUES (2, 'WINTER')").await);
    assert!(told[0].starts_with("re-running 9 would remove 1 of 2 rows of codes: "), "{told:?}");
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "2");
    assert!(is_poisoned(&stage).await);
}

#[tokio::test]
async fn values_written_meanwhile_are_not_lost_to_a_column_that_is_dropped_and_added() {
    let nine = "ALTER TABLE codes DROP COLUMN IF EXISTS note;\n\
                ALTER TABLE codes ADD COLUMN note text;\n";
    let one = format!("{CODES}INSERT INTO codes VALUES (1, 'SUMMER');\n");
    let stage = poisoned(&one, nine).await;
    let told = refusal(apply_and(&stage, "UPDATE codes SET note = 'mine'").await);
    assert!(told[0].starts_with("re-running 9 would change values of codes (note): "), "{told:?}");
    assert_eq!(stage.database.value("SELECT note FROM codes").await, "mine");
}

#[tokio::test]
async fn rows_written_meanwhile_are_not_lost_to_what_a_trigger_does_at_the_commit() {
    let one = format!(
        "{CODES}INSERT INTO codes VALUES (1, 'SUMMER');\n\
         CREATE TABLE doomed (id integer);\nCREATE TABLE bell (id integer);\n\
         INSERT INTO bell VALUES (1);\n\
         CREATE FUNCTION sweep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           DELETE FROM codes WHERE id IN (SELECT id FROM doomed); RETURN NULL; END $$;\n\
         CREATE CONSTRAINT TRIGGER at_the_end AFTER UPDATE ON bell \
           DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sweep();\n"
    );
    let stage = poisoned(&one, "UPDATE bell SET id = id;\n").await;
    let told = refusal(apply_and(&stage, "INSERT INTO doomed VALUES (1)").await);
    assert!(told[0].starts_with("re-running 9 would remove 1 of 1 rows of codes: "), "{told:?}");
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "1");
}

/// A `setval` is not undone by a rollback: the sequence is put forward again.
#[tokio::test]
async fn a_sequence_that_went_on_meanwhile_is_not_set_back() {
    let one = "CREATE TABLE codes (id serial PRIMARY KEY, code text);\n\
               INSERT INTO codes (code) VALUES ('SUMMER'), ('WINTER');\n";
    let nine = "SELECT setval('codes_id_seq', (SELECT max(id) FROM codes));\n";
    let stage = poisoned(one, nine).await;
    // A row that was taken back: its number is used up.
    let burn = "SELECT nextval('codes_id_seq'), nextval('codes_id_seq')";
    let told = refusal(apply_and(&stage, burn).await);
    assert!(
        told[0].starts_with("re-running 9 would set sequence public.codes_id_seq back from 5 to 3"),
        "{told:?}"
    );
    assert_eq!(stage.database.value("SELECT nextval('codes_id_seq')").await, "5");
    assert!(is_poisoned(&stage).await);
}

/// A transaction that is open when the heal begins commits while the heal waits for its lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_committed_while_the_heal_waits_is_there_after_it_in_every_isolation() {
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let stage = poisoned("CREATE TABLE other (id integer);\n", CAREFUL).await;
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = \
             %L', current_database(), '{isolation}'); END $$"
        );
        stage.database.run(&set).await;
        let writer = stage.database.writer();
        let (begun, beginning) = tokio::sync::oneshot::channel();
        let begun = Arc::new(std::sync::Mutex::new(Some((begun, writer))));
        let between = Between::new(stage.database.backend(), move || {
            let begun = begun.lock().unwrap().take();
            async move {
                let Some((begun, writer)) = begun else { return };
                let client = writer.client().await;
                let insert = "BEGIN; INSERT INTO codes VALUES (2, 'WINTER')";
                client.batch_execute(insert).await.unwrap();
                drop(begun.send(client));
            }
        });
        let committing = async {
            let client = beginning.await.unwrap();
            let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND \
                         relation = 'codes'::regclass";
            while stage.database.value(waits).await == "0" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            client.batch_execute("COMMIT").await.unwrap();
        };
        let (applied, ()) = tokio::join!(stage.apply_by(&between), committing);
        applied.0.unwrap();
        let code = stage.database.value("SELECT code FROM codes WHERE id = 2").await;
        assert_eq!(code, "WINTER", "{isolation}");
        assert!(!is_poisoned(&stage).await);
    }
}

#[tokio::test]
async fn a_script_that_sets_its_isolation_can_be_run_again() {
    let nine = format!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n{CAREFUL}");
    let stage = poisoned("CREATE TABLE other (id integer);\n", &nine).await;
    apply_and(&stage, "INSERT INTO codes VALUES (2, 'WINTER')").await.unwrap();
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "1");
    assert!(!is_poisoned(&stage).await);
}

/// Who only adds what is missing keeps nobody waiting: a writer's open transaction is no hindrance.
#[tokio::test]
async fn a_rerun_that_writes_nothing_waits_for_no_writer() {
    let nine = "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
                INSERT INTO codes VALUES (1, 'SUMMER') ON CONFLICT DO NOTHING;\n\
                UPDATE codes SET code = 'SUMMER' WHERE code IS NULL;\n";
    let mut stage = poisoned("CREATE TABLE other (id integer);\n", nine).await;
    stage.limits.lock_timeout = Duration::from_millis(100);
    stage.limits.lock_retries = 0;
    let client = stage.database.writer().client().await;
    client.batch_execute("BEGIN; INSERT INTO codes VALUES (2, 'WINTER')").await.unwrap();
    stage.apply().await;
    assert!(!is_poisoned(&stage).await);
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "2");
}

#[tokio::test]
async fn a_table_that_others_do_not_let_go_is_not_rebuilt() {
    let mut stage = poisoned("CREATE TABLE other (id integer);\n", CAREFUL).await;
    stage.limits.lock_timeout = Duration::from_millis(100);
    stage.limits.lock_retries = 1;
    let client = stage.database.writer().client().await;
    client.batch_execute("BEGIN; INSERT INTO codes VALUES (2, 'WINTER')").await.unwrap();
    let told = refusal(stage.try_apply().await.0);
    assert!(
        told[0].contains("nothing is changed: others cannot be kept from public.codes: "),
        "{told:?}"
    );
    assert!(is_poisoned(&stage).await);
    client.batch_execute("COMMIT").await.unwrap();
    stage.limits.lock_timeout = Duration::from_secs(5);
    stage.apply().await;
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "1");
}

/// A server that counts nothing: whoever holds a writer's lock has written.
#[tokio::test]
async fn rows_written_meanwhile_are_not_lost_where_the_server_does_not_count_writes() {
    let one = format!(
        "{CODES}INSERT INTO codes VALUES (1, 'SUMMER');\nCREATE TABLE doomed (id integer);\n"
    );
    let nine = "DELETE FROM codes WHERE id IN (SELECT id FROM doomed);\n";
    let stage = poisoned(&one, nine).await;
    let set = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_counts = off', \
               current_database()); END $$";
    stage.database.run(set).await;
    let told = refusal(apply_and(&stage, "INSERT INTO doomed VALUES (1)").await);
    assert!(told[0].starts_with("re-running 9 would remove 1 of 1 rows of codes: "), "{told:?}");
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "1");
}

/// Where the script's settings lead does not matter for what is looked at behind it.
#[tokio::test]
async fn a_script_that_changes_what_names_mean_is_watched_all_the_same() {
    let one = format!("{CODES}CREATE SCHEMA aside;\nCREATE TABLE aside.pg_class (a integer);\n");
    let nine = "DELETE FROM codes;\nSET search_path = aside, public, pg_catalog;\n\
                SET default_transaction_read_only = on;\nSET row_security = off;\n";
    let stage = poisoned(&one, nine).await;
    let told = refusal(apply_and(&stage, "INSERT INTO codes VALUES (2, 'WINTER')").await);
    assert!(told[0].starts_with("re-running 9 would remove 1 of 1 rows of codes: "), "{told:?}");
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "1");
}

/// A partition that was made since, by a job that makes one for every month.
#[tokio::test]
async fn rows_of_a_partition_that_was_made_meanwhile_are_not_lost() {
    let one = "CREATE TABLE codes (id integer, code text) PARTITION BY RANGE (id);\n\
               CREATE TABLE codes_1 PARTITION OF codes FOR VALUES FROM (1) TO (10);\n\
               INSERT INTO codes VALUES (1, 'SUMMER');\n";
    let stage = poisoned(one, "DELETE FROM codes WHERE code = 'OLD';\n").await;
    let made = "CREATE TABLE codes_2 PARTITION OF codes FOR VALUES FROM (10) TO (20); \
                INSERT INTO codes VALUES (11, 'OLD')";
    let told = refusal(apply_and(&stage, made).await);
    assert!(told[0].starts_with("re-running 9 would remove 1 of 1 rows of codes_2: "), "{told:?}");
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "2");
}

/// Numbers that nobody gets a row for go on: that is no loss.
#[tokio::test]
async fn a_seed_that_only_uses_up_numbers_heals() {
    let nine = "CREATE TABLE IF NOT EXISTS codes (id serial PRIMARY KEY, code text UNIQUE);\n\
                INSERT INTO codes (code) VALUES ('SUMMER') ON CONFLICT DO NOTHING;\n";
    let stage = poisoned("CREATE TABLE other (id integer);\n", nine).await;
    apply_and(&stage, "INSERT INTO codes (code) VALUES ('WINTER')").await.unwrap();
    assert_eq!(stage.database.value("SELECT count(*) FROM codes").await, "2");
    assert!(!is_poisoned(&stage).await);
}
