//! What reading a statement has found out so far.

use super::words::Words;
use super::{Classification, LockClaim, LockMode, TransactionControl, TransactionNeed};
use crate::copy::CopyStdin;

/// Collects the parts of a [`Classification`].
pub(super) struct Reading {
    tag: String,
    transaction: TransactionNeed,
    control: Option<TransactionControl>,
    caveat: Option<String>,
    locks: Vec<LockClaim>,
}

impl Reading {
    pub(super) fn new() -> Self {
        Reading {
            tag: String::new(),
            transaction: TransactionNeed::Either,
            control: None,
            caveat: None,
            locks: Vec::new(),
        }
    }

    pub(super) fn into_classification(self, copy: Option<CopyStdin>) -> Classification {
        Classification {
            tag: self.tag,
            transaction: self.transaction,
            control: self.control,
            locks: self.locks,
            copy,
            caveat: self.caveat,
        }
    }

    pub(super) fn tag(&mut self, tag: &str) {
        tag.clone_into(&mut self.tag);
    }

    /// Notes that PostgreSQL refuses `what` in a transaction block.
    pub(super) fn outside(&mut self, what: &str) {
        let reason = format!("{what} cannot run inside a transaction block");
        self.transaction = TransactionNeed::Outside { reason };
    }

    pub(super) fn control(&mut self, control: TransactionControl) {
        self.control = Some(control);
    }

    pub(super) fn caveat(&mut self, caveat: &str) {
        self.caveat = Some(caveat.to_owned());
    }

    /// Claims a lock; of two on one relation the stronger holds.
    pub(super) fn lock(&mut self, mode: LockMode, relation: String) {
        match self.locks.iter_mut().find(|claim| claim.relation == relation) {
            Some(claim) => claim.mode = claim.mode.max(mode),
            None => self.locks.push(LockClaim { mode, relation }),
        }
    }

    /// Claims a lock on the relation named next.
    pub(super) fn lock_next(&mut self, mode: LockMode, words: &mut Words<'_>) {
        if let Some(relation) = words.relation() {
            self.lock(mode, relation);
        }
    }

    /// Claims a lock on each relation of the list that comes next; columns in parentheses after
    /// a name are skipped.
    pub(super) fn lock_list(&mut self, mode: LockMode, words: &mut Words<'_>) {
        loop {
            self.lock_next(mode, words);
            words.skip_parentheses();
            if !words.eat_symbol(",") {
                return;
            }
        }
    }

    /// Claims a lock on the relation named after the next `keyword` outside of parentheses.
    pub(super) fn lock_after(&mut self, keyword: &str, mode: LockMode, words: Words<'_>) {
        if let Some(mut words) = words.after(keyword) {
            self.lock_next(mode, &mut words);
        }
    }
}
