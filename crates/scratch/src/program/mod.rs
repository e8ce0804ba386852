//! Programs that somebody else wrote and that run on our behalf: those that fetch a backup, the
//! user's tool that migrates a scratch, the service that boots on it.
//!
//! Each is a process group of its own ([`Group`]) that ends on every way out of this process,
//! SIGKILL included, and what such programs say is shown without secrets ([`Secrets`]). What is
//! made of their output is decided by whoever runs them.

mod command;
mod group;
mod health;
mod marked;
mod run;
mod secrets;
mod service;
mod tail;

pub use command::UserCommand;
pub use group::{Group, Leash};
pub use service::{ServiceError, UserService};

pub(crate) use secrets::Secrets;

#[cfg(test)]
mod tests;
