//! The rules that are on where nobody says otherwise: what shuts users out of a table that is in
//! use, or breaks what still runs while a deploy is under way. Rules of taste are off, and so are
//! those that the runner has answers for of its own (time-outs, retries, statements that cannot be
//! in a transaction, dirty ends).

/// A rule, with a migration that it speaks up about and one that it does not. Source of the names
/// and their reasons: <https://squawkhq.com/docs/rules>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// squawk's name.
    pub name: &'static str,
    /// Who is hurt.
    pub why: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
    /// It finds this.
    pub bad: &'static str,
    /// And not this.
    pub good: &'static str,
}

const fn rule(
    name: &'static str,
    why: &'static str,
    remedy: &'static str,
    bad: &'static str,
    good: &'static str,
) -> Rule {
    Rule { name, why, remedy, bad, good }
}

/// Every rule that is on, by name.
pub const CATALOGUE: &[Rule] = &[
    rule(
        "adding-field-with-default",
        "a default that is computed for each row rewrites the table, with readers and writers shut out",
        "add the column without a default, set the default, fill the rows in batches",
        "ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE orders ADD COLUMN state text DEFAULT 'new';",
    ),
    rule(
        "adding-foreign-key-constraint",
        "both tables take no writes while every row is checked",
        "add it NOT VALID, and validate it in a later migration",
        "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer) REFERENCES customers (id);",
        "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer) REFERENCES customers (id) NOT VALID;",
    ),
    rule(
        "adding-not-nullable-field",
        "the whole table is read while readers and writers are shut out",
        "add a CHECK that is NOT VALID, validate it, then set NOT NULL",
        "ALTER TABLE orders ALTER COLUMN state SET NOT NULL;",
        "ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;",
    ),
    rule(
        "adding-required-field",
        "it fails on a table that has rows",
        "add it nullable or with a default",
        "ALTER TABLE orders ADD COLUMN state text NOT NULL;",
        "ALTER TABLE orders ADD COLUMN state text;",
    ),
    rule(
        "adding-serial-primary-key-field",
        "an index is built while readers and writers are shut out",
        "build a unique index CONCURRENTLY, and add the key USING INDEX",
        "ALTER TABLE orders ADD PRIMARY KEY (id);",
        "ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_id;",
    ),
    rule(
        "ban-drop-column",
        "what still runs may read it, and its values are gone",
        "take it out of the programs first, and drop it in a later deploy",
        "ALTER TABLE orders DROP COLUMN note;",
        "ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;",
    ),
    rule(
        "ban-drop-table",
        "what still runs may read it, and its rows are gone",
        "take it out of the programs first, and drop it in a later deploy",
        "DROP TABLE orders;",
        "CREATE TABLE orders (id bigint);",
    ),
    rule(
        "ban-truncate-cascade",
        "tables that are not named lose their rows",
        "name every table that is to lose its rows",
        "TRUNCATE orders CASCADE;",
        "TRUNCATE orders;",
    ),
    rule(
        "changing-column-type",
        "most changes rewrite the table, with readers and writers shut out",
        "add a column of the new type, fill it in batches, and change over",
        "ALTER TABLE orders ALTER COLUMN total TYPE numeric;",
        "ALTER TABLE orders ADD COLUMN total_exact numeric;",
    ),
    rule(
        "constraint-missing-not-valid",
        "the table is read while writers, or all, are shut out",
        "add it NOT VALID, and validate it in a later migration",
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);",
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;",
    ),
    rule(
        "disallowed-unique-constraint",
        "an index is built while readers and writers are shut out",
        "build a unique index CONCURRENTLY, and add the constraint USING INDEX",
        "ALTER TABLE orders ADD CONSTRAINT one_token UNIQUE (token);",
        "ALTER TABLE orders ADD CONSTRAINT one_token UNIQUE USING INDEX orders_token;",
    ),
    rule(
        "identifier-too-long",
        "the server cuts it after 63 bytes, and two may become one",
        "choose a name of at most 63 bytes",
        "ALTER TABLE orders ADD COLUMN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa int;",
        "ALTER TABLE orders ADD COLUMN a int;",
    ),
    rule(
        "renaming-column",
        "what still runs asks for the old name",
        "add a column, write both, and take the old one away in a later deploy",
        "ALTER TABLE orders RENAME COLUMN note TO remark;",
        "ALTER TABLE orders ADD COLUMN remark text;",
    ),
    rule(
        "renaming-table",
        "what still runs asks for the old name",
        "leave a view of the old name, or rename when nothing asks for it",
        "ALTER TABLE orders RENAME TO purchases;",
        "CREATE VIEW purchases AS SELECT * FROM orders;",
    ),
    rule(
        "require-concurrent-index-creation",
        "writers are shut out while the index is built",
        "CREATE INDEX CONCURRENTLY, in a migration without a transaction",
        "CREATE INDEX orders_token ON orders (token);",
        "CREATE INDEX CONCURRENTLY orders_token ON orders (token);",
    ),
    rule(
        "require-concurrent-index-deletion",
        "readers and writers wait behind it, and it behind the longest query",
        "DROP INDEX CONCURRENTLY, in a migration without a transaction",
        "DROP INDEX orders_token;",
        "DROP INDEX CONCURRENTLY orders_token;",
    ),
    rule(
        "require-concurrent-partition-detach",
        "readers and writers of the whole table wait behind it",
        "DETACH PARTITION … CONCURRENTLY, in a migration without a transaction",
        "ALTER TABLE events DETACH PARTITION events_2025;",
        "ALTER TABLE events DETACH PARTITION events_2025 CONCURRENTLY;",
    ),
    rule(
        "require-concurrent-reindex",
        "writers are shut out while the index is built",
        "REINDEX … CONCURRENTLY, in a migration without a transaction",
        "REINDEX INDEX orders_token;",
        "REINDEX INDEX CONCURRENTLY orders_token;",
    ),
];

/// What the catalogue says is to be done instead.
pub(crate) fn remedy(name: &str) -> Option<&'static str> {
    CATALOGUE.iter().find(|it| it.name == name).map(|it| it.remedy)
}
