use stopover_sql::Strings;

use super::*;
use crate::restore::policy::{Phase, judge};

fn place(text: &str) -> Place {
    place_of(text, &judge(text, Strings::Standard, Phase::Body))
}

fn task(text: &str) -> Task {
    match place(text) {
        Place::Beside(task) => task,
        other => panic!("{text}: {other:?}"),
    }
}

fn t() -> Key {
    Key::relation("s", "t")
}

#[test]
fn indexes_share_their_table_and_constraints_take_it() {
    let index = task("CREATE INDEX i ON s.t USING btree (a, lower(b)) WHERE (c > 0)");
    assert!(index.claims.contains(&Claim::Table(t(), Mode::Shared)));
    assert_eq!(index.makes, Some((Key::relation("s", "i"), t())));
    for text in [
        "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a, b)",
        "ALTER TABLE ONLY s.\"t\" ADD CONSTRAINT k UNIQUE (a) INCLUDE (b) DEFERRABLE",
        "ALTER TABLE ONLY s.t ADD CONSTRAINT k EXCLUDE USING gist (a WITH &&)",
        "ALTER TABLE ONLY s.t CLUSTER ON i",
        "ALTER TABLE ONLY s.t REPLICA IDENTITY USING INDEX i",
    ] {
        assert!(task(text).claims.contains(&Claim::Table(t(), Mode::Exclusive)), "{text}");
    }
    let unique = task("CREATE UNIQUE INDEX \"I, ;\" ON ONLY s.t USING btree (a)");
    assert_eq!(unique.makes, Some((Key::relation("s", "I, ;"), t())));
}

#[test]
fn an_index_that_may_run_code_is_told_from_a_plain_one() {
    for (text, code) in [
        ("CREATE INDEX i ON s.t USING btree (a, b DESC NULLS LAST) INCLUDE (c)", Code::None),
        ("ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a)", Code::None),
        ("CREATE INDEX i ON s.t USING btree (s.f(a))", Code::Possible),
        ("CREATE INDEX i ON s.t USING btree (a) WHERE s.f(a)", Code::Possible),
        ("CREATE INDEX i ON s.t USING btree (((a ->> 'x'::text)))", Code::Possible),
        (
            "ALTER TABLE ONLY s.t ADD CONSTRAINT k EXCLUDE USING gist (s.f(a) WITH &&)",
            Code::Possible,
        ),
    ] {
        assert_eq!(task(text).code, code, "{text}");
    }
}

#[test]
fn foreign_keys_and_triggers_take_both_tables_and_their_families() {
    let other = Key::relation("o", "r");
    let text = "ALTER TABLE ONLY s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES o.r(id) \
                ON DELETE CASCADE";
    assert_eq!(task(text).claims, [Claim::Family(t()), Claim::Family(other.clone())]);
    let text = "CREATE CONSTRAINT TRIGGER g AFTER UPDATE OF a, b ON s.t FROM o.r \
                FOR EACH ROW EXECUTE FUNCTION s.f()";
    assert_eq!(task(text).claims, [Claim::Family(t()), Claim::Family(other)]);
}

#[test]
fn partitions_of_indexes_claim_both_indexes_and_their_tables() {
    let claims = task("ALTER INDEX s.i ATTACH PARTITION s.j").claims;
    assert_eq!(claims.len(), 5);
    assert!(claims.contains(&Claim::Attachment(Key::relation("s", "j"))));
    assert!(claims.contains(&Claim::TableOf(Key::relation("s", "j"))));
}

#[test]
fn settings_are_for_all_sessions() {
    for (text, name) in [
        ("SET default_tablespace = ''", "default_tablespace"),
        ("SET statement_timeout TO 0", "statement_timeout"),
        ("SELECT pg_catalog.set_config('search_path', '', false)", "search_path"),
        ("SET search_path = app, pg_catalog", "search_path"),
    ] {
        assert_eq!(place(text), Place::Setting(name.to_owned()), "{text}");
    }
}

#[test]
fn sequences_and_large_objects_wait_for_no_table() {
    for text in [
        "SELECT pg_catalog.setval('app.s', 42, true)",
        "SELECT pg_catalog.setval('app.s', -42, true)",
        "SELECT pg_catalog.lowrite(0, '\\x00')",
        "BEGIN",
        "COMMIT",
    ] {
        assert_eq!(place(text), Place::Aside, "{text}");
    }
}

#[test]
fn what_is_not_known_keeps_its_place() {
    for text in [
        "CREATE TABLE s.t (a int)",
        "CREATE INDEX ON s.t (a)",
        "CREATE INDEX i ON t (a)",
        "ALTER TABLE ONLY s.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE ONLY s.t ADD CONSTRAINT c UNIQUE (a), ADD CONSTRAINT d UNIQUE (b)",
        "ALTER TABLE s.t OWNER TO app",
        "CREATE RULE r AS ON INSERT TO s.t DO NOTHING",
        "CREATE STATISTICS s.x ON a, b FROM s.t",
        "REFRESH MATERIALIZED VIEW s.m",
        "INSERT INTO s.t VALUES (1)",
        "GRANT SELECT ON TABLE s.t TO app",
    ] {
        assert_eq!(place(text), Place::Alone, "{text}");
    }
}

#[test]
fn what_may_change_its_session_ends_all_parallelism() {
    for text in [
        "DO $$ BEGIN END $$",
        "SELECT s.f()",
        "SELECT pg_catalog.setval('app.s', s.f(), true)",
        "SELECT pg_catalog.setval('a', 1) FROM s.f()",
        "SELECT pg_catalog.set_config(s.f(), '', false)",
        "SET ROLE app",
        "SET LOCAL x.y = 1",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "CREATE TEMP TABLE t (a int)",
        "CALL s.p()",
        "ROLLBACK",
        "PREPARE p AS SELECT 1",
    ] {
        assert_eq!(place(text), Place::Unforeseen, "{text}");
    }
}
