//! What was counted in the base of a scratch, kept for the next scratch that begins as its copy.
//!
//! A shelf belongs to one base: nothing that was counted in another one comes from it. Whether a
//! copy is still what its base was is told by marks, and judged by whoever takes the census.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use stopover_model::Schema;

use crate::{CensusScope, Imprint};

/// The census of a base: its schema, and how many rows and values are in its tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseCensus {
    /// What was left out.
    pub scope: CensusScope,
    /// The mark of its catalogs ([`crate::Census::catalogs`]).
    pub catalogs: String,
    /// Its schema.
    pub schema: Schema,
    /// Its tables.
    pub tables: Vec<BaseTable>,
}

/// A table of a base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseTable {
    /// Its imprint, with a mark.
    pub imprint: Imprint,
    /// How many rows it has.
    pub rows: u64,
    /// In how many rows a column has a value, by the column's key, as far as that was counted.
    pub values: BTreeMap<String, u64>,
}

/// What a shelf holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// Nothing yet.
    Nothing,
    /// Something that is not what was written, and why.
    Spoilt(String),
    /// A census, whole.
    Census(Box<BaseCensus>),
}

/// Keeps the census of one base.
pub trait CensusShelf: fmt::Debug + Send + Sync {
    /// What was kept.
    fn recall(&self) -> Recalled;

    /// Keeps a census instead of what is there; whoever reads meanwhile sees the one or the other.
    ///
    /// # Errors
    /// Why it was not kept: the next one counts again.
    fn keep(&self, census: &BaseCensus) -> Result<(), String>;
}
