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
    let Some(steps) = plan(options, tool, &ours, results)? else { return Ok(None) };
    let comparison = Comparison { options, tool, ours, theirs, steps };
    let applied = comparison.apply(results)?;
    if applied {
        comparison.nothing_left(&comparison.ours, "status --check after it", results)?;
    }
    // Also where ours failed: does the project's own way fail at the same place?
    let theirs = comparison.their_way(results)?;
    if !applied {
        return Ok(None);
    }
    match (&options.peer, theirs) {
        (Peer::Psql, true) => comparison.after_psql(results)?,
        (Peer::Sqlx(_), true) => comparison.after_sqlx(results)?,
        (Peer::None, _) | (_, false) => {}
    }
    let schema = comparison.ours.schema()?;
    Ok(Some(Newest { total: comparison.steps.len(), schema }))
}

fn plan(
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
    Ok(Some(steps))
}

impl Comparison<'_> {
    /// Applies everything to ours; whether that went well.
    fn apply(&self, results: &mut Results) -> anyhow::Result<bool> {
        let applied = self.tool.ask("apply", self.options, Some(&self.ours), &[])?;
        let count = applied.count("applied");
        let numbers = format!("{count} applied in {:.1?}", applied.said.took);
        let good = applied.said.good() && count == self.steps.len();
        results.note("stopover apply", numbers, (!good).then(|| applied.complaint()).as_deref());
        Ok(good)
    }

    /// The project's own way on the other database; whether that went well.
    fn their_way(&self, results: &mut Results) -> anyhow::Result<bool> {
        let (what, done) = match &self.options.peer {
            Peer::None => return Ok(true),
            Peer::Psql => {
                let keeper = if self.diesel()? { Keeper::Diesel } else { Keeper::Nobody };
                ("psql, file by file", peer::through_psql(&self.theirs, &self.steps, keeper)?)
            }
            Peer::Sqlx(_) => {
                let run = self.sqlx("run", &self.theirs)?;
                let complaint = format!("{}{}", run.output, run.errors);
                ("sqlx migrate run", if run.good() { Ok(run.took) } else { Err(complaint) })
            }
        };
        let numbers = done.as_ref().map(|took| format!("in {took:.1?}")).unwrap_or_default();
        results.note(what, numbers, done.as_ref().err().map(String::as_str));
        Ok(done.is_ok())
    }

    fn diesel(&self) -> anyhow::Result<bool> {
        self.ours.has_table(DIESEL_LEDGER)
    }

    /// Diesel's ledger was kept as Diesel would; for others there is none to compare.
    fn after_psql(&self, results: &mut Results) -> anyhow::Result<()> {
        self.same_schema(results)?;
        if self.diesel()? {
            self.same_rows("ledger's versions", DIESEL_ROWS, results)?;
            self.nothing_left(&self.theirs, "status --check on psql's", results)?;
        }
        Ok(())
    }

    /// Compares, and runs `sqlx migrate run` on ours, where it must find nothing to do.
    fn after_sqlx(&self, results: &mut Results) -> anyhow::Result<()> {
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
        results.same("ledger untouched by it", "", &sides(&before.0, &after.0))?;
        results.same("schema untouched by it", "", &sides(&before.1, &after.1))?;
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
        results.same(what, numbers, &sides)
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
