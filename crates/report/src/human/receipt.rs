//! `receipt verify`: whether to believe a receipt, and what it says.

use stopover_model::report::{ReceiptReport, SignatureState, Verdict};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::{text, units};

use super::findings::list;

/// The document of `receipt verify`.
#[must_use]
pub fn receipt(report: &ReceiptReport, look: &Look) -> String {
    /// Where the values begin, right of the labels.
    const REACH: usize = 12;
    let mut page = Page::new(look);
    let (ink, word, said) = match report.signature {
        SignatureState::Good => (Ink::Good, "SIGNED:", "the signature is good"),
        SignatureState::Missing => (Ink::Bad, "NOT SIGNED:", "nobody vouches for it"),
        SignatureState::NotVerified => (Ink::Doubtful, "NOT VERIFIED:", "no public key is set"),
        SignatureState::Bad => (Ink::Bad, "NOT TO BE BELIEVED:", "the signature is bad"),
    };
    page.section(ink, word, said);
    if !report.findings.is_empty() {
        page.gap();
        list(&mut page, report.findings.iter());
    }
    page.gap();
    let it = &report.receipt;
    let verdict = match it.verdict {
        Verdict::Green => "green",
        Verdict::Red => "RED",
    };
    let detail = text::tame_line(&it.detail);
    page.entry(2, Ink::Strong, "verdict", REACH, &format!("{verdict}: {detail}"));
    let time = it.rehearsed_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    page.entry(2, Ink::Faint, "rehearsed", REACH, &time);
    page.entry(2, Ink::Faint, "plan", REACH, &text::tame_line(&it.grounds.plan_hash));
    let names: Vec<_> = it.migrations.iter().map(|it| it.version.clone()).collect();
    let took: u64 = it.migrations.iter().filter_map(|it| it.predicted_ms).sum();
    let migrations = super::versions(&names, super::Detail::Brief);
    let migrations = format!("{migrations}, {}", units::duration(took as f64));
    page.entry(2, Ink::Faint, "migrations", REACH, &migrations);
    let ledger = format!(
        "{}, {} applied, {}",
        it.grounds.ledger.kind,
        it.grounds.ledger.applied.len(),
        text::tame_line(&it.grounds.ledger.hash)
    );
    page.entry(2, Ink::Faint, "ledger", REACH, &ledger);
    let server = format!("{} {}", it.database(), text::tame_line(&it.grounds.server_version));
    page.entry(2, Ink::Faint, "server", REACH, &server);
    let hash = it.backup.sha256.as_deref().map_or("not known".to_owned(), text::tame_line);
    let age = it.backup.age_ms.map(|it| format!(", {} old then", units::duration(it as f64)));
    page.entry(2, Ink::Faint, "backup", REACH, &format!("{hash}{}", age.unwrap_or_default()));
    page.finish()
}
