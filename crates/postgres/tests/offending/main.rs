//! Which rows a statement fails on: counted and sampled on a real server.

mod rules;
mod search;
mod trial;
