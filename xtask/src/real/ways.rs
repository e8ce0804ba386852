//! Both ways to the newest state: Stopover's into one database, the project's own into another.

use super::options::{Options, Peer};
use super::peer::{self, Keeper, Step};
use super::results::{Results, Side};
use super::server::{Database, Server};
use super::tool::{Answer, Tool};

const SQLX_ROWS: &str = "SELECT version, description, success, encode(checksum, 'hex') \
    FROM _sqlx_migrations ORDER BY version";
/// Times too: what changes nothing must not touch them.
const SQLX_WHOLE_ROWS: &str = "SELECT * FROM _sqlx_migrations ORDER BY version";
const DIESEL_LEDGER: &str = "__diesel_schema_migrations";
const DIESEL_ROWS: &str = "SELECT version FROM __diesel_schema_migrations ORDER BY version";

/// The newest state, as Stopover reached it.
pub(super) struct Newest {
    /// How many migrations there are.
    pub(super) total: usize,
    pub(super) schema: String,
}

/// What the comparison has at hand.
struct Comparison<'a> {
    options: &'a Options,
    tool: &'a Tool,
    ours: Database<'a>,
    theirs: Database<'a>,
    steps: Vec<Step>,
}

/// Compares both ways; nothing when Stopover could not even apply.
pub(super) fn compare(
    options: &Options,
    server: &Server,
    tool: &Tool,
    results: &mut Results,
) -> anyhow::Result<Option<Newest>> {
    let (ours, theirs) = (server.database("ours")?, server.database("theirs")?);
    let Some(steps) = apply_ours(options, tool, &ours, results)? else { return Ok(None) };
    let comparison = Comparison { options, tool, ours, theirs, steps };
    comparison.nothing_left(&comparison.ours, "status --check after it", results)?;
    match &options.peer {
        Peer::None => {}
        Peer::Psql => comparison.with_psql(results)?,
        Peer::Sqlx(_) => comparison.with_sqlx(results)?,
    }
    let schema = comparison.ours.schema()?;
    Ok(Some(Newest { total: comparison.steps.len(), schema }))
}

fn apply_ours(
    options: &Options,
    tool: &Tool,
    ours: &Database<'_>,
    results: &mut Results,
) -> anyhow::Result<Option<Vec<Step>>> {
    let plan = tool.ask("plan", options, Some(ours), &[])?;
    let total = plan.count("steps");
    if !plan.said.good() || total == 0 {
        results.note("stopover plan", "", Some(&plan.complaint()));
        return Ok(None);
    }
    let steps = peer::steps(&plan.document, &options.migrations)?;
    let alone = steps.iter().filter(|step| !step.transactional).count();
    let findings = plan.count("problems");
    let numbers = format!("{total} migrations, {alone} non-transactional, {findings} findings");
    results.note("stopover plan", numbers, None);

    let applied = tool.ask("apply", options, Some(ours), &[])?;
    let count = applied.count("applied");
    let numbers = format!("{count} applied in {:.1?}", applied.said.took);
    let good = applied.said.good() && count == total;
    let wrong = (!good).then(|| applied.complaint());
    results.note("stopover apply", numbers, wrong.as_deref());
    Ok(good.then_some(steps))
}

impl Comparison<'_> {
    /// Each file through psql; Diesel's ledger is kept as Diesel would.
    fn with_psql(&self, results: &mut Results) -> anyhow::Result<()> {
        let diesel = self.ours.has_table(DIESEL_LEDGER)?;
        let keeper = if diesel { Keeper::Diesel } else { Keeper::Nobody };
        let done = peer::through_psql(&self.theirs, &self.steps, keeper)?;
        let numbers = done.as_ref().map(|took| format!("in {took:.1?}")).unwrap_or_default();
        results.note("psql, file by file", numbers, done.as_ref().err().map(String::as_str));
        if done.is_err() {
            return Ok(());
        }
        self.same_schema(results)?;
        if diesel {
            self.same_rows("ledger's versions", DIESEL_ROWS, results)?;
            self.nothing_left(&self.theirs, "status --check on psql's", results)?;
        }
        Ok(())
    }

    /// `sqlx migrate run` on an empty database, and then on ours, where it must find nothing.
    fn with_sqlx(&self, results: &mut Results) -> anyhow::Result<()> {
        let run = self.sqlx("run", &self.theirs)?;
        let wrong = (!run.good()).then(|| format!("{}{}", run.output, run.errors));
        results.note("sqlx migrate run", format!("in {:.1?}", run.took), wrong.as_deref());
        if !run.good() {
            return Ok(());
        }
        self.same_schema(results)?;
        self.same_rows("ledger's rows, times apart", SQLX_ROWS, results)?;
        self.nothing_left(&self.theirs, "status --check on sqlx's", results)?;
        self.sqlx_after_us(results)
    }

    fn sqlx_after_us(&self, results: &mut Results) -> anyhow::Result<()> {
        let before = (self.ours.query(SQLX_WHOLE_ROWS)?, self.ours.schema()?);
        let run = self.sqlx("run", &self.ours)?;
        let said = format!("{}{}", run.output, run.errors);
        let silent = run.good() && said.trim().is_empty();
        results.note("sqlx migrate run after us", "nothing to do", (!silent).then_some(&said));
        let after = (self.ours.query(SQLX_WHOLE_ROWS)?, self.ours.schema()?);
        let sides = |before, after| {
            [Side { name: "before sqlx", text: before }, Side { name: "after sqlx", text: after }]
        };
        results.same("ledger untouched by it", "", sides(&before.0, &after.0))?;
        results.same("schema untouched by it", "", sides(&before.1, &after.1))?;
        let info = self.sqlx("info", &self.ours)?;
        let odd = peer::not_installed(&info.output).join("\n");
        let wrong = if info.good() { odd } else { info.errors };
        let numbers = format!("{} installed", info.output.lines().count());
        results.note("sqlx migrate info", numbers, (!wrong.is_empty()).then_some(&wrong));
        Ok(())
    }

    fn sqlx(&self, command: &str, database: &Database<'_>) -> anyhow::Result<super::program::Said> {
        let Peer::Sqlx(program) = &self.options.peer else { anyhow::bail!("sqlx is not the peer") };
        peer::sqlx(program, command, &self.options.migrations, database)
    }

    fn same_schema(&self, results: &mut Results) -> anyhow::Result<()> {
        let (ours, theirs) = (self.ours.schema()?, self.theirs.schema()?);
        let tables = ours.lines().filter(|line| line.starts_with("CREATE TABLE ")).count();
        let numbers = format!("{} lines of pg_dump, {tables} tables", ours.lines().count());
        self.same("schema", numbers, &theirs, &ours, results)
    }

    fn same_rows(&self, what: &str, sql: &str, results: &mut Results) -> anyhow::Result<()> {
        let (ours, theirs) = (self.ours.query(sql)?, self.theirs.query(sql)?);
        self.same(what, format!("{} rows", ours.lines().count()), &theirs, &ours, results)
    }

    fn same(
        &self,
        what: &str,
        numbers: String,
        theirs: &str,
        ours: &str,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let sides = [
            Side { name: "the project's way", text: theirs },
            Side { name: "stopover", text: ours },
        ];
        results.same(what, numbers, sides)
    }

    /// Everything is applied, and nothing has drifted.
    fn nothing_left(
        &self,
        database: &Database<'_>,
        what: &str,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let status: Answer = self.tool.ask("status", self.options, Some(database), &["--check"])?;
        let [applied, pending, drift] = ["applied", "pending", "drift"].map(|it| status.count(it));
        let good = status.said.good() && applied == self.steps.len() && pending + drift == 0;
        let numbers = format!("{applied} applied, {pending} pending, {drift} drifted");
        results.note(what, numbers, (!good).then(|| status.complaint()).as_deref());
        Ok(())
    }
}
