//! The shop's production: a private server for as long as its backup takes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use stopover_backend::Stop;
use stopover_engine::Ending;
use stopover_model::Silent;
use stopover_planner::Selection;
use stopover_postgres::{PostgresBackend, Target};
use stopover_scratch::binaries::{Binaries, Program, Search};
use stopover_scratch::server::{PrivateServer, ServerOptions};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::console::Failure;
use crate::settings::Settings;

use super::shop::{BACKUP, DATA, MIGRATIONS, Shop};
use super::{read, request, template_cache};

/// Name of the shop's database, and of the role that owns it.
const SHOP: &str = "shop";

/// What was made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) server_version: String,
    pub(super) customers: u64,
    pub(super) orders: u64,
    /// Customers that change 2 stumbles over.
    pub(super) without_phone: u64,
    pub(super) backup_bytes: u64,
    pub(super) took: Duration,
}

/// Makes the shop's database on a server of its own, and its backup in the shop's folder.
pub(super) async fn make(shop: &Shop, search: &Search, stop: &Stop) -> Result<Made, Failure> {
    let began = Instant::now();
    let choice = search
        .choose(None, &[Program::Psql, Program::PgDump])
        .map_err(|error| Failure::unable(error.to_string(), ""))?;
    let binaries = choice.binaries;
    let cache = template_cache(&Settings::default());
    let options = ServerOptions { template_cache: cache, ..ServerOptions::default() };
    let server = PrivateServer::start(&binaries, options)
        .await
        .map_err(|error| Failure::unable(format!("the shop's server: {error}"), ""))?;
    let production = Production { binaries, server };
    production.create().await?;
    production.migrate(shop, stop).await?;
    production.run(Program::Psql, SHOP, &["-c", "SET ROLE shop", "-f", "-"], DATA).await?;
    let counts = production.counts().await?;
    let backup = shop.folder().join(BACKUP);
    let file = backup.to_string_lossy();
    production.run(Program::PgDump, SHOP, &["-Z", "6", "-f", &file], "").await?;
    let bytes = std::fs::metadata(&backup)
        .map_err(|error| Failure::unable(format!("{}: {error}", backup.display()), ""))?
        .len();
    let server_version = production.server.version().number().to_owned();
    let stopped = production.server.stop().await;
    stopped.map_err(|error| Failure::unable(format!("the shop's server: {error}"), ""))?;
    let [customers, orders, without_phone] = counts;
    let took = began.elapsed();
    Ok(Made { server_version, customers, orders, without_phone, backup_bytes: bytes, took })
}

/// The shop's server, and the programs to reach it with.
struct Production {
    binaries: Binaries,
    server: PrivateServer,
}

impl Production {
    /// A database that belongs to an ordinary role, as production's should.
    async fn create(&self) -> Result<(), Failure> {
        let sql = "CREATE ROLE shop;\nCREATE DATABASE shop OWNER shop;\n";
        self.run(Program::Psql, "postgres", &["-f", "-"], sql).await.map(drop)
    }

    /// Applies the shop's migrations with the engine, as `stopover apply` does.
    async fn migrate(&self, shop: &Shop, stop: &Stop) -> Result<(), Failure> {
        let settings = Settings::default();
        let source = read(shop.folder(), MIGRATIONS)?;
        let request = request(&source, &settings, Selection::All, stop.clone())?;
        let server = &self.server;
        let mut config = server.config_for(server.superuser(), server.password(), SHOP);
        config.options("-c role=shop");
        let backend = PostgresBackend::new(Target::from_config(config));
        let applied = stopover_engine::apply(&backend, &request, &mut Silent).await?;
        match applied.ending {
            Ending::Complete | Ending::Stopped(_) => Ok(()),
            Ending::Failed { failed, .. } => {
                Err(Failure::unable(format!("the shop's migrations: {}", failed.error.message), ""))
            }
            Ending::Lost(error) => Err(stopover_engine::EngineError::Backend(error).into()),
        }
    }

    /// Customers, orders, and customers without a phone number.
    async fn counts(&self) -> Result<[u64; 3], Failure> {
        let sql = "SELECT count(*) FROM customers;\nSELECT count(*) FROM orders;\n\
                   SELECT count(*) FROM customers WHERE phone IS NULL;\n";
        let said = self.run(Program::Psql, SHOP, &["-A", "-t", "-f", "-"], sql).await?;
        let counts: Vec<u64> = said.lines().filter_map(|line| line.trim().parse().ok()).collect();
        counts.try_into().map_err(|_| Failure::unable(format!("psql counted no rows: {said}"), ""))
    }

    /// Runs one of PostgreSQL's programs against a database of the server; what it says.
    async fn run(
        &self,
        program: Program,
        database: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, Failure> {
        let failed = |what: &str| Failure::unable(format!("{program} failed: {what}"), "");
        let mut command = Command::new(self.binaries.path(program));
        if program == Program::Psql {
            command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
        }
        command.args(arguments).envs(self.server.environment(database)).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.kill_on_drop(true).spawn().map_err(|error| failed(&error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends before it has read everything says why on its way out.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(|error| failed(&error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
