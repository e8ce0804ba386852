//! Stopover's values: migrations, ledgers, plans, findings, events and reports.
