//! Receipts of rehearsals: the keys that sign them, and where they lie.
//!
//! What a receipt says is the model's, whether it lets an apply begin the checks'. Here is what
//! needs files and chance: keys are made and read, receipts are signed, stored, found and verified.

mod folder;
mod key;

pub use folder::{KEPT, ReceiptPlace};
pub use key::{KeyError, PublicKey, SigningKey, shown_setting};
