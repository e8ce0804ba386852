//! The library as a service uses it.

mod blocking;
mod errors;
mod rehearsed;
mod runs;
mod together;

use stopover::{Embedded, Runner, Version};
use tempfile::TempDir;

/// The migrations of `tests/migrations`.
const SHOP: Embedded = stopover::embed!("tests/migrations");

/// A fresh SQLite file; gone at the test's end.
struct File(TempDir);

impl File {
    fn fresh() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn runner(&self) -> Runner {
        let path = self.0.path().join("app.db");
        Runner::new(&format!("sqlite:{}", path.display())).expect("a URL")
    }
}

fn versions(numbers: &[i64]) -> Vec<Version> {
    numbers.iter().map(|&it| Version::Integer(it)).collect()
}
