//! A folder of migrations that travels in the binary.

/// Migrations in the binary: made by [`embed!`](crate::embed!), or from a list of files.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    name: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

impl Embedded {
    /// A folder that is called `name` where a file is shown to a person, and its files: paths
    /// below it with `/`, and what they hold.
    #[must_use]
    pub const fn new(name: &'static str, files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self { name, files }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The files: paths below the folder, and what they hold.
    #[must_use]
    pub const fn files(&self) -> &'static [(&'static str, &'static [u8])] {
        self.files
    }
}

impl From<&'static [(&'static str, &'static [u8])]> for Embedded {
    fn from(files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self::new("migrations", files)
    }
}

impl<const N: usize> From<&'static [(&'static str, &'static [u8]); N]> for Embedded {
    fn from(files: &'static [(&'static str, &'static [u8]); N]) -> Self {
        Self::from(files.as_slice())
    }
}

/// Embeds a folder at compile time: an [`Embedded`] with every visible file below it.
///
/// The folder is one string, relative to the `Cargo.toml` of the crate that is being compiled.
/// Files and folders whose names begin with a dot are left out. A folder that is not there, or
/// that holds no file, is a compile error.
///
/// ```
/// let migrations = stopover::embed!("tests/migrations");
/// assert_eq!(migrations.files()[1].0, "0001_customers.up.sql");
/// ```
///
/// ```compile_fail
/// let migrations = stopover::embed!("no/such/folder");
/// ```
///
/// # When a change is seen
/// A file that is edited or removed makes Cargo build again by itself. A file that is **added**
/// does not, because a macro cannot watch a folder in stable Rust. One line in the crate's
/// `build.rs` does:
///
/// ```
/// println!("cargo::rerun-if-changed=migrations");
/// ```
#[macro_export]
macro_rules! embed {
    ($folder:tt) => {
        $crate::Embedded::new($folder, $crate::__files!($folder))
    };
}
