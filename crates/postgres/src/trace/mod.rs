//! The trace of a rehearsal: what the migrations lock, rewrite and write, and for how long.
//!
//! A backend that was told to trace attaches a [`Tracer`] to each session that it opens. The
//! tracer looks at the server from a second connection ([`lookout`]): before a
//! statement that no transaction surrounds, after each statement, and in the middle of those that take long. What the looks show goes into
//! the [`record`], which the [`Recorder`] tells at the end ([`told`]). Beside a BEGIN, outside of the
//! transaction, the session asks how much WAL there is ([`Tracer::observation`]). On a server of our
//! own it looks for itself behind the statements that it is safe behind ([`within`]): nobody is to be
//! woken up for that, and nothing to be waited for.
//!
//! A trace that breaks off (the second connection is lost, or refused) keeps no migration from
//! running: what was not seen is not told, and a finding says so.

mod catalog;
mod changes;
mod counts;
mod held;
mod lookout;
mod outside;
mod record;
mod recorder;
mod told;
mod tracer;
mod traffic;
mod transaction;
mod within;

pub use lookout::Neighbours;
pub(crate) use record::End;
pub(crate) use recorder::Recorder;
pub(crate) use tracer::Tracer;
