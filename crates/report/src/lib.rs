//! Events and documents as text, for people and for machines.
//!
//! One file for each kind of output: [`human`] for terminals and pipes, [`json`] for programs,
//! [`sql_error()`] for one statement's error in its place, [`Progress`] for what happens while the
//! engine works. How text may look is decided once, in [`Look`]. This crate decides nothing about
//! migrations and does no I/O but writing to the writer that [`Progress`] is given.

mod facts;
mod github;
mod html;
pub mod human;
pub mod json;
mod junit;
mod locks;
pub mod log;
mod look;
mod markdown;
mod markup;
mod outcome;
mod page;
mod picture;
mod places;
mod progress;
mod sarif;
mod sql_error;
mod table;
mod text;
pub mod units;

pub use github::annotations;
pub use html::html;
pub use junit::junit;
pub use look::{Charset, Colour, Look, Surface};
pub use markdown::{carry_markdown, markdown};
pub use places::SourceRoot;
pub use progress::{Progress, Verbosity};
pub use sarif::sarif;
pub use sql_error::{NoSource, SourceText, condition_name, sql_error};
