//! An empty scratch that is like the target: the same major version, roles of the same names, the
//! same connecting role and search path. What a history's migrations make of it can be compared
//! with what the target has.
//!
//! Nobody's dump runs here: the migrations are the user's own, which the target is given as well.
//! On a private server they run as a superuser of the target's role's name, so that what the target
//! was given beforehand (the right to create an extension) is not missing here.

use stopover_backend::{
    Backend, BackendError, PrepareError, PrepareStage, Prepared, ScratchProvider, Stop,
};
use stopover_model::report::{BackupReport, ScratchReport};
use stopover_model::{Event, EventSink, Finding, RestorePhase};
use stopover_postgres::literal::{identifier, literal};
use stopover_postgres::{PostgresBackend, Surroundings, Target};
use tokio_postgres::{Config, NoTls};

use crate::restore::GivenServer;
use crate::server::{Durability, PrivateServer, ServerOptions};

use super::ScratchRequest;
use super::failure::Failed;
use super::given::{failed, identity_of};

/// The database that the migrations run in.
const DATABASE: &str = "stopover_scratch";

/// The role that they run as where there is no target.
const OWNER: &str = "stopover_ci";

/// Makes and throws away an empty scratch. Of the request the backup, its age and the role are not
/// looked at.
#[derive(Debug)]
pub struct EmptyScratch {
    like: Like,
    request: ScratchRequest,
    made: Option<Made>,
}

/// What it is to be like.
#[derive(Debug)]
enum Like {
    /// A target.
    Target(Box<PostgresBackend>),
    /// Nothing but this.
    Told(Surroundings),
}

#[derive(Debug)]
enum Made {
    Private(Box<PrivateServer>),
    Given(Box<GivenServer>),
}

impl EmptyScratch {
    /// A provider of an empty database like the one of `like`. Nothing is started yet.
    #[must_use]
    pub fn new(like: PostgresBackend, request: ScratchRequest) -> Self {
        Self { like: Like::Target(Box::new(like)), request, made: None }
    }

    /// A provider of an empty database that is like no other: with these roles besides the one that
    /// connects, and names looked up as by default.
    #[must_use]
    pub fn alone(roles: Vec<String>, request: ScratchRequest) -> Self {
        let told = Surroundings {
            major: None,
            role: OWNER.to_owned(),
            search_path: "\"$user\", public".to_owned(),
            settings: Vec::new(),
            roles,
        };
        Self { like: Like::Told(told), request, made: None }
    }

    async fn make(
        &mut self,
        sink: &mut dyn EventSink,
    ) -> Result<Prepared<PostgresBackend>, Failed> {
        let began = std::time::Instant::now();
        if self.request.require_scratch_url && self.request.scratch_url.is_none() {
            return Err(Failed::new(
                PrepareStage::Unset,
                "no scratch server is named, and a private one is not allowed here \
                 (require_scratch_db_url)",
                "set scratch_db_url in stopover.toml, STOPOVER_SCRATCH_DB_URL, or --scratch-url",
            ));
        }
        let surroundings = match &self.like {
            Like::Told(told) => told.clone(),
            Like::Target(like) => look_around(like).await.map_err(|error| {
                let message = format!("the target cannot be asked what it is like: {error}");
                Failed::new(PrepareStage::Reset, message, "see to it that the target answers")
            })?,
        };
        let (mut config, scratch, findings) = match self.request.scratch_url.clone() {
            Some(url) => self.given(&url).await?,
            None => self.private(&surroundings, sink).await?,
        };
        config.options(options(&surroundings.search_path));
        let backend = PostgresBackend::new(Target::from_config(config));
        let restore_ms = Some(began.elapsed().as_secs_f64() * 1e3);
        let backup = BackupReport::default();
        Ok(Prepared {
            backend,
            auditor: None,
            backup,
            scratch,
            findings,
            fetch_ms: None,
            restore_ms,
            base_ms: None,
        })
    }

    async fn private(
        &mut self,
        surroundings: &Surroundings,
        sink: &mut dyn EventSink,
    ) -> Result<(Config, ScratchReport, Vec<Finding>), Failed> {
        let choice = self.request.search.choose(surroundings.major, &[]);
        let choice = choice.map_err(|it| Failed::of_binaries(&it))?;
        let name = format!("PostgreSQL {}", choice.binaries.version());
        sink.emit(Event::Phase(RestorePhase::Starting(name)));
        let options = ServerOptions {
            folder: self.request.folder.clone(),
            template_cache: self.request.template_cache.clone(),
            ..ServerOptions::default()
        };
        let server = PrivateServer::start(&choice.binaries, options).await;
        let server = server.map_err(|error| Failed::of_server(&error))?;
        let scratch = ScratchReport {
            kind: "private".to_owned(),
            server_version: server.version().to_string(),
            base_reused: false,
            base_copy: None,
            fsync: server.durability() == Durability::LikeProduction,
            role: Some(surroundings.role.clone()),
        };
        let set_up = set_up(&server, surroundings).await;
        let config = server.config_for(&surroundings.role, server.password(), DATABASE);
        self.made = Some(Made::Private(Box::new(server)));
        set_up.map_err(|error| {
            let message =
                error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
            Failed::new(PrepareStage::Reset, message, "run it again with -vv")
        })?;
        let warning = choice.warning.map(|warning| {
            let remedy = "install the target's version: catalogs of versions are not quite alike";
            Finding::warning("server-version", "the scratch server", warning.to_string(), remedy)
        });
        Ok((config, scratch, warning.into_iter().collect()))
    }

    async fn given(&mut self, url: &str) -> Result<(Config, ScratchReport, Vec<Finding>), Failed> {
        let target = match self.request.target_url.as_deref() {
            Some(target) => Some(identity_of(target).await),
            None => None,
        };
        let server = GivenServer::open(url, target).await.map_err(|it| failed(&it))?;
        let Made::Given(server) = self.made.insert(Made::Given(Box::new(server))) else {
            return Err(Failed::cut_off("the scratch is not what was made"));
        };
        server.empty().await.map_err(|it| failed(&it))?;
        let config = server.config().cloned().unwrap_or_default();
        let scratch = ScratchReport {
            kind: "given".to_owned(),
            server_version: server.server_version().to_owned(),
            base_reused: false,
            base_copy: None,
            fsync: server.writes_durably(),
            role: config.get_user().map(str::to_owned),
        };
        Ok((config, scratch, Vec::new()))
    }
}

async fn look_around(like: &PostgresBackend) -> Result<Surroundings, BackendError> {
    like.connect().await?.surroundings().await
}

/// Roles of the target's names, and the database.
async fn set_up(server: &PrivateServer, like: &Surroundings) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = server.config().connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let others = like.roles.iter().filter(|it| **it != like.role && **it != server.superuser());
    let mut sql: String =
        others.map(|role| format!("CREATE ROLE {} NOLOGIN;", identifier(role))).collect();
    if like.role != server.superuser() {
        let (role, password) = (identifier(&like.role), literal(server.password()));
        sql.push_str(&format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD {password};"));
    }
    client.batch_execute(&sql).await?;
    let role = identifier(&like.role);
    let create = format!("CREATE DATABASE {DATABASE} OWNER {role} TEMPLATE template0");
    client.batch_execute(&create).await?;
    drop(client);
    // However it ended, it has ended.
    let _ = driver.await;
    Ok(())
}

/// The search path as a start-up option, where blanks and backslashes are escaped.
fn options(search_path: &str) -> String {
    let escaped = search_path.replace('\\', "\\\\").replace(' ', "\\ ");
    format!("-c search_path={escaped}")
}

impl ScratchProvider for EmptyScratch {
    type Backend = PostgresBackend;

    async fn prepare(
        &mut self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<Prepared<PostgresBackend>, PrepareError> {
        let ended = tokio::select! {
            made = self.make(sink) => made,
            signal = stop.wait() => Err(Failed::stopped(signal)),
        };
        ended.map_err(|failed| PrepareError {
            stage: failed.stage,
            message: failed.message,
            remedy: failed.remedy,
            backup: BackupReport::default(),
            scratch: None,
            fetch_ms: None,
        })
    }

    async fn discard(&mut self) -> Vec<Finding> {
        let left = match self.made.take() {
            None => None,
            Some(Made::Private(server)) => {
                let folder = server.folder().display().to_string();
                server.stop().await.err().map(|error| (folder, error.to_string()))
            }
            Some(Made::Given(mut server)) => {
                let left = server.discard().await.err();
                left.map(|error| ("the scratch database".to_owned(), error.to_string()))
            }
        };
        let warning = |(subject, error): (String, String)| {
            Finding::warning(
                "scratch-left",
                subject,
                format!("the scratch could not be removed: {error}"),
                "`stopover scratch sweep` removes private servers; databases `stopover_scratch_…` \
                 on a given one that nobody uses any more can be dropped",
            )
        };
        left.map(warning).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn a_search_path_with_blanks_and_quotes_is_one_option() {
        assert_eq!(options("\"$user\", public"), "-c search_path=\"$user\",\\ public");
        assert_eq!(options("\"a\\b\""), "-c search_path=\"a\\\\b\"");
    }
}
