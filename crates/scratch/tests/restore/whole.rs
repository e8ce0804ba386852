//! What is restored equals what was dumped, whatever the format.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use stopover_model::{Event, RestorePhase};
use stopover_scratch::restore::KnownError;

use crate::fixture::{Scratch, dump_of, dumped, events_of, shop};

/// The dump of a restored shop must be the shop's own, but for what is disarmed on purpose and
/// what only a superuser may own.
async fn assert_equals_the_shop(scratch: &Scratch) {
    let expected = dumped(&shop().await.database);
    let actual = dumped(&scratch.access);
    let compared = |line: &&str| {
        let superusers_own =
            ["EVENT TRIGGER watch", "PUBLICATION everything", "PUBLICATION schemas"].iter().any(
                |it| line.contains(it) && (line.contains(" OWNER TO ") || line.contains("DISABLE")),
            );
        !superusers_own
            && !line.starts_with("ALTER FOREIGN DATA WRAPPER dummy OWNER")
            && !line.contains("; Owner: stopover_")
            && !line.contains("pg_ls_waldir")
            && !line.trim().is_empty()
            && *line != "--"
    };
    let expected: Vec<&str> = expected.lines().filter(compared).collect();
    let actual: Vec<&str> = actual.lines().filter(compared).collect();
    if let Some(at) = expected.iter().zip(&actual).position(|(a, b)| a != b) {
        let around =
            |lines: &[&str]| lines[at.saturating_sub(4)..(at + 4).min(lines.len())].join("\n");
        panic!("line {at}:\n{}\n--- restored ---\n{}", around(&expected), around(&actual));
    }
    assert_eq!(expected.len(), actual.len());
}

async fn assert_file_restores(path: PathBuf) {
    let scratch = Scratch::new().await;
    let bytes = fs::metadata(&path).unwrap();
    let restored = scratch.restore_path(path).await.unwrap();
    assert_equals_the_shop(&scratch).await;
    assert!(!bytes.is_file() || restored.bytes == bytes.len());
    assert_eq!(restored.sha256.len(), 64);
    assert!(restored.rows > 3_200, "{} rows", restored.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_dump_restores_to_the_same_database() {
    let scratch = Scratch::new().await;
    let restored = scratch.restore_text(shop().await.plain.as_bytes()).await.unwrap();
    assert_equals_the_shop(&scratch).await;
    assert_eq!(restored.owner, "shop_app");
    assert!(restored.roles.contains(&"shop_reader".to_owned()));
    assert!(restored.extensions.contains(&"uuid-ossp".to_owned()));
    assert!(restored.server_version.unwrap().starts_with("1"));
    let codes: Vec<&str> = restored.findings.iter().map(|it| it.code.as_str()).collect();
    for code in [
        "restore-event-trigger-disabled",
        "restore-foreign-server-disarmed",
        "restore-superuser-owner",
        "restore-foreign-grant",
    ] {
        assert!(codes.contains(&code), "{code} is not in {codes:?}");
    }
    assert!(restored.known_errors.iter().any(|(known, _)| *known == KnownError::ForeignGrant));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzipped_dump_restores_to_the_same_database() {
    assert_file_restores(shop().await.dump("shop.sql.gz", &["-Z1"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zstd_and_lz4_dumps_restore_to_the_same_database() {
    let shop = shop().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zstd");
    fs::write(&path, zstd::encode_all(shop.plain.as_bytes(), 1).unwrap()).unwrap();
    assert_file_restores(path).await;
    let path = folder.path().join("lz4");
    let mut encoder = lz4_flex::frame::FrameEncoder::new(fs::File::create(&path).unwrap());
    encoder.write_all(shop.plain.as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_file_restores(path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_inserts_restores_to_the_same_database() {
    let arguments = ["--inserts", "--rows-per-insert=50"];
    assert_file_restores(shop().await.dump("inserts.sql", &arguments)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_changes_its_session_authorization_restores_too() {
    let path = shop().await.dump("authorization.sql", &["--use-set-session-authorization"]);
    let scratch = Scratch::new().await;
    // The superuser's own objects are created as that superuser there, who is nobody here.
    let text = fs::read_to_string(path).unwrap();
    let restored = scratch.restore_text(text.as_bytes()).await;
    assert_eq!(restored.unwrap().owner, "shop_app");
    assert_equals_the_shop(&scratch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_dump_forgives_what_is_not_there_to_drop() {
    for arguments in [&["--clean", "--if-exists"][..], &["--clean"]] {
        let name = arguments.join("");
        let scratch = Scratch::new().await;
        let restored = scratch.restore_path(shop().await.dump(&name, arguments)).await.unwrap();
        assert_equals_the_shop(&scratch).await;
        let known = restored.known_errors.iter().any(|(it, _)| *it == KnownError::NothingToDrop);
        assert_eq!(known, arguments.len() == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_archive_restores_to_the_same_database() {
    assert_file_restores(shop().await.dump("shop.custom", &["-Fc"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_archive_restores_to_the_same_database() {
    assert_file_restores(shop().await.dump("shop.folder", &["-Fd"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tar_archive_restores_to_the_same_database() {
    assert_file_restores(shop().await.dump("shop.tar", &["-Ft"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directorys_hash_is_that_of_its_files_hashes() {
    let folder = shop().await.dump("hashed.folder", &["-Fd"]);
    let scratch = Scratch::new().await;
    let restored = scratch.restore_path(folder.clone()).await.unwrap();
    let shell = "LC_ALL=C; sha256sum * | sha256sum | cut -d' ' -f1";
    let said = Command::new("sh").args(["-c", shell]).current_dir(folder).output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), restored.sha256);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_without_owners_belongs_to_one_ordinary_role() {
    let scratch = Scratch::new().await;
    let path = shop().await.dump("ownerless.sql", &["--no-owner", "--no-privileges"]);
    let restored = scratch.restore_path(path).await.unwrap();
    assert_eq!(restored.owner, "stopover_owner");
    let owners = scratch.access.psql(
        "SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ',') FROM pg_class
         WHERE relnamespace = 'app'::regnamespace",
    );
    assert_eq!(owners, "stopover_owner");
    let config = scratch.target.login_for(&restored.owner).await.unwrap();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("ALTER TABLE app.orders ADD COLUMN more text").await.unwrap();
    client.batch_execute("CREATE TABLE public.fresh (x int)").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migrating_role_owns_the_objects_and_is_no_superuser() {
    let scratch = Scratch::new().await;
    let restored = scratch.restore_text(shop().await.plain.as_bytes()).await.unwrap();
    let config = scratch.target.login_for(&restored.owner).await.unwrap();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("ALTER TABLE app.users ADD COLUMN extra integer").await.unwrap();
    let refused = client.batch_execute("COPY app.users TO PROGRAM 'cat'").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
    assert!(scratch.target.login_for("pg_execute_server_program").await.is_err());
    assert!(scratch.target.login_for("nobody_of_that_name").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_the_ledger_comes_before_the_owner_of_most_tables() {
    let body = "CREATE TABLE public.a (x int);\nALTER TABLE public.a OWNER TO many;\n\
        CREATE TABLE public.b (x int);\nALTER TABLE public.b OWNER TO many;\n\
        CREATE TABLE public._sqlx_migrations (x int);\n\
        ALTER TABLE public._sqlx_migrations OWNER TO migrator;\n";
    let restored = crate::fixture::restored(&dump_of(body)).await.unwrap();
    assert_eq!(restored.owner, "migrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_there_after_the_restore() {
    let scratch = Scratch::new().await;
    scratch.restore_text(shop().await.plain.as_bytes()).await.unwrap();
    let rows =
        scratch.access.psql("SELECT reltuples FROM pg_class WHERE oid = 'app.orders'::regclass");
    assert_eq!(rows, "2000");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restore_says_what_it_is_doing() {
    let events = events_of(shop().await.plain.as_bytes()).await;
    assert_eq!(events.first(), Some(&Event::Phase(RestorePhase::Restoring)));
    let place = |phase: RestorePhase| {
        let wanted = Event::Phase(phase);
        events.iter().position(|it| *it == wanted).unwrap()
    };
    assert!(place(RestorePhase::Indexing) < place(RestorePhase::Analyzing));
    assert!(matches!(events.last(), Some(Event::RestoreFinished { rows: 3_200.., .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_restore_itself_is_left_behind() {
    let scratch = Scratch::new().await;
    scratch.restore_text(shop().await.plain.as_bytes()).await.unwrap();
    let left = scratch.access.psql(
        "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
         WHERE r.rolname LIKE 'stopover\\_restore\\_%'
           AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    assert_eq!(left, "0");
}
