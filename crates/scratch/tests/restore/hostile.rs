//! Dumps that mean harm: nothing runs on the host, nothing reaches out, and the restore is red or
//! says what it took away.

use std::fs;

use stopover_scratch::restore::{RestoreError, Restored};
use stopover_testkit::TestServer;

use crate::fixture::{Scratch, dump_of, restored};

/// Restores a dump whose body may name `{proof}`, a file that exists only if something of it was
/// executed on the host.
async fn attempt(body: &str) -> Result<Restored, RestoreError> {
    let folder = tempfile::tempdir().unwrap();
    // The server runs as somebody else.
    let mut rights = fs::metadata(folder.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o777);
    fs::set_permissions(folder.path(), rights).unwrap();
    let proof = folder.path().join("proof");
    let body = body.replace("{proof}", &proof.display().to_string());
    let result = restored(&dump_of(&body)).await;
    assert!(!proof.exists(), "the dump ran something on the host: {body}");
    result
}

fn is_denied(result: Result<Restored, RestoreError>) {
    let error = result.unwrap_err();
    let RestoreError::Sql { error: server, .. } = &error else { panic!("{error}") };
    assert_eq!(server.sqlstate.as_deref(), Some("42501"), "{error}");
}

fn is_refused(result: Result<Restored, RestoreError>, word: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, RestoreError::Refused { .. }), "{error}");
    assert!(error.to_string().contains(word), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_escape_of_psql_is_refused_and_not_run() {
    is_refused(attempt("\\! touch {proof}\n").await, "\\!");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_commands_of_psql_are_refused_and_not_run() {
    let commands = [
        ("\\copy t FROM PROGRAM 'touch {proof}'\n", "\\copy"),
        ("\\i {proof}\n", "\\i"),
        ("\\o {proof}\n", "\\o"),
        ("SELECT 1 AS x \\gset\n", "backslash"),
        ("\\set x `touch {proof}`\n", "\\set"),
        ("\\restrict abc \\! touch {proof}\n", "\\restrict"),
    ];
    for (body, word) in commands {
        let error = attempt(body).await.unwrap_err();
        let told = matches!(error, RestoreError::Refused { .. } | RestoreError::Corrupt { .. });
        assert!(told && error.to_string().contains(word), "{body}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_made_with_create_is_refused_by_that_name() {
    is_refused(attempt("\\connect shop\n").await, "--create");
    is_refused(attempt("CREATE DATABASE shop;\n\\connect shop\n").await, "--create");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_lines_that_guard_a_dump_are_accepted() {
    // `dump_of` has both.
    attempt("CREATE TABLE public.t (x int);").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_files_of_the_host_are_out_of_reach() {
    let bodies = [
        "CREATE TABLE public.t (x text);\nCOPY public.t FROM PROGRAM 'touch {proof}';",
        "CREATE TABLE public.t (x text);\nCOPY public.t TO PROGRAM 'cat > {proof}';",
        "CREATE TABLE public.t (x text);\nCOPY public.t TO '{proof}';",
        "CREATE TABLE public.t (x text);\nCOPY public.t FROM '/etc/passwd';",
        "DO $$ BEGIN CREATE TEMP TABLE t (x text); COPY t FROM PROGRAM 'touch {proof}'; END $$;",
        "SELECT pg_catalog.pg_read_file('/etc/passwd');",
        "SELECT pg_catalog.lo_import('/etc/passwd');",
        "SELECT pg_catalog.lo_export(1, '{proof}');",
        "ALTER SYSTEM SET archive_command = 'touch {proof}';",
        "SELECT pg_catalog.pg_ls_dir('/');",
    ];
    for body in bodies {
        is_denied(attempt(body).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn getting_back_to_the_session_user_gives_no_more_rights() {
    let program = "CREATE TEMP TABLE t (x text); COPY t FROM PROGRAM 'touch {proof}';";
    for trick in [
        "RESET ROLE;",
        "RESET SESSION AUTHORIZATION;",
        "SET SESSION AUTHORIZATION DEFAULT;",
        "SET ROLE NONE;",
    ] {
        is_denied(attempt(&format!("{trick}\n{program}")).await);
        let block = format!("DO $$ BEGIN {trick} {program} END $$;");
        is_denied(attempt(&block).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_superuser_cannot_be_become_though_its_name_can_be_looked_up() {
    let find = "SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper LIMIT 1";
    for what in [
        "SET SESSION AUTHORIZATION %I",
        "SET ROLE %I",
        "ALTER FUNCTION public.f() OWNER TO %I",
        "GRANT %I TO CURRENT_USER",
        "ALTER ROLE %I PASSWORD NULL",
    ] {
        let body = format!(
            "CREATE FUNCTION public.f() RETURNS void SECURITY DEFINER LANGUAGE plpgsql AS
                 $f$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > {{proof}}'; END $f$;
             DO $$ BEGIN EXECUTE pg_catalog.format('{what}', ({find})); END $$;
             SELECT public.f();"
        );
        is_denied(attempt(&body).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_owned_by_a_powerful_role_is_refused() {
    let body = "CREATE FUNCTION public.f() RETURNS void SECURITY DEFINER LANGUAGE plpgsql AS
        $$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > {proof}'; END $$;
        ALTER FUNCTION public.f() OWNER TO pg_execute_server_program;
        SELECT public.f();";
    is_refused(attempt(body).await, "pg_execute_server_program");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_cannot_be_given_to_the_servers_superuser_by_name() {
    let server = TestServer::start().await;
    let superuser = server.server().superuser().to_owned();
    let target = stopover_scratch::restore::RestoreTarget {
        superuser: server.access().config().clone(),
        database: "scratch".to_owned(),
        pg_restore: None,
        sessions: None,
        spool: None,
    };
    let body =
        format!("CREATE TABLE public.t (x int);\nALTER TABLE public.t OWNER TO {superuser};");
    let backup = crate::fixture::piped(&dump_of(&body));
    let mut silent = stopover_model::Silent;
    let error = stopover_scratch::restore::restore(backup, &target, &mut silent).await.unwrap_err();
    assert!(matches!(error, RestoreError::Role { .. }), "{error}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_in_c_are_denied() {
    let body = "CREATE FUNCTION public.f(cstring) RETURNS int LANGUAGE c AS 'libc', 'system';";
    let error = attempt(body).await.unwrap_err();
    assert!(error.to_string().contains("functions in C"), "{error}");
    is_denied(Err(error));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_is_not_created_where_its_script_could_meet_the_dumps_objects() {
    let body = "CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE EXTENSION hstore WITH SCHEMA public;";
    is_refused(attempt(body).await, "CREATE EXTENSION");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_trigger_never_runs_though_the_superuser_executes_ddl_after_it() {
    let body = "CREATE FUNCTION public.spy() RETURNS event_trigger LANGUAGE plpgsql AS
            $$ BEGIN COPY (SELECT current_user) TO PROGRAM 'cat > {proof}'; END $$;
         CREATE EVENT TRIGGER spy ON ddl_command_end EXECUTE FUNCTION public.spy();
         ALTER EVENT TRIGGER spy ENABLE ALWAYS;
         CREATE TABLE public.t (x int);
         ALTER TABLE public.t OWNER TO app;";
    let restored = attempt(body).await.unwrap();
    assert!(restored.findings.iter().any(|it| it.code == "restore-event-trigger-disabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cast_of_the_dumps_own_never_runs_in_the_superusers_session() {
    let body = "CREATE FUNCTION public.spy(oid) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
            $$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > {proof}'; RETURN ''; END $$;
         CREATE CAST (oid AS text) WITH FUNCTION public.spy(oid) AS IMPLICIT;
         CREATE TABLE public.t (x int);";
    is_denied(attempt(body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_that_shadow_the_servers_own_are_not_used_by_the_superuser() {
    let body = "CREATE FUNCTION public.spy(name, text) RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > {proof}'; RETURN true; END $$;
         CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.spy);
         CREATE OPERATOR public.<> (LEFTARG = name, RIGHTARG = text, FUNCTION = public.spy);
         SET search_path = public, pg_catalog;
         CREATE TABLE t (x int);
         ALTER TABLE t OWNER TO app;";
    attempt(body).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn index_functions_run_without_rights_while_statistics_are_gathered() {
    let body = "CREATE FUNCTION public.spy(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
            $$ BEGIN IF current_user LIKE 'stopover\\_________' OR (SELECT rolsuper FROM pg_catalog.pg_roles
                WHERE rolname = current_user) THEN COPY (SELECT 1) TO PROGRAM 'cat > {proof}'; END IF; RETURN x; END $$;
         CREATE TABLE public.t (x int);
         INSERT INTO public.t SELECT generate_series(1, 100);
         CREATE INDEX i ON public.t (public.spy(x));";
    attempt(body).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_a_dump_gives_to_the_database_are_taken_back() {
    let scratch = Scratch::new().await;
    let body = "CREATE SCHEMA evil;
        DO $$ BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path = evil',
            pg_catalog.current_database()); END $$;";
    let restored = scratch.restore_text(&dump_of(body)).await.unwrap();
    assert!(restored.findings.iter().any(|it| it.code == "restore-settings-reset"));
    assert_eq!(scratch.access.psql("SHOW search_path"), "\"$user\", public");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_left_out_and_said_so() {
    let body = "CREATE SUBSCRIPTION s CONNECTION 'host=192.0.2.1 dbname=prod' PUBLICATION p
            WITH (connect = false, slot_name = 's');
        ALTER SUBSCRIPTION s OWNER TO app;";
    let restored = attempt(body).await.unwrap();
    assert!(restored.findings.iter().any(|it| it.code == "restore-subscription-skipped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_tables_reach_nothing_during_and_after_the_restore() {
    let scratch = Scratch::new().await;
    let body = "CREATE EXTENSION postgres_fdw WITH SCHEMA public;
        CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1');
        ALTER SERVER far OWNER TO app;
        CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'u', password 'p');
        CREATE FOREIGN TABLE public.f (x int) SERVER far;
        ALTER TABLE public.f OWNER TO app;
        CREATE TABLE public.part (x int) PARTITION BY LIST (x);
        CREATE FOREIGN TABLE public.part_f PARTITION OF public.part FOR VALUES IN (1) SERVER far;
        CREATE MATERIALIZED VIEW public.m AS SELECT * FROM public.f WITH NO DATA;
        CREATE MATERIALIZED VIEW public.n AS SELECT * FROM public.m WITH NO DATA;
        REFRESH MATERIALIZED VIEW public.m;
        REFRESH MATERIALIZED VIEW public.n;";
    let restored = scratch.restore_text(&dump_of(body)).await.unwrap();
    let codes: Vec<&str> = restored.findings.iter().map(|it| it.code.as_str()).collect();
    assert!(codes.contains(&"restore-foreign-server-disarmed"), "{codes:?}");
    assert!(codes.contains(&"restore-unreachable-view"), "{codes:?}");
    let client = scratch.access.client().await;
    let error = client.batch_execute("SELECT * FROM public.f").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "55000");
}

#[tokio::test(flavor = "multi_thread")]
async fn dblink_of_a_dump_connects_to_nothing() {
    let body = "CREATE EXTENSION dblink WITH SCHEMA public;
        SELECT public.dblink_connect('host=192.0.2.1 user=u password=p connect_timeout=2');";
    is_denied(attempt(body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_with_endless_rows_is_not_kept_in_memory() {
    attempt("SELECT pg_catalog.generate_series(1, 300000), pg_catalog.repeat('x', 500);")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_is_copied_out_ends_the_restore() {
    let error =
        attempt("CREATE TABLE public.t (x int);\nCOPY public.t TO stdout;\nSELECT 1;").await;
    assert!(error.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restoring_roles_login_ends_with_the_restore() {
    let scratch = Scratch::new().await;
    let body = "DO $$ BEGIN EXECUTE pg_catalog.format('ALTER ROLE %I PASSWORD %L', session_user,
        'known'); EXCEPTION WHEN OTHERS THEN NULL; END $$; CREATE TABLE public.t (x int);";
    scratch.restore_text(&dump_of(body)).await.unwrap();
    let owner = scratch
        .access
        .psql("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'public.t'::regclass");
    assert_eq!(owner, "stopover_owner");
}
