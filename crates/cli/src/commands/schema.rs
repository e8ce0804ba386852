//! `schema`.

mod side;

use stopover_backend::{FactsRequest, Privileges, Stop};
use stopover_model::Schema;
use stopover_model::report::{SchemaDiffReport, SchemaReport, SchemaSide};
use stopover_report::human;

use crate::args::{Global, LimitArguments, SchemaArguments, SourceArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::{Flags, Settings};
use crate::target;

use super::{flags, ledger_choice, load};
use side::Side;

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: SchemaArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let privileges = if arguments.privileges { Privileges::Included } else { Privileges::LeftOut };
    let flags = Flags {
        pg_bin: arguments.pg_bin,
        scratch_dir: arguments.scratch_dir,
        ..flags(SourceArguments::default(), Some(arguments.target), LimitArguments::default())
    };
    let loaded = load(global, flags)?;
    let reading = Reading { settings: &loaded.settings, console, privileges, stop };
    let [before, after] = match arguments.diff.as_slice() {
        [before, after] => [Side::named(before)?, Side::named(after)?],
        _ => return reading.print().await,
    };
    reading.compare(before, after, arguments.check).await
}

/// How schemas are read.
struct Reading<'a> {
    settings: &'a Settings,
    console: &'a Console,
    privileges: Privileges,
    stop: Stop,
}

impl Reading<'_> {
    /// The target's schema.
    async fn print(&self) -> Result<Exit, Failure> {
        let database = target::backend(self.settings)?;
        let schema = database.schema(&self.facts(), self.privileges, &self.stop).await?;
        let report = SchemaReport::of(schema);
        self.console.document(&report, |detail, look| human::schema(&report, detail, look));
        Ok(Exit::Success)
    }

    async fn compare(&self, before: Side, after: Side, check: bool) -> Result<Exit, Failure> {
        let hidden = before.is_document() || after.is_document();
        let (one, first) = self.read(before, hidden).await?;
        let (other, second) = self.read(after, hidden).await?;
        let report = SchemaDiffReport::of(one, other, first.changes(&second));
        self.console.document(&report, |detail, look| human::schema_diff(&report, detail, look));
        Ok(if check && !report.equal { Exit::Drift } else { Exit::Success })
    }

    /// A document has no passwords in its definitions; what it is compared with must not have
    /// them either.
    async fn read(&self, side: Side, hidden: bool) -> Result<(SchemaSide, Schema), Failure> {
        let name = side.name();
        let schema = side.read(self).await?;
        let schema = if hidden { schema.redacted() } else { schema };
        Ok((SchemaSide::of(name, &schema), schema))
    }

    fn facts(&self) -> FactsRequest {
        FactsRequest { ledger: ledger_choice(self.settings, None) }
    }
}
