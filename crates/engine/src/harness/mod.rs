//! What is looked at before an apply and after it. Reads only: the one thing that is written, the
//! fingerprint of the schema that an apply left, is written by [`record_schema`], which an apply
//! calls at its end.

mod before;
mod known;
mod own_session;
mod postflight;
mod preflight;
mod reading;
mod rebuilt;
mod record;
mod renamed;
mod values;

pub(crate) use known::KnownSchema;
pub(crate) use own_session::in_own_session;
pub(crate) use postflight::{counted_again, postflight_with_schema};
pub(crate) use preflight::preflight_knowing;
pub(crate) use reading::in_time;
pub(crate) use record::{canonical, keep_schema, remember_schema};

pub use before::{Before, before};
pub use postflight::{Postflight, postflight};
pub use preflight::{DumpFinder, Preflight, preflight};
pub use record::record_schema;
