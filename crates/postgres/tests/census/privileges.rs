//! Owners, grants and default privileges, when they are asked for.

use super::{changed, database, run, schema, schema_with_privileges};

/// They are objects of their own, and no part of the schema where nobody asks.
#[tokio::test]
async fn owners_and_grants_are_told_when_asked_for() {
    let database = database(
        "CREATE TABLE t (id integer, name text); CREATE FUNCTION f() RETURNS integer LANGUAGE sql \
         AS 'SELECT 1';",
    )
    .await;
    let role = format!("{}_role", database.database());
    run(&database, &format!("CREATE ROLE {role}")).await;
    let plain = schema(&database).await;
    let mut before = schema_with_privileges(&database).await;
    for (change, expected) in [
        (format!("GRANT SELECT ON t TO {role}"), vec!["grants table public.t"]),
        (format!("GRANT SELECT ON t TO {role} WITH GRANT OPTION"), vec!["grants table public.t"]),
        (format!("GRANT UPDATE (name) ON t TO {role}"), vec!["grants table column public.t.name"]),
        (
            "REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC".to_owned(),
            vec!["grants function public.f()"],
        ),
        (
            format!("ALTER FUNCTION f() OWNER TO {role}"),
            vec!["grants function public.f()", "owner function public.f()"],
        ),
        (format!("GRANT USAGE ON SCHEMA public TO {role}"), vec!["grants schema public"]),
        (
            format!("ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT SELECT ON TABLES TO PUBLIC"),
            vec!["default privileges FOR ROLE ROLE ON TABLES"],
        ),
    ] {
        run(&database, &change).await;
        let after = schema_with_privileges(&database).await;
        let found: Vec<String> =
            changed(&before, &after).iter().map(|it| it.replace(&role, "ROLE")).collect();
        assert_eq!(found, expected, "{change}");
        before = after;
    }
    assert_eq!(plain, schema(&database).await);
    run(&database, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// It makes no difference whether the grants that every object begins with were written out.
#[tokio::test]
async fn grants_that_hold_anyway_are_no_change() {
    let database = database("CREATE TABLE t (id integer);").await;
    let before = schema_with_privileges(&database).await;
    run(&database, "GRANT ALL ON t TO CURRENT_USER").await;
    assert_eq!(before, schema_with_privileges(&database).await);
}
