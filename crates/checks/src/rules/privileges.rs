//! `privileges`: what the role lacks before an apply, and what others have lost after it.

use stopover_model::Finding;
use stopover_model::harness::{Fact, LackingPrivilege, LostGrant, NeedKind};

use crate::judged::Judged;
use crate::{PostflightFacts, PreflightFacts};

const CODE: &str = "privileges";

pub(crate) fn before(facts: &PreflightFacts<'_>) -> Judged {
    Judged::of(CODE, "the role", &facts.around.lacking, |lacking| {
        lacking.iter().map(found).collect()
    })
}

fn found(it: &LackingPrivilege) -> Finding {
    let LackingPrivilege { need, role, subject, remedy } = it;
    let lacks = match need.kind {
        NeedKind::Owner => format!("{role} is neither the owner of {subject} nor a member of it"),
        NeedKind::Write => format!("{role} cannot write here: {subject}"),
        NeedKind::CreateInSchema => format!("{role} may not create anything in schema {subject}"),
        NeedKind::CreateInDatabase => format!("{role} may not create anything in the database"),
        kind => format!("{role} has no {} on {subject}", right(kind)),
    };
    let message = format!("{lacks}; {} needs it", need.wanted_by);
    Finding::error(CODE, subject.clone(), message, remedy.clone())
}

/// A right on a relation, as SQL calls it.
const fn right(kind: NeedKind) -> &'static str {
    match kind {
        NeedKind::Insert => "INSERT",
        NeedKind::Update => "UPDATE",
        NeedKind::Delete => "DELETE",
        NeedKind::Truncate => "TRUNCATE",
        NeedKind::Select => "SELECT",
        NeedKind::Trigger => "TRIGGER",
        NeedKind::References => "REFERENCES",
        NeedKind::Owner => "ownership",
        NeedKind::CreateInSchema | NeedKind::CreateInDatabase => "CREATE",
        NeedKind::Write => "right to write",
    }
}

pub(crate) fn after(facts: &PostflightFacts<'_>) -> Judged {
    if matches!(facts.lost, Fact::NotHere) {
        let note = Finding::note(
            CODE,
            "grants",
            "nobody looked at the grants before the apply: whether rebuilt tables have lost some \
             cannot be told",
            "",
        );
        return Judged::not_applicable(vec![note]);
    }
    Judged::of(CODE, "grants", facts.lost, |lost| lost.iter().map(grant).collect())
}

fn grant(lost: &LostGrant) -> Finding {
    let LostGrant { subject, grant } = lost;
    Finding::error(
        CODE,
        subject.clone(),
        format!("{subject} was made anew, and has lost what was granted on it before: {grant}"),
        "grant it again, in a migration",
    )
}
