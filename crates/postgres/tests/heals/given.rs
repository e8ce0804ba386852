//! A proof on a server that is given for it, where the roles of the target are not.

use std::sync::Arc;

use stopover_contract::{Fixture, Stage};
use stopover_postgres::{PostgresBackend, Target};
use stopover_scratch::copies::ScratchCopies;
use stopover_testkit::{Access, TestServer};

use super::{is_poisoned, poisoned, refusal};
use crate::support::PostgresFixture;

const CODES: &str = "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n";

/// What the migrations make belongs to a role of the target's alone, and another one may read it.
async fn shared_with_others(nine: &str) -> (Stage<PostgresFixture>, Access) {
    let stage = poisoned("CREATE TABLE other (id integer);\n", nine).await;
    let access = stage.database.writer();
    let (owner, reader) = (format!("{}_o", access.database()), format!("{}_r", access.database()));
    let sql = format!(
        "CREATE ROLE {owner} LOGIN SUPERUSER PASSWORD 'owner'; CREATE ROLE {reader}; \
         ALTER TABLE codes OWNER TO {owner}; GRANT SELECT ON codes TO {reader}"
    );
    stage.database.run(&sql).await;
    (stage, access.as_role(&owner, "owner"))
}

fn backend(target: &Access, scratch_url: String) -> PostgresBackend {
    let target = Target::from_config(target.config().clone());
    let copies = ScratchCopies::of(target.clone(), Some(scratch_url));
    PostgresBackend::new(target).with_copier(Arc::new(copies))
}

/// Who would own it afterwards, and who might read it, is to be seen nowhere.
#[tokio::test]
async fn what_is_made_again_is_refused_where_the_given_server_lacks_the_targets_roles() {
    let rebuild = format!("DROP TABLE IF EXISTS codes;\n{CODES}");
    let (stage, owner) = shared_with_others(&rebuild).await;
    let given = TestServer::start().await;
    let told = refusal(stage.apply_by(&backend(&owner, given.url())).await.0);
    assert!(told[0].contains("re-running 9 would drop and make again "), "{told:?}");
    assert!(told[0].contains("public.codes"), "{told:?}");
    assert!(told[0].contains("roles of the target are missing"), "{told:?}");
    assert!(is_poisoned(&stage).await);
    let left = "SELECT count(*) FROM pg_database WHERE datname ~ 'stopover'";
    let rows = given.access().client().await.query(left, &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, i64>(0), 0, "nothing is left on the given server");
    given.stop().await;
}

/// What stays as it is needs no roles.
#[tokio::test]
async fn what_is_made_only_where_it_is_missing_is_proven_without_the_targets_roles() {
    let (stage, owner) = shared_with_others(CODES).await;
    let given = TestServer::start().await;
    stage.apply_by(&backend(&owner, given.url())).await.0.unwrap();
    assert!(!is_poisoned(&stage).await);
    given.stop().await;
}

/// A role that may make no database there proves nothing.
#[tokio::test]
async fn a_given_server_that_lets_nobody_make_a_database_gives_no_proof() {
    let (stage, owner) = shared_with_others(CODES).await;
    let given = TestServer::start().await;
    let client = given.access().client().await;
    client.batch_execute("CREATE ROLE guest LOGIN PASSWORD 'guest'").await.unwrap();
    let guest = given.access().as_role("guest", "guest");
    let told = refusal(stage.apply_by(&backend(&owner, guest.url())).await.0);
    assert!(told[0].contains("is not run again without a proof on a copy: "), "{told:?}");
    assert!(is_poisoned(&stage).await);
    given.stop().await;
}
