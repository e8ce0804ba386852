//! Extensions with their versions. Their members are left out everywhere: they follow from these.

pub(super) fn query() -> String {
    "SELECT 'extension', quote_ident(e.extname), \
       'version ' || e.extversion || E'\\nschema ' || quote_ident(n.nspname) \
     FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
     WHERE e.extname <> 'plpgsql'"
        .to_owned()
}
