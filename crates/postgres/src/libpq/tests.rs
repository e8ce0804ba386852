use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Surroundings;
use crate::Target;
use crate::target::SslMode;

/// Reads `text` as a process with these variables does.
fn read(text: &str, variables: &[(&str, &str)]) -> Result<Target, crate::TargetError> {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|it| (*it).to_owned());
    Target::parse_with(text, &Surroundings { variable: &variable })
}

fn file(folder: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn password(target: &Target) -> Option<&str> {
    target.config().get_password().map(|it| std::str::from_utf8(it).unwrap())
}

#[test]
fn the_string_is_stronger_than_the_service_and_that_than_the_variables() {
    let folder = tempfile::TempDir::new().unwrap();
    let service = "# ours\n[other]\nhost=nowhere\n\n[prod]\nhost=db.example\nport=6000\nuser=u\nsslmode=require\n";
    let services = file(folder.path(), "services", service, 0o644);
    let variables = [
        ("PGSERVICEFILE", services.as_str()),
        ("PGHOST", "elsewhere"),
        ("PGDATABASE", "shop"),
        ("PGUSER", "v"),
    ];
    let target = read("service=prod port=6001", &variables).unwrap();
    assert_eq!(target.describe(), "database shop on db.example:6001 as u");
    assert_eq!(target.ssl_mode, SslMode::Require);
    let target = read("postgresql:///?service=prod", &variables).unwrap();
    assert_eq!(target.describe(), "database shop on db.example:6000 as u");
    let target = read("postgresql:///", &variables).unwrap();
    assert_eq!(target.describe(), "database shop on elsewhere:5432 as v");
}

#[test]
fn a_service_that_is_not_defined_is_named() {
    let error = read("service=nope", &[("PGSERVICEFILE", "/nonexistent")]).unwrap_err();
    assert!(error.reason.starts_with("the service `nope` is not defined"), "{error}");
}

#[test]
fn the_first_line_of_the_password_file_that_fits_counts() {
    let folder = tempfile::TempDir::new().unwrap();
    let lines =
        "# host:port:db:user:password\nh:5432:other:*:no\nh:*:db:u:se\\:cr\\\\et:x\n*:*:*:*:any\n";
    let passwords = file(folder.path(), "pgpass", lines, 0o600);
    let variables = [("PGPASSFILE", passwords.as_str())];
    let with = |text| read(text, &variables).unwrap();
    assert_eq!(password(&with("postgresql://u@h/db")), Some("se:cr\\et:x"));
    assert_eq!(password(&with("postgresql://v@h/db")), Some("any"));
    assert_eq!(password(&with("postgresql://u:own@h/db")), Some("own"));
    let open = file(folder.path(), "open", lines, 0o644);
    let target = read("postgresql://u@h/db", &[("PGPASSFILE", open.as_str())]).unwrap();
    assert_eq!(password(&target), None, "a file that others can read is not used");
}

#[test]
fn variables_fill_what_is_left_open() {
    let variables = [
        ("PGPASSWORD", "pw"),
        ("PGPORT", "6000"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/ca.pem"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGUSER", ""),
    ];
    let target = read("postgresql://u@h/db", &variables).unwrap();
    assert_eq!(target.describe(), "database db on h:6000 as u");
    assert_eq!(password(&target), Some("pw"));
    assert_eq!(target.ssl_mode, SslMode::VerifyFull);
    assert_eq!(target.config().get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
    let error = read("postgresql://u@h/db", &[("PGPORT", "many")]).unwrap_err();
    assert_eq!(error.reason, "port `many` is no port");
}
