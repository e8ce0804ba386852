//! A rehearsal in which something vanishes, and which went down and up again.

use stopover_model::report::{
    DownLoss, DownOutcome, DownReport, DroppedColumn, RehearsalReport, TableFate, TableReport,
    Verdict,
};
use stopover_model::{Finding, Version};

use crate::samples::{rehearsal_green, table};

/// Red, because rows vanish that no migration may lose.
pub(crate) fn rehearsal_losses() -> RehearsalReport {
    let mut report = rehearsal_green();
    let told = "public.invoices was dropped with its 1,234,567 rows (migration 105: UPDATE, line \
                2)";
    report.verdict = Verdict::Red;
    report.detail = told.to_owned();
    let remedy = "change the migration so that nothing is lost, or say that it may be, at the head \
                  of migrations/105_total_as_bigint.up.sql: `-- stopover: allow \
                  data-loss(public.invoices)`";
    report.findings = vec![
        Finding::error("data-loss", "public.invoices", told, remedy),
        Finding::warning(
            "down-lossy",
            "105",
            "taking migration 105 back does not bring back what was there: what was in note of \
             public.customers",
            "a rollback in production loses this for good",
        ),
    ];
    let invoices = table("public.invoices", Some(12.0), Some(12.0));
    let customers = table("public.customers", Some(3.0), Some(3.0));
    let archive = table("public.archive", Some(0.0), Some(0.0));
    report.tables = vec![
        TableReport {
            rows_after: None,
            fate: Some(TableFate::Dropped),
            relation_after: None,
            dropped_columns: None,
            ..invoices
        },
        TableReport {
            dropped_columns: Some(vec![DroppedColumn {
                column: "note".to_owned(),
                values: Some(17),
            }]),
            ..customers
        },
        TableReport {
            fate: Some(TableFate::Renamed),
            relation_after: Some("archive.orders".to_owned()),
            ..archive
        },
    ];
    report.down = Some(trip());
    report
}

fn trip() -> Vec<DownReport> {
    let one = |version: i64, name: &str, outcome: DownOutcome| DownReport {
        version: Version::Integer(version),
        name: name.to_owned(),
        file: Some(format!("migrations/{version}_{name}.down.sql")),
        outcome: Some(outcome),
        duration_ms: Some(340.0),
        again_ms: Some(18_200.0),
        lost: Vec::new(),
        objects: Vec::new(),
        error: None,
    };
    let lost = DownLoss {
        relation: "public.customers".to_owned(),
        rows_before: Some(1_234_567),
        rows_after: Some(1_234_560),
        columns: vec!["note".to_owned()],
    };
    vec![
        one(106, "index_items", DownOutcome::Lossless),
        DownReport {
            lost: vec![lost],
            objects: vec!["index public.customers_note".to_owned()],
            ..one(105, "total_as_bigint", DownOutcome::Lossy)
        },
        DownReport {
            file: None,
            duration_ms: None,
            again_ms: None,
            ..one(104, "split_names", DownOutcome::Irreversible)
        },
        DownReport {
            outcome: None,
            duration_ms: None,
            again_ms: None,
            ..one(103, "first", DownOutcome::Lossless)
        },
    ]
}
