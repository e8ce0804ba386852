//! Extensions that a dump needs: what they are called in packages, and which of them reach out.

/// An extension that is not installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingExtension {
    /// As the dump names it.
    pub name: String,
    /// The Debian package that has it, for the scratch server's version, where it is known.
    pub package: Option<String>,
}

impl MissingExtension {
    pub(super) fn new(name: &str, server_major: u32) -> Self {
        Self { name: name.to_owned(), package: package(name, server_major) }
    }
}

/// Extensions whose functions connect to other machines. They are no danger to this host, but a
/// copy must not talk to what production talks to.
pub(super) const REACHING_OUT: &[&str] =
    &["dblink", "http", "pg_net", "plproxy", "aws_s3", "aws_lambda", "pgsql_http", "pg_amqp"];

/// The Debian package of an extension (apt.postgresql.org's names). `%` is the major version.
fn package(name: &str, server_major: u32) -> Option<String> {
    let pattern = match name {
        _ if CONTRIB.contains(&name) => "postgresql-contrib",
        "postgis"
        | "postgis_topology"
        | "postgis_raster"
        | "postgis_sfcgal"
        | "postgis_tiger_geocoder"
        | "address_standardizer"
        | "address_standardizer_data_us" => "postgresql-%-postgis-3",
        "plperl" | "plperlu" | "bool_plperl" | "hstore_plperl" => "postgresql-plperl-%",
        "plpython3u" | "hstore_plpython3u" | "ltree_plpython3u" => "postgresql-plpython3-%",
        "pltcl" | "pltclu" => "postgresql-pltcl-%",
        "timescaledb" => "timescaledb-2-postgresql-%",
        "vector" => "postgresql-%-pgvector",
        "pg_cron" => "postgresql-%-cron",
        "pg_partman" => "postgresql-%-partman",
        "pg_repack" => "postgresql-%-repack",
        "pg_hint_plan" => "postgresql-%-pg-hint-plan",
        "pgaudit" => "postgresql-%-pgaudit",
        "hypopg" => "postgresql-%-hypopg",
        "hll" => "postgresql-%-hll",
        "ip4r" => "postgresql-%-ip4r",
        "orafce" => "postgresql-%-orafce",
        "periods" => "postgresql-%-periods",
        "pgrouting" => "postgresql-%-pgrouting",
        "pgtap" => "postgresql-%-pgtap",
        "pglogical" => "postgresql-%-pglogical",
        "plproxy" => "postgresql-%-plproxy",
        "prefix" => "postgresql-%-prefix",
        "rum" => "postgresql-%-rum",
        "semver" => "postgresql-%-semver",
        "similarity" => "postgresql-%-similarity",
        "temporal_tables" => "postgresql-%-temporal-tables",
        "unit" => "postgresql-%-unit",
        "wal2json" => "postgresql-%-wal2json",
        "http" => "postgresql-%-http",
        "age" => "postgresql-%-age",
        "citus" => "postgresql-%-citus",
        _ => return None,
    };
    Some(pattern.replace('%', &server_major.to_string()))
}

/// Extensions that come with PostgreSQL's sources.
const CONTRIB: &[&str] = &[
    "adminpack",
    "amcheck",
    "autoinc",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "insert_username",
    "intagg",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_surgery",
    "pg_trgm",
    "pg_visibility",
    "pg_walinspect",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "postgres_fdw",
    "refint",
    "seg",
    "sslinfo",
    "tablefunc",
    "tcn",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "xml2",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_for_the_servers_version() {
        let of = |name| MissingExtension::new(name, 15).package;
        assert_eq!(of("postgis").as_deref(), Some("postgresql-15-postgis-3"));
        assert_eq!(of("hstore").as_deref(), Some("postgresql-contrib"));
        assert_eq!(of("plperl").as_deref(), Some("postgresql-plperl-15"));
        assert_eq!(of("our_own"), None);
    }
}
