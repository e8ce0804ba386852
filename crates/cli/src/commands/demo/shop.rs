//! The example shop: the files of `examples/shop`, embedded, and the changes that are rehearsed.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::console::Failure;

/// The backup's file name.
pub(super) const BACKUP: &str = "shop.sql.gz";
/// The folder with the migrations that production has.
pub(super) const MIGRATIONS: &str = "migrations";
/// Stands for the number of rows that the data breaks, in [`Change::told`].
pub(super) const ROWS: &str = "(rows)";

/// The shop's data.
pub(super) const DATA: &str = include_str!("../../../../../examples/shop/data.sql");

macro_rules! shop_file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../../../examples/shop/", $path)))
    };
}

const PRODUCTION: &[(&str, &str)] = &[
    shop_file!("migrations/001_customers.up.sql"),
    shop_file!("migrations/001_customers.down.sql"),
    shop_file!("migrations/002_products.up.sql"),
    shop_file!("migrations/002_products.down.sql"),
    shop_file!("migrations/003_orders.up.sql"),
    shop_file!("migrations/003_orders.down.sql"),
    shop_file!("migrations/004_order_totals.up.sql"),
    shop_file!("migrations/004_order_totals.down.sql"),
];

/// One change of the shop: a folder of migrations, and what must come out.
#[derive(Debug)]
pub(super) struct Change {
    /// Name of the folder.
    pub(super) name: &'static str,
    /// What somebody wants.
    pub(super) title: &'static str,
    /// What the rehearsal shows.
    pub(super) shows: &'static str,
    /// Files that are put over production's.
    files: &'static [(&'static str, &'static str)],
    /// Files of production's that are not there any more.
    without: &'static [&'static str],
    /// How much of the report is shown.
    pub(super) shown: Shown,
    /// What `stopover rehearse` exits with.
    pub(super) exit_code: u8,
    /// What `detail` must say.
    pub(super) told: &'static [&'static str],
}

/// How much of a report is shown: the first is shown whole, of the others what differs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    /// All of it.
    Whole,
    /// The first so many paragraphs: the verdict, and what is wrong.
    Paragraphs(usize),
}

/// The changes, in the order in which they are told.
pub(super) const CHANGES: &[Change] = &[
    Change {
        name: "1-points",
        title: "Points for loyal customers, and an index",
        shows: "a change that is fine: green",
        files: &[
            shop_file!("changes/1-points/005_customer_points.up.sql"),
            shop_file!("changes/1-points/005_customer_points.down.sql"),
            shop_file!("changes/1-points/006_orders_by_day.up.sql"),
            shop_file!("changes/1-points/006_orders_by_day.down.sql"),
        ],
        without: &[],
        shown: Shown::Whole,
        exit_code: 0,
        told: &["2 migrations applied"],
    },
    Change {
        name: "2-phone",
        title: "No customer without a phone number",
        shows: "a change that breaks on production's data, though every test was green",
        files: &[
            shop_file!("changes/2-phone/005_require_phone.up.sql"),
            shop_file!("changes/2-phone/005_require_phone.down.sql"),
        ],
        without: &[],
        shown: Shown::Paragraphs(2),
        exit_code: 6,
        told: &["migration 5: column \"phone\"", ROWS],
    },
    Change {
        name: "3-drift",
        title: "Gift wrap, from a branch that forgot what production has",
        shows: "drift: one applied migration was edited, another is missing",
        files: &[
            shop_file!("changes/3-drift/002_products.up.sql"),
            shop_file!("changes/3-drift/005_gift_wrap.up.sql"),
            shop_file!("changes/3-drift/005_gift_wrap.down.sql"),
        ],
        without: &["004_order_totals.up.sql", "004_order_totals.down.sql"],
        shown: Shown::Paragraphs(1),
        exit_code: 6,
        told: &[
            "migration 2 was previously applied but has been modified",
            "migration 4 was previously applied but is missing in the resolved migrations",
        ],
    },
];

/// The shop's files, written somewhere.
#[derive(Debug)]
pub(super) struct Shop {
    folder: PathBuf,
    // Removed with it, where the files are not to be kept.
    _temporary: Option<TempDir>,
}

impl Shop {
    /// Writes the files into `keep`, which must be new or empty, else into a temporary folder that
    /// goes when this value does.
    pub(super) fn write(keep: Option<&Path>) -> Result<Self, Failure> {
        let shop = match keep {
            Some(folder) => Self { folder: kept(folder)?, _temporary: None },
            None => {
                let temporary = tempfile::Builder::new().prefix("stopover-demo-").tempdir();
                let temporary =
                    temporary.map_err(|error| unwritable(&std::env::temp_dir(), &error))?;
                Self { folder: temporary.path().to_owned(), _temporary: Some(temporary) }
            }
        };
        shop.fill().map_err(|error| unwritable(&shop.folder, &error))?;
        Ok(shop)
    }

    /// Where the files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn fill(&self) -> io::Result<()> {
        let production = self.folder.join(MIGRATIONS);
        put(&production, PRODUCTION, &[])?;
        for change in CHANGES {
            let folder = self.folder.join(change.name);
            put(&folder, PRODUCTION, change.without)?;
            put(&folder, change.files, &[])?;
        }
        Ok(())
    }
}

fn put(folder: &Path, files: &[(&str, &str)], without: &[&str]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (path, text) in files {
        let name = path.rsplit('/').next().unwrap_or(path);
        if !without.contains(&name) {
            fs::write(folder.join(name), text)?;
        }
    }
    Ok(())
}

/// Somebody's files are never written over.
fn kept(folder: &Path) -> Result<PathBuf, Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    let entries =
        made.and_then(|()| fs::read_dir(folder)).map_err(|error| unwritable(folder, &error))?;
    if entries.count() > 0 {
        return Err(Failure::usage(
            format!("{} is not empty: the demo writes over nobody's files", folder.display()),
            "name a folder that is new or empty: --keep shop-demo",
        ));
    }
    Ok(folder.to_owned())
}

fn unwritable(folder: &Path, error: &io::Error) -> Failure {
    Failure::unable(
        format!("the shop's files cannot be written to {}: {error}", folder.display()),
        "name a folder that may be written: --keep DIR",
    )
}
