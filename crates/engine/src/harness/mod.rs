//! What is looked at before an apply and after it. Reads only: the one thing that is written, the
//! fingerprint of the schema that an apply left, is written by [`record_schema`], which an apply
//! calls at its end.

mod before;
mod postflight;
mod preflight;
mod reading;
mod record;
mod renamed;

pub(crate) use postflight::counted_again;
pub(crate) use reading::in_time;
pub(crate) use record::{canonical, remember_schema};

pub use before::{Before, before};
pub use postflight::{Postflight, postflight};
pub use preflight::{DumpFinder, Preflight, preflight};
pub use record::record_schema;
