//! Any bytes, cut anywhere: the pieces, tokens and statements must be exact.

#![no_main]

#[path = "../../crates/sql/tests/invariants/mod.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Vec<usize>)| {
    let (bytes, cuts) = input;
    invariants::hold_for(bytes, &cuts);
});
