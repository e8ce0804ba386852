//! What the trace costs: 1,000 small migrations on a private server, traced and not, in turns.
//!
//! `cargo run --release -p stopover-postgres --example trace_cost [ROUNDS] [STATEMENTS]`

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use stopover_backend::{FactsRequest, LedgerChoice, Stop};
use stopover_engine::{Limits, Request, apply};
use stopover_model::{
    Directives, Layout, LedgerKind, Migration, NoHistory, Policy, Script, Silent, SourceSet,
    Version,
};
use stopover_planner::Selection;
use stopover_postgres::{Neighbours, PostgresBackend, Target};
use stopover_scratch::server::ServerOptions;
use stopover_testkit::{TestDatabase, TestServer, template_cache};

const MIGRATIONS: i64 = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|it| it.parse::<usize>());
    let rounds = numbers.next().transpose()?.unwrap_or(5);
    let statements = numbers.next().transpose()?.unwrap_or(1);
    let source = source(statements);
    let server = TestServer::start_with(like_a_rehearsals()).await;
    let (mut plain, mut traced) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        for trace in [false, true] {
            let database = TestDatabase::create_on(&server).await;
            let mut backend = PostgresBackend::new(Target::from_config(database.config().clone()));
            if trace {
                backend = backend.traced(Neighbours::None);
            }
            let took = run(&backend, &source).await?;
            // The first round warms the server's caches.
            if round > 0 {
                if trace { &mut traced } else { &mut plain }.push(took);
            }
        }
    }
    // In milliseconds; the bench of rehearsals reads these lines.
    for (name, times) in [("not traced", &plain), ("traced", &traced)] {
        let times: Vec<String> = times.iter().map(|it| format!("{it:.1}")).collect();
        println!("{name}: {}", times.join(" "));
    }
    let (plain, traced) = (median(plain), median(traced));
    let count = MIGRATIONS as f64 * statements as f64;
    println!(
        "{MIGRATIONS} migrations of {statements} statements: {plain:.0} ms, traced {traced:.0} ms: \
         {:+.1} %, {:+.3} ms a statement",
        (traced / plain - 1.0) * 100.0,
        (traced - plain) / count
    );
    Ok(())
}

/// The settings that a rehearsal's server has when migrations run: a look at the locks costs by the
/// size of their table.
fn like_a_rehearsals() -> ServerOptions {
    let settings = [("max_locks_per_transaction", "132"), ("wal_level", "replica")];
    ServerOptions {
        template_cache: template_cache(),
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ServerOptions::default()
    }
}

async fn run(backend: &PostgresBackend, source: &SourceSet) -> Result<f64, Box<dyn Error>> {
    let policy = Policy::default();
    let ledger = LedgerChoice { kind: Some(LedgerKind::Stopover), ..LedgerChoice::default() };
    let request = Request {
        source,
        policy: &policy,
        facts: FactsRequest { ledger },
        selection: Selection::All,
        limits: Limits::default(),
        history: Arc::new(NoHistory("a measurement has none")),
        gate: stopover_model::Gate::default(),
        stop: Stop::never(),
    };
    let began = Instant::now();
    let applied = apply(backend, &request, &mut Silent).await?;
    assert_eq!(applied.migrations.len(), source.migrations.len());
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn source(statements: usize) -> SourceSet {
    let migration = |version: i64| {
        let mut text = format!("CREATE TABLE t{version} (id int PRIMARY KEY, name text);\n");
        for column in 1..statements {
            text.push_str(&format!("ALTER TABLE t{version} ADD COLUMN c{column} int;\n"));
        }
        Migration {
            name: format!("table_{version}"),
            file: format!("{version}.up.sql"),
            up: Script::whole(format!("migrations/{version}.up.sql"), &text),
            version: Version::Integer(version),
            down: None,
            directives: Directives::default(),
            down_directives: Directives::default(),
        }
    };
    SourceSet {
        layout: Layout::Pairs,
        root: "migrations".to_owned(),
        migrations: (1..=MIGRATIONS).map(migration).collect(),
        findings: Vec::new(),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
