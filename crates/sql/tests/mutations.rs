//! The fuzz target's twin for a stable compiler: real texts, broken at random in ways that are
//! repeated from a seed. `STOPOVER_SEED=… cargo test -p stopover-sql --test mutations` repeats one.

mod invariants;

use std::time::{SystemTime, UNIX_EPOCH};

use invariants::hold_for;

const TEXTS: &[&str] = &[
    include_str!("fixtures/shop.sql"),
    include_str!("fixtures/old.sql"),
    include_str!("fixtures/migration.sql"),
];
const MUTANTS: u64 = 400;
const TOKENS: &[&[u8]] = &[
    b"'",
    b"\"",
    b"$$",
    b"$_$",
    b"/*",
    b"*/",
    b"--",
    b"\n",
    b"\r",
    b"\\",
    b"\\.\n",
    b";",
    b"(",
    b")",
    b"E'",
    b"\0",
    b"\xFF",
    b"COPY t FROM stdin;\n",
    b"BEGIN ATOMIC ",
    b"END",
];

/// `SplitMix64`, by Sebastiano Vigna: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

fn mutate(text: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(40)).min(text.len());
        match random.below(5) {
            0 => text.truncate(at),
            1 => drop(text.drain(at..end)),
            2 => drop(text.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            3 => drop(text.splice(at..end, TOKENS[random.below(TOKENS.len())].iter().copied())),
            _ => {
                let copy = text[at..end].to_vec();
                let to = random.below(text.len() + 1);
                text.splice(to..to, copy);
            }
        }
    }
}

/// Checks the mutant that a seed makes.
fn check(seed: u64) {
    let mut random = Random(seed);
    let mut text = TEXTS[random.below(TEXTS.len())].as_bytes().to_vec();
    let start = random.below(text.len());
    text.drain(..start);
    mutate(&mut text, &mut random);
    let cuts: Vec<usize> = (0..random.below(8)).map(|_| random.below(usize::MAX)).collect();
    hold_for(&text, &cuts);
}

#[test]
fn mutants_of_real_texts_split_exactly() {
    let given = std::env::var("STOPOVER_SEED").ok().and_then(|seed| seed.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64);
    let first: u64 = given.unwrap_or(now);
    let mutants = if given.is_some() { 1 } else { MUTANTS };
    for seed in (0..mutants).map(|number| first.wrapping_add(number)) {
        println!("STOPOVER_SEED={seed}");
        check(seed);
    }
}
