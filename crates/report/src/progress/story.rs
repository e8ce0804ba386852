//! What has been heard so far: which lines it gives, and what the work is busy with.

mod carrying;
mod data;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use stopover_model::{Direction, Event, Version};

use crate::look::Look;

use super::Verbosity;
use super::wording::{Line, Weight, Wording};

/// What the work is busy with.
#[derive(Debug, Clone)]
pub(super) enum Activity {
    /// Nothing that takes long.
    Idle,
    /// Something without a measure; the text names it.
    Busy { doing: String, since: Instant },
    /// A restore.
    Restoring(Restoring),
    /// Migrations.
    Migrating(Migrating),
}

/// How far a restore is.
#[derive(Debug, Clone)]
pub(super) struct Restoring {
    pub(super) bytes: u64,
    pub(super) of: Option<u64>,
    pub(super) table: Option<String>,
    pub(super) rows: u64,
    pub(super) since: Instant,
}

/// How far the migrations are.
#[derive(Debug, Clone)]
pub(super) struct Migrating {
    /// Statements done.
    pub(super) done: usize,
    /// Statements planned; `None` where nobody said it.
    pub(super) of: Option<usize>,
    pub(super) since: Instant,
    /// The migration, and what it is busy with.
    pub(super) step: Option<(String, Doing)>,
}

/// What a migration is busy with.
#[derive(Debug, Clone)]
pub(super) struct Doing {
    /// A statement, or a wait.
    pub(super) text: String,
    pub(super) since: Instant,
}

/// The migration that runs.
#[derive(Debug, Clone)]
struct Current {
    version: Version,
    /// `[3/7]`; empty where its beginning was not heard.
    place: String,
    name: String,
    statements: Option<usize>,
    /// The highest statement known to be done.
    done: usize,
    /// Index, line and tag of the statement that runs.
    statement: Option<(usize, usize, String)>,
    doing: Option<Doing>,
}

/// Listens and remembers.
pub(super) struct Story {
    wording: Wording,
    /// Hashes of the events that gave a line: an event that comes twice gives it once.
    told: HashSet<u64>,
    state: State,
    /// Migrations and statements of the plan.
    planned: Option<(usize, usize)>,
    since: Option<Instant>,
    finished: HashSet<Version>,
    /// Statements of the finished migrations.
    done: usize,
    current: Option<Current>,
    /// Whom the run lock was last seen with.
    holder: Option<String>,
}

enum State {
    Idle,
    Busy(String, Instant),
    Restoring(Restoring),
    Restored,
    Migrating,
}

impl Story {
    pub(super) fn new(look: Look) -> Self {
        Self {
            wording: Wording::new(look),
            told: HashSet::new(),
            state: State::Idle,
            planned: None,
            since: None,
            finished: HashSet::new(),
            done: 0,
            current: None,
            holder: None,
        }
    }

    /// Takes an event; gives the lines that it brings.
    pub(super) fn hear(&mut self, event: &Event, now: Instant) -> Vec<Line> {
        match event {
            Event::Phase(phase) => self.phase(phase, now),
            Event::Fetched { bytes, of } => {
                self.fetched(*bytes, *of, now);
                Vec::new()
            }
            Event::FetchFinished { duration_ms, bytes } => {
                self.once(event, |wording| wording.fetched(*duration_ms, *bytes))
            }
            Event::Restored { bytes, of, table, rows } => {
                self.restored(*bytes, *of, table.as_deref(), *rows, now);
                Vec::new()
            }
            Event::RestoreFinished { duration_ms, rows } => {
                self.state = State::Restored;
                self.once(event, |wording| wording.restored(*duration_ms, *rows))
            }
            Event::Checked { stage, passed, errors } => {
                self.state = State::Idle;
                self.once(event, |wording| wording.checked(*stage, *passed, errors.len()))
            }
            Event::BackupStarted(what) => {
                let doing = format!("backing up {}", crate::text::tame_line(what));
                self.busy(&doing, now);
                self.once(event, |wording| wording.phase(&doing))
            }
            Event::BackedUp { bytes, content } => {
                self.backed_up(*bytes, *content);
                Vec::new()
            }
            Event::BackupFinished { path, bytes, duration_ms } => {
                self.state = State::Idle;
                let path = path.as_deref();
                self.once(event, |wording| wording.backed_up(path, *bytes, *duration_ms))
            }
            Event::LockWaiting { holder, limit_ms } => {
                let holder = holder.as_ref().map(ToString::to_string);
                let line = self.wording.lock_waiting(holder.as_deref(), *limit_ms);
                self.busy("waiting for the run lock", now);
                let known = holder.unwrap_or_default();
                let news = self.holder.as_ref() != Some(&known);
                self.holder = Some(known);
                if news { vec![line] } else { Vec::new() }
            }
            Event::PlanReady { migrations, statements, direction } => {
                self.plan_ready(*migrations, *statements, *direction, now)
            }
            Event::Carrying(phase) => self.carrying(phase, now),
            Event::Carried { tables, tables_of, bytes, bytes_of } => {
                self.carried((*tables, *tables_of), (*bytes, *bytes_of));
                Vec::new()
            }
            Event::Found(finding) => self.once(event, |wording| wording.found(finding)),
            _ => self.hear_of_migration(event, now),
        }
    }

    /// What the work is busy with now.
    pub(super) fn activity(&self) -> Activity {
        match &self.state {
            State::Idle | State::Restored => Activity::Idle,
            State::Busy(doing, since) => Activity::Busy { doing: doing.clone(), since: *since },
            State::Restoring(restoring) => Activity::Restoring(restoring.clone()),
            State::Migrating => self.migrating(),
        }
    }

    fn migrating(&self) -> Activity {
        let Some(since) = self.since else { return Activity::Idle };
        let of = self.planned.map(|(_, statements)| statements);
        let done = self.done + self.current.as_ref().map_or(0, |it| it.done);
        let step = self.current.as_ref().map(|it| {
            let title = self.wording.step(&it.place, &it.version, &it.name);
            let doing = it.doing.clone();
            (title, doing.unwrap_or_else(|| Doing { text: String::new(), since }))
        });
        // A lost event must not show more than there is.
        Activity::Migrating(Migrating { done: of.map_or(done, |of| done.min(of)), of, since, step })
    }

    fn busy(&mut self, doing: &str, now: Instant) {
        if !matches!(&self.state, State::Busy(known, _) if known == doing) {
            self.state = State::Busy(doing.to_owned(), now);
        }
    }

    fn plan_ready(
        &mut self,
        migrations: usize,
        statements: usize,
        direction: Direction,
        now: Instant,
    ) -> Vec<Line> {
        let plan = Some((migrations, statements));
        let running = matches!(self.state, State::Migrating);
        if running && self.planned == plan && self.finished.len() < migrations {
            return Vec::new();
        }
        self.planned = plan;
        self.finished.clear();
        self.done = 0;
        self.current = None;
        self.since = Some(now);
        self.state = if migrations == 0 { State::Idle } else { State::Migrating };
        vec![self.wording.plan_ready(migrations, statements, direction)]
    }

    fn hear_of_migration(&mut self, event: &Event, now: Instant) -> Vec<Line> {
        match event {
            Event::MigrationStarted { version, name, position, of, statements, transactional } => {
                let place = Wording::place(*position, *of);
                let Some(current) = self.reach(version, now) else { return Vec::new() };
                let news = current.place.is_empty();
                current.place.clone_from(&place);
                current.name.clone_from(name);
                current.statements = Some(*statements);
                let step = self.wording.step(&place, version, name);
                let line = self.wording.started(&step, *statements, *transactional);
                if news { vec![line] } else { Vec::new() }
            }
            Event::StatementStarted { version, index, tag, line } => {
                let text = Wording::statement(*line, tag);
                if let Some(current) = self.reach(version, now)
                    && *index > current.done
                    && current.statement.as_ref().is_none_or(|it| it.0 != *index)
                {
                    current.statement = Some((*index, *line, tag.clone()));
                    current.doing = Some(Doing { text, since: now });
                }
                Vec::new()
            }
            Event::Said { version, notice, .. } => {
                let step = self.step_of(version, "");
                self.once(event, |wording| wording.said(&step, notice))
            }
            Event::SaidMore { version, count, level, .. } => {
                let step = self.step_of(version, "");
                self.once(event, |wording| wording.said_more(&step, *count, *level))
            }
            Event::StatementFinished { version, index, duration_ms, rows } => {
                let what = self.statement_finished(version, *index, now);
                self.once(event, |wording| wording.statement_finished(&what, *duration_ms, *rows))
            }
            _ => self.hear_of_end(event, now),
        }
    }

    fn hear_of_end(&mut self, event: &Event, now: Instant) -> Vec<Line> {
        match event {
            Event::MigrationRetried { version, attempt, of, pause_ms, reason, holders } => {
                let step = self.step_of(version, "");
                if let Some(current) = self.reach(version, now) {
                    current.done = 0;
                    current.statement = None;
                    let text = Wording::pause(*attempt, *of, *pause_ms);
                    current.doing = Some(Doing { text, since: now });
                }
                let times = (*attempt, *of, *pause_ms);
                self.once(event, |wording| wording.retried(&step, times, reason, holders))
            }
            Event::MigrationFinished { version, name, duration_ms, direction } => {
                let step = self.step_of(version, name);
                self.migration_finished(version, now);
                self.once(event, |wording| wording.finished(&step, *duration_ms, *direction))
            }
            Event::MigrationFailed { version, name, error } => {
                let step = self.step_of(version, name);
                self.state = State::Idle;
                self.current = None;
                self.once(event, |wording| wording.failed(&step, error))
            }
            _ => Vec::new(),
        }
    }

    /// The current migration, made so by this event where another one was before. `None` for a
    /// straggler of one that is finished.
    fn reach(&mut self, version: &Version, now: Instant) -> Option<&mut Current> {
        if self.finished.contains(version) {
            return None;
        }
        self.since.get_or_insert(now);
        self.state = State::Migrating;
        if self.current.as_ref().is_none_or(|it| it.version != *version) {
            // The end of the one before was lost: its statements are done all the same.
            self.done += self.current.take().map_or(0, |it| it.statements.unwrap_or(it.done));
            self.current = Some(Current {
                version: version.clone(),
                place: String::new(),
                name: String::new(),
                statements: None,
                done: 0,
                statement: None,
                doing: None,
            });
        }
        self.current.as_mut()
    }

    /// The step's place, version and name, as far as they are known.
    fn step_of(&self, version: &Version, name: &str) -> String {
        let current = self.current.as_ref().filter(|it| it.version == *version);
        let place = current.map_or("", |it| &it.place);
        let name = if name.is_empty() { current.map_or("", |it| &it.name) } else { name };
        self.wording.step(place, version, name)
    }

    /// Notes that a statement is done; gives the words for it.
    fn statement_finished(&mut self, version: &Version, index: usize, now: Instant) -> String {
        let unknown = format!("{version} statement {index}");
        let Some(current) = self.reach(version, now) else { return unknown };
        current.done = current.done.max(index);
        current.doing = Some(Doing { text: String::new(), since: now });
        match current.statement.take() {
            Some((started, line, tag)) if started == index => Wording::statement(line, &tag),
            _ => unknown,
        }
    }

    fn migration_finished(&mut self, version: &Version, now: Instant) {
        if self.reach(version, now).is_none() {
            return;
        }
        self.done += self.current.take().map_or(0, |it| it.statements.unwrap_or(it.done));
        self.finished.insert(version.clone());
        if self.planned.is_some_and(|(migrations, _)| self.finished.len() >= migrations) {
            self.state = State::Idle;
        }
    }

    /// The line of an event, unless the very same event gave it before.
    fn once(&mut self, event: &Event, line: impl FnOnce(&Wording) -> Line) -> Vec<Line> {
        let mut hasher = DefaultHasher::new();
        format!("{event:?}").hash(&mut hasher);
        if self.told.insert(hasher.finish()) { vec![line(&self.wording)] } else { Vec::new() }
    }
}

impl Weight {
    /// Whether lines of this weight are told.
    pub(super) const fn is_told(self, verbosity: Verbosity) -> bool {
        match verbosity {
            Verbosity::Quiet => matches!(self, Self::Alarm),
            Verbosity::Normal => matches!(self, Self::Alarm | Self::Step),
            Verbosity::Verbose => true,
        }
    }
}
