//! A macro cannot watch a folder: this makes Cargo see a migration that is added.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
