//! `receipt`: whether exactly this plan was rehearsed. The judgement is made elsewhere, of values
//! that only the caller has; here it takes its place among the checks.

use stopover_model::Finding;

use crate::PreflightFacts;
use crate::judged::Judged;

const CODE: &str = "receipt";

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    Judged::of(CODE, "the receipt", facts.receipt, |findings| {
        let under_code = |it: &Finding| Finding { code: CODE.to_owned(), ..it.clone() };
        findings.iter().map(under_code).collect()
    })
}
