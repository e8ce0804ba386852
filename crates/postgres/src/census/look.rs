//! What the queries of all families share: the server's version, the schemas that are looked at,
//! and the relations that are not.

use stopover_backend::{BackendError, CensusScope};

use crate::literal::literal;

/// The lowest identifier of an object that `initdb` did not make (`FirstNormalObjectId` in
/// PostgreSQL's `src/include/access/transam.h`).
pub(super) const FIRST_OF_USERS: u32 = 16384;

/// What is looked at. Lists of object identifiers are PostgreSQL's array literals.
pub(super) struct Look {
    /// The server's `server_version_num`.
    pub(super) version: u32,
    /// The users' schemas.
    schemas: String,
    /// Relations that are left out.
    except: String,
    /// Names of schemas that are left out where nothing else is in them.
    pub(super) shells: Vec<String>,
}

impl Look {
    pub(super) fn new(
        version: &str,
        schemas: String,
        except: String,
        scope: &CensusScope,
    ) -> Result<Self, BackendError> {
        let version = version.parse().map_err(|_| BackendError::Settings {
            message: format!("the server gives a version that is no number: {version}"),
            remedy: "name a PostgreSQL server, version 14 or newer".to_owned(),
        })?;
        let mut shells: Vec<String> =
            scope.except.iter().map(|(schema, _)| literal(schema)).collect();
        shells.sort();
        shells.dedup();
        Ok(Self { version, schemas, except, shells })
    }

    /// Looks at these schemas only: their identifiers, as PostgreSQL's array literal.
    pub(super) fn only(&mut self, schemas: String) {
        self.schemas = schemas;
    }

    /// `text` where the server is of this version or newer, else `otherwise`.
    pub(super) fn since<'a>(&self, version: u32, text: &'a str, otherwise: &'a str) -> &'a str {
        if self.version >= version { text } else { otherwise }
    }

    /// The condition that a schema's identifier is a user schema's.
    pub(super) fn in_schemas(&self, column: &str) -> String {
        format!("{column} = ANY ('{}'::oid[])", self.schemas)
    }

    /// The condition that a relation is not left out.
    pub(super) fn not_except(&self, column: &str) -> String {
        format!("{column} <> ALL ('{}'::oid[])", self.except)
    }

    /// The condition that an object is neither a relation that is left out nor a part of one: a
    /// constraint, a trigger, a rule, a policy, statistics.
    pub(super) fn not_part(&self, catalog: &str, object: &str) -> String {
        if self.except == "{}" {
            return "true".to_owned();
        }
        format!(
            "(NOT ({catalog} = 'pg_class'::regclass AND NOT {relation}) \
             AND NOT EXISTS (SELECT FROM pg_depend b WHERE b.classid = {catalog} \
               AND b.objid = {object} AND b.refclassid = 'pg_class'::regclass \
               AND b.deptype IN ('a', 'i') AND NOT {owner}))",
            relation = self.not_except(object),
            owner = self.not_except("b.refobjid"),
        )
    }

    /// The condition that a row of `pg_class` is a relation to look at.
    pub(super) fn relation(&self, alias: &str) -> String {
        format!(
            "{} AND {} AND {} AND {alias}.relpersistence <> 't'",
            self.in_schemas(&format!("{alias}.relnamespace")),
            self.not_except(&format!("{alias}.oid")),
            not_member("pg_class", &format!("{alias}.oid")),
        )
    }
}

/// The condition that an object was made by no extension, and is no inner part of another object.
pub(super) fn not_member(catalog: &str, column: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = '{catalog}'::regclass \
         AND m.objid = {column} AND m.objsubid = 0 AND m.deptype = 'e')"
    )
}

/// The same, and no inner part of another object: the functions of a range type, its casts.
pub(super) fn independent(catalog: &str, column: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = '{catalog}'::regclass \
         AND m.objid = {column} AND m.objsubid = 0 AND m.deptype IN ('e', 'i'))"
    )
}

/// `schema.name` of the row `alias`, whose schema is the row `n`.
pub(super) fn named(alias: &str, column: &str) -> String {
    format!("quote_ident(n.nspname) || '.' || quote_ident({alias}.{column})")
}

/// A list of options (`text[]` of `name=value`), sorted, with the values of those that hold
/// secrets hidden; NULL where there are none.
pub(super) fn options(column: &str) -> String {
    format!(
        "(SELECT string_agg(CASE WHEN split_part(o, '=', 1) ~* '(pass|secret|token|key|credential)' \
           THEN split_part(o, '=', 1) || '=***' ELSE o END, ', ' ORDER BY o) \
          FROM unnest({column}) o)"
    )
}
