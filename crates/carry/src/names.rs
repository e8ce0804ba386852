//! Which schemas may be carried at all. Pure.

use crate::error::CarryRefusal;

/// Refuses names of schemas that every database has, and those that are reserved.
pub(crate) fn check(schemas: &[String], reserved: &[String]) -> Result<(), CarryRefusal> {
    if schemas.is_empty() {
        return Err(CarryRefusal::refused("no schema is named", "name one with --schema"));
    }
    for (at, name) in schemas.iter().enumerate() {
        let why = if name.is_empty() {
            "a schema's name cannot be empty"
        } else if name == "public" {
            "it comes from the backup, and dropping it would drop what was restored"
        } else if name.starts_with("pg_") || name == "information_schema" {
            "it is PostgreSQL's own"
        } else if reserved.contains(name) {
            "the ledger is in it, which belongs to the database that was restored"
        } else if schemas[..at].contains(name) {
            "it is named twice"
        } else if name.contains('\0') || name.len() > 63 {
            "no schema can have this name"
        } else {
            continue;
        };
        return Err(CarryRefusal::refused(
            format!("the schema {name:?} is not carried: {why}"),
            "name the schemas that clients keep of their own, as they are spelled in the catalog",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_harm_are_refused_and_odd_ones_are_not() {
        let refused = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&it| it.to_owned()).collect();
            check(&names, &["stopover".to_owned()]).is_err()
        };
        for name in ["public", "pg_catalog", "pg_x", "information_schema", "stopover", ""] {
            assert!(refused(&[name]), "{name}");
        }
        assert!(refused(&[]));
        assert!(refused(&["a", "a"]));
        assert!(!refused(&["Public", "a.b c", "\"", "größe", "information_schema2"]));
    }
}
