//! The tool without what stands around an apply.

/// Variables with which an apply is its steps alone: no preflight, no backup, no postflight. Most
/// tests are about the steps; those that are not take these out again.
pub const BARE: [(&str, &str); 3] = [
    ("STOPOVER_APPLY__PREFLIGHT", "false"),
    ("STOPOVER_APPLY__BACKUP", "false"),
    ("STOPOVER_APPLY__POSTFLIGHT", "false"),
];
