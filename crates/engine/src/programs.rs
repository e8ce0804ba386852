//! Programs of the user's that take part in a rehearsal.

use std::sync::Arc;

use stopover_backend::Program;

/// Programs of the user's that take part in a rehearsal; the default is none.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// Runs the migrations in the engine's place.
    pub command: Option<MigratingCommand>,
    /// The service that must boot on the migrated scratch.
    pub boot: Option<Arc<dyn Program>>,
}

/// A tool of the user's that migrates.
#[derive(Debug, Clone)]
pub struct MigratingCommand {
    /// It.
    pub program: Arc<dyn Program>,
    /// What the ledger is compared with, before and after.
    pub comparison: Comparison,
}

/// What the ledger of a scratch that somebody else migrates is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The request's source: no drift before, and an applied set that equals it afterwards.
    Source,
    /// Nothing, and why not. With it the relations that may lose rows: there are no migrations here
    /// whose directives could say so.
    Nothing {
        /// Why not.
        why: String,
        /// What may lose rows, qualified or not.
        allow_data_loss: Vec<String>,
    },
}
