//! Constraints of tables. A domain's are part of the domain, a trigger's are triggers, and NOT NULL
//! is part of the column.
//!
//! What a partition or a child has only because its parent has it is left out: it follows from the
//! parent's, and its name is chosen anew by every restore. Keys are kept: each has an index with a
//! name of its own.

use super::indexes;
use super::look::{Look, named};

pub(super) fn query(look: &Look) -> String {
    format!(
        "SELECT 'constraint', {name} || '.' || quote_ident(k.conname), \
         concat_ws(E'\\n', pg_get_constraintdef(k.oid), {index}) \
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x') \
         LEFT JOIN pg_class ic ON ic.oid = i.indexrelid \
         WHERE (k.contype IN ('p', 'u', 'x') \
             OR (k.contype = 'f' AND k.conparentid = 0) \
             OR (k.contype = 'c' AND (k.conislocal OR k.coninhcount = 0))) \
           AND {ours}",
        name = named("c", "relname"),
        index = indexes::state(),
        ours = look.relation("c"),
    )
}
