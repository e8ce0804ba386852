//! Documents for a person at a terminal, or reading a log.
//!
//! One file per document. All of them say first what must be acted on, and last what to do next.
//! They decide nothing: what is red, and why, stands in the document already.

mod adopt;
mod apply;
mod backup;
mod cache;
mod carry;
mod ci;
mod down;
mod findings;
mod harness;
mod lint;
mod locked;
mod measured;
mod plan;
mod predicted;
mod programs;
mod receipt;
mod rehearsal;
mod repair;
mod schema;
mod status;

use stopover_model::Version;

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::text;

pub use adopt::adopt;
pub use apply::apply;
pub use backup::{backup, verify};
pub use cache::cache;
pub use carry::carry;
pub(crate) use carry::{rows as carried_rows, state as carried_state};
pub use ci::ci;
pub use findings::{error_with_hint, findings};
pub use harness::{postflight, preflight};
pub use lint::lint;
pub use plan::plan;
pub use receipt::receipt;
pub use rehearsal::rehearsal;
pub use repair::repair;
pub use schema::{schema, schema_diff};
pub use status::status;

/// How much a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What must be acted on, and summaries.
    Brief,
    /// Everything (`-v`).
    Full,
}

/// The last lines of a report.
fn next_step(page: &mut Page<'_>, step: &str) {
    page.gap();
    page.entry(0, Ink::Advice, "Next:", 0, step);
}

/// `103 add_audit`.
fn title(version: &Version, name: &str) -> String {
    text::tame_line(&format!("{version} {name}"))
}

/// Longer lists of versions are told by their ends.
const VERSIONS_IN_A_ROW: usize = 12;

/// `103, 104 and 105`; `167 migrations, 1 to 167` where there are many and details are not asked
/// for.
fn versions(versions: &[Version], detail: Detail) -> String {
    if let ([first, .., last], Detail::Brief) = (versions, detail)
        && versions.len() > VERSIONS_IN_A_ROW
    {
        let (first, last) = (first.to_string(), last.to_string());
        let ends = format!("{} to {}", text::tame_line(&first), text::tame_line(&last));
        return format!("{}, {ends}", text::plural(versions.len(), "migration"));
    }
    let names: Vec<String> = versions.iter().map(|it| text::tame_line(&it.to_string())).collect();
    stopover_model::detail_list(&names)
}

/// The arrow before a remedy.
fn arrow(look: &Look) -> &'static str {
    look.glyph("→", "->")
}
