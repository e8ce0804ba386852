//! Stopover's checks: pure functions from what was planned or measured to findings.
//!
//! A check decides nothing but its own findings: what becomes of an error is the verdict's. It
//! reads values, and asks nobody. One that cannot be made is an error too: nothing passes because
//! nobody looked.

mod limits;
mod receipt;

pub use limits::{Measured, limits};
pub use receipt::{Asked, prediction, receipt, slower};
