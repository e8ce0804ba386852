//! A dump is hostile input: nothing in it reaches the host.

use std::fs;

use crate::shop::Shop;

/// Puts `line` before the first CREATE of a real dump.
async fn dump_with(line: &str) -> (Shop, std::path::PathBuf) {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql", &[]);
    let text = fs::read_to_string(&backup).unwrap();
    let at = text.find("CREATE TABLE").unwrap();
    fs::write(&backup, format!("{}{line}\n{}", &text[..at], &text[at..])).unwrap();
    (shop, backup)
}

#[tokio::test]
async fn psqls_commands_are_refused_and_not_run() {
    for command in
        ["\\! touch {}", "\\copy orders to '{}'", "\\o {}", "\\i {}", "\\connect postgres"]
    {
        let folder = tempfile::TempDir::new().unwrap();
        let trace = folder.path().join("was-here");
        let line = command.replace("{}", trace.to_str().unwrap());
        let (shop, backup) = dump_with(&line).await;
        let red = shop.rehearse(&backup, &[]).red();
        let name = command.split(' ').next().unwrap_or_default();
        assert!(red.first_line().starts_with("restore: refused: line "), "{}", red.detail);
        assert!(red.first_line().contains(name), "{}", red.detail);
        assert!(!trace.exists(), "{command} was run");
        assert_eq!(red.report["migrations"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn programs_and_files_of_the_host_are_out_of_reach() {
    let folder = tempfile::TempDir::new().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(folder.path(), open).unwrap();
    let trace = folder.path().join("was-here");
    let path = trace.display();
    let attacks = [
        format!("COPY pg_catalog.pg_class TO PROGRAM 'touch {path}';"),
        format!("DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {path}'''; END $$;"),
        format!(
            "DO $$ BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {path}'''; END $$;"
        ),
        format!(
            "DO $$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION DEFAULT'; EXECUTE 'COPY (SELECT 1) TO ''{path}'''; END $$;"
        ),
        "SELECT pg_catalog.pg_read_file('/etc/passwd');".to_owned(),
        format!("SELECT pg_catalog.lo_export(1, '{path}');"),
    ];
    for attack in attacks {
        let (shop, backup) = dump_with(&attack).await;
        let red = shop.rehearse(&backup, &[]).red();
        assert!(red.first_line().starts_with("restore: "), "{attack}: {}", red.detail);
        assert!(!trace.exists(), "{attack}");
    }
}

#[tokio::test]
async fn an_extension_that_is_not_installed_is_named() {
    let (shop, backup) = dump_with(
        "CREATE EXTENSION IF NOT EXISTS no_such_thing WITH SCHEMA public;\nCREATE EXTENSION nor_this;",
    )
    .await;
    let red = shop.rehearse(&backup, &[]).red();
    assert!(red.first_line().starts_with("restore: extension: "), "{}", red.detail);
    assert!(red.first_line().contains("no_such_thing, nor_this"), "{}", red.detail);
}
