//! What `receipt` takes.

use std::path::PathBuf;

use clap::Subcommand;

/// `receipt …`
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Make a pair of keys: the signing key goes into a file, the public one to standard output
    Keygen {
        /// The new file for the signing key, which nobody else may read
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Check a receipt's signature, and show what it says
    Verify {
        /// A receipt, as `rehearse` wrote it
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The public key, or a file with it [default: receipt_public_key]
        #[arg(long, value_name = "KEY")]
        public_key: Option<String>,
    },
}
