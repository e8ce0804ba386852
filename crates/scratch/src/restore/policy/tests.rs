//! The table of decisions.

use stopover_sql::Strings;

use super::{Disposition, Note, Phase, Refusal, Tolerance, judge};

fn in_prologue(text: &str) -> Disposition {
    judge(text, Strings::Standard, Phase::Prologue).disposition
}

fn in_body(text: &str) -> Disposition {
    judge(text, Strings::Standard, Phase::Body).disposition
}

fn roles(text: &str) -> Vec<String> {
    judge(text, Strings::Standard, Phase::Body).roles
}

#[test]
fn code_and_whatever_has_expressions_is_never_elevated() {
    let statements = [
        "CREATE FUNCTION f() RETURNS void LANGUAGE c AS 'lib', 'f'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN END $$",
        "DO $$ BEGIN END $$",
        "SELECT f()",
        "CREATE VIEW v AS SELECT f()",
        "CREATE TABLE t (x int DEFAULT f())",
        "CREATE TYPE t (INPUT = a, OUTPUT = b)",
        "CREATE LANGUAGE evil HANDLER f",
        "COPY t FROM PROGRAM 'id'",
        "COPY t FROM '/etc/passwd'",
        "ALTER TABLE t ADD COLUMN c int DEFAULT f(), OWNER TO app",
        "ALTER TABLE t OWNER TO app, ADD COLUMN c int DEFAULT f()",
        "ALTER TABLE t ALTER c TYPE int USING f(c), OWNER TO app",
        "ALTER TABLE t ADD CHECK (f()) , OWNER TO app",
        "ALTER FUNCTION f() OWNER TO app RESET ALL",
        "ALTER VIEW v ALTER COLUMN x SET DEFAULT f()",
        "ALTER DOMAIN d ADD CHECK (f(VALUE))",
        "CREATE CAST (a AS b) WITH FUNCTION f(a) AS IMPLICIT",
        "CREATE CAST (text AS tsvector) WITHOUT FUNCTION",
        "CREATE OPERATOR CLASS o FOR TYPE t USING gist AS FUNCTION 1 f(internal)",
        "CREATE OPERATOR CLASS o FOR TYPE t USING btree AS FUNCTION 2 f(internal)",
        "CREATE OPERATOR CLASS o FOR TYPE t USING hash AS FUNCTION 3 f(internal)",
        "ALTER OPERATOR FAMILY o USING btree ADD FUNCTION 2 (t, t) f(internal)",
        "CREATE PUBLICATION p FOR TABLE t WHERE (f(x))",
        "ALTER PUBLICATION p ADD TABLE ONLY public.t WHERE (f(x))",
        "ALTER SYSTEM SET archive_command = 'id'",
        "LOAD 'evil'",
        "CREATE INDEX i ON t (f(x))",
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO PUBLIC",
        "CREATE SERVER s FOREIGN DATA WRAPPER w",
        "CREATE RULE r AS ON INSERT TO t DO ALSO SELECT f()",
        "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION f(internal))",
    ];
    for text in statements {
        for phase in [Phase::Prologue, Phase::Body] {
            let judgement = judge(text, Strings::Standard, phase);
            assert_eq!(judgement.disposition, Disposition::Plain, "{text}");
        }
    }
}

#[test]
fn owners_are_set_by_the_superuser_when_that_is_all_the_statement_does() {
    let statements = [
        "ALTER TABLE public.t OWNER TO app",
        "ALTER TABLE ONLY public.t OWNER TO app",
        "ALTER TABLE \"odd; name\".\"OWNER TO x\" OWNER TO app",
        "ALTER FUNCTION public.f(a integer, b numeric(10,2), VARIADIC c text[]) OWNER TO app",
        "ALTER AGGREGATE public.a(*) OWNER TO app",
        "ALTER OPERATOR public.=== (a, b) OWNER TO app",
        "ALTER OPERATOR CLASS public.o USING btree OWNER TO app",
        "ALTER TEXT SEARCH DICTIONARY public.d OWNER TO app",
        "ALTER MATERIALIZED VIEW public.v OWNER TO app",
        "ALTER LARGE OBJECT 16500 OWNER TO app",
        "ALTER SCHEMA s OWNER TO app",
        "ALTER SERVER s OWNER TO app",
    ];
    for text in statements {
        assert_eq!(in_body(text), Disposition::Elevated, "{text}");
        assert_eq!(roles(text), ["app"], "{text}");
    }
}

#[test]
fn operator_classes_with_typed_functions_are_created_and_given_away() {
    let made = |text: &str| Disposition::OperatorClass(text.to_owned());
    let family = "CREATE OPERATOR FAMILY s.\"Odd\" USING btree";
    assert_eq!(in_body(family), made("OPERATOR FAMILY s.\"Odd\" USING btree"));
    let class = "CREATE OPERATOR CLASS s.c DEFAULT FOR TYPE s.t USING hash FAMILY s.c AS
        OPERATOR 1 s.=(s.t,s.t) , FUNCTION 1 (s.t, s.t) s.h(s.t)";
    assert_eq!(in_body(class), made("OPERATOR CLASS s.c USING hash"));
    let add = "ALTER OPERATOR FAMILY s.f USING btree ADD FUNCTION 1 (a, b) s.cmp(a, b)";
    assert_eq!(in_body(add), Disposition::Elevated);
}

#[test]
fn a_function_never_goes_to_a_role_with_rights_on_the_host() {
    for role in ["pg_execute_server_program", "\"pg_write_server_files\"", "pg_read_all_data"] {
        let text = format!("ALTER FUNCTION public.f() OWNER TO {role}");
        assert_eq!(in_body(&text), Disposition::Refuse(Refusal::ReservedOwner));
    }
    assert_eq!(in_body("ALTER SCHEMA public OWNER TO pg_database_owner"), Disposition::Elevated);
}

#[test]
fn extensions_are_created_before_any_object_and_never_after() {
    let create = "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public";
    let created =
        Disposition::Extension { name: "uuid-ossp".to_owned(), schema: Some("public".to_owned()) };
    assert_eq!(in_prologue(create), created);
    assert_eq!(in_body(create), Disposition::Refuse(Refusal::LateExtension));
    assert_eq!(
        in_prologue("CREATE OR REPLACE PROCEDURAL LANGUAGE plperl"),
        Disposition::Extension { name: "plperl".to_owned(), schema: None }
    );
    let comment = "COMMENT ON EXTENSION hstore IS 'keys'";
    assert_eq!(in_body(comment), Disposition::Elevated);
}

#[test]
fn the_prologue_ends_with_the_first_statement_that_can_carry_code() {
    let phase = |text| judge(text, Strings::Standard, Phase::Prologue).phase;
    let harmless = [
        "SET statement_timeout = 0",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "CREATE SCHEMA s",
        "CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION app",
        "ALTER SCHEMA s OWNER TO app",
        "COMMENT ON SCHEMA s IS 'x'",
        "CREATE EXTENSION hstore WITH SCHEMA s",
        "COMMENT ON EXTENSION hstore IS 'x'",
        "CREATE COLLATION s.c (provider = libc, locale = 'C')",
        "DROP TABLE IF EXISTS public.t",
        "ALTER TABLE ONLY public.t DROP CONSTRAINT c",
        "SELECT pg_catalog.lo_unlink('1')",
    ];
    for text in harmless {
        assert_eq!(phase(text), Phase::Prologue, "{text}");
    }
    let carrying = [
        "CREATE SCHEMA s CREATE VIEW v AS SELECT 1",
        "CREATE SCHEMA AUTHORIZATION app CREATE TABLE t (x int)",
        "SELECT pg_catalog.set_config('a', evil(), false)",
        "SELECT evil()",
        "SELECT pg_catalog.lo_unlink(evil())",
        "DO $$ BEGIN END $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE t AS ENUM ('a')",
        "CREATE TABLE t (x int)",
        "INSERT INTO t VALUES (1)",
        "COPY t FROM stdin",
        "ALTER TABLE t ADD COLUMN c int, DROP CONSTRAINT x, ADD CHECK (f())",
    ];
    for text in carrying {
        assert_eq!(phase(text), Phase::Body, "{text}");
    }
}

#[test]
fn subscriptions_labels_and_tablespaces_are_left_out_with_a_note() {
    let skip = |note| Disposition::Skip(note);
    let create = "CREATE SUBSCRIPTION s CONNECTION 'host=prod' PUBLICATION p";
    assert_eq!(in_body(create), skip(Note::Subscription));
    assert_eq!(in_body("ALTER SUBSCRIPTION s OWNER TO app"), skip(Note::Subscription));
    let label = "SECURITY LABEL FOR anon ON TABLE t IS 'x'";
    assert_eq!(in_body(label), skip(Note::SecurityLabel));
    let moved = Disposition::Instead("SET default_tablespace = ''", Note::Tablespace);
    assert_eq!(in_body("SET default_tablespace = fast"), moved);
    assert_eq!(in_body("SET default_tablespace = ''"), Disposition::Plain);
}

#[test]
fn event_triggers_are_created_disabled_and_stay_so() {
    let create = "CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION public.f()";
    assert_eq!(in_body(create), Disposition::EventTrigger("audit".to_owned()));
    let enable = "ALTER EVENT TRIGGER audit ENABLE ALWAYS";
    assert_eq!(in_body(enable), Disposition::Skip(Note::EventTrigger));
    let owner = "ALTER EVENT TRIGGER audit OWNER TO postgres";
    assert_eq!(in_body(owner), Disposition::Skip(Note::SuperuserOwner));
}

#[test]
fn a_foreign_data_wrapper_loses_its_functions() {
    let create = "CREATE FOREIGN DATA WRAPPER w HANDLER public.h VALIDATOR public.v";
    let made =
        |options: &str| Disposition::Wrapper { name: "w".to_owned(), options: options.to_owned() };
    assert_eq!(in_body(create), made(""));
    let create = "CREATE FOREIGN DATA WRAPPER w HANDLER h OPTIONS (a 'b)', c 'd')";
    assert_eq!(in_body(create), made("OPTIONS (a 'b)', c 'd')"));
}

#[test]
fn databases_and_roles_are_not_the_dumps_to_create() {
    for text in ["CREATE DATABASE shop", "DROP DATABASE shop", "ALTER DATABASE shop SET a = 1"] {
        assert_eq!(in_prologue(text), Disposition::Refuse(Refusal::CreatesDatabase), "{text}");
    }
    for text in ["CREATE ROLE evil SUPERUSER", "ALTER ROLE app SUPERUSER", "DROP USER app"] {
        assert_eq!(in_prologue(text), Disposition::Refuse(Refusal::ChangesRoles), "{text}");
    }
    let mapping = "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'x')";
    assert_eq!(in_body(mapping), Disposition::Plain);
    let drop = "DROP USER MAPPING IF EXISTS FOR app SERVER s";
    assert_eq!(in_body(drop), Disposition::Plain);
    assert_eq!(roles(mapping), ["app"]);
}

#[test]
fn another_sessions_authorization_becomes_a_role_of_the_same_session() {
    let set = Disposition::ActAs(Some("app".to_owned()));
    assert_eq!(in_body("SET SESSION AUTHORIZATION 'app'"), set);
    assert_eq!(in_body("SET SESSION AUTHORIZATION DEFAULT"), Disposition::ActAs(None));
    assert_eq!(in_body("RESET SESSION AUTHORIZATION"), Disposition::ActAs(None));
}

#[test]
fn roles_are_found_wherever_a_dump_names_them() {
    assert_eq!(
        roles("GRANT SELECT,INSERT ON TABLE t TO a, \"B c\" WITH GRANT OPTION"),
        ["a", "B c"]
    );
    assert_eq!(roles("GRANT ALL ON TABLE t TO GROUP staff"), ["staff"]);
    assert_eq!(roles("REVOKE ALL ON FUNCTION f(x text) FROM PUBLIC"), Vec::<String>::new());
    let defaults = "ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT ON TABLES TO b";
    assert_eq!(roles(defaults), ["a", "b"]);
    assert_eq!(roles("CREATE POLICY p ON t FOR SELECT TO a, b USING (true)"), ["a", "b"]);
    assert_eq!(roles("CREATE SCHEMA s AUTHORIZATION a"), ["a"]);
    assert_eq!(roles("CREATE TABLE owner (owner text)"), Vec::<String>::new());
}

#[test]
fn known_errors_belong_to_a_kind_of_statement() {
    let of = |text| judge(text, Strings::Standard, Phase::Body).tolerance;
    assert_eq!(of("SET transaction_timeout = 0"), Tolerance::UnknownSetting);
    assert_eq!(of("DROP TABLE public.t"), Tolerance::NothingToDrop);
    assert_eq!(of("ALTER TABLE ONLY t ALTER COLUMN c DROP DEFAULT"), Tolerance::NothingToDrop);
    assert_eq!(of("GRANT SELECT ON TABLE t TO a"), Tolerance::ForeignGrant);
    assert_eq!(of("CREATE SCHEMA public"), Tolerance::SchemaExists);
    assert_eq!(of("CREATE SCHEMA other"), Tolerance::Nothing);
    assert_eq!(of("CREATE TABLE t (x int)"), Tolerance::Nothing);
}

#[test]
fn strings_with_another_meaning_are_not_for_the_superusers_session() {
    let text = r"COMMENT ON EXTENSION hstore IS 'it\'s'";
    let old = judge(text, Strings::Escaping, Phase::Prologue);
    assert_eq!(old.disposition, Disposition::Plain);
}
