//! What a person does about a statement of which nobody can tell whether it ran: one of the two
//! repairs that the refusal names, or the down script.

use std::path::Path;

use crate::Complaint;
use crate::dice::Dice;
use crate::settle::joined;
use crate::tool::{End, Said, Tool};

use super::source::{Migration, Source};
use super::{URL, open};

/// The person.
pub(super) struct Operator<'a> {
    pub(super) source: &'a Source,
    pub(super) tool: &'a Tool,
}

impl Operator<'_> {
    /// Settles what a run refused; says what was done.
    pub(super) async fn settle(
        &self,
        refusal: &Said,
        dice: &mut Dice,
    ) -> Result<String, Complaint> {
        let migration = self.named(&joined(refusal))?;
        let version = migration.number.to_string();
        let reason = ["--reason", "a crash trial"];
        match dice.below(3) {
            0 => {
                self.finish(migration)?;
                self.run(&["repair", "applied", &version, reason[0], reason[1]]).await
            }
            1 => {
                self.undo(migration)?;
                self.run(&["repair", "pending", &version, reason[0], reason[1]]).await
            }
            _ => {
                self.remove_copy(migration)?;
                self.run(&["apply", "-v", "--recover-dirty", "down"]).await
            }
        }
    }

    /// The migration that the refusal names: it must be one that cannot be decided, and the reason
    /// and both commands must be named as well.
    fn named(&self, text: &str) -> Result<&Migration, Complaint> {
        let wrong = |text: &str| Err(Complaint::new(text.to_owned()));
        let names = |it: &&Migration| {
            text.contains(&format!("migration {} was started and is not known", it.number))
        };
        let Some(migration) = self.source.migrations.iter().find(names) else {
            return wrong("the refusal names no migration that was begun");
        };
        let Some(reason) = migration.undecidable else {
            return wrong("the refusal names a migration that could have been decided");
        };
        let commands =
            ["applied", "pending"].map(|it| format!("stopover repair {it} {}", migration.number));
        if !text.contains(reason) || commands.iter().any(|it| !text.contains(it)) {
            return wrong("the refusal lacks the reason or the commands that settle it");
        }
        Ok(migration)
    }

    /// Does by hand what is missing.
    fn finish(&self, migration: &Migration) -> Result<(), Complaint> {
        let connection = open(&self.tool.folder)?;
        let missing: String = migration
            .marks
            .iter()
            .map(|mark| {
                format!(
                    "INSERT INTO marks SELECT '{mark}' \
                     WHERE NOT EXISTS (SELECT 1 FROM marks WHERE mark = '{mark}');"
                )
            })
            .collect();
        let done = connection.execute_batch(&missing);
        done.map_err(|error| Complaint::new(error.to_string()))?;
        self.remove_copy(migration)?;
        let Some(copy) = &migration.copy else { return Ok(()) };
        let made =
            connection.execute("VACUUM INTO ?1", [self.tool.folder.join(copy).to_string_lossy()]);
        made.map(|_| ()).map_err(|error| Complaint::new(error.to_string()))
    }

    /// Undoes what was done.
    fn undo(&self, migration: &Migration) -> Result<(), Complaint> {
        let undone = open(&self.tool.folder)?.execute_batch(&migration.undone());
        undone.map_err(|error| Complaint::new(error.to_string()))?;
        self.remove_copy(migration)
    }

    /// A copy that may be there in part: `VACUUM INTO` writes into none that is there.
    fn remove_copy(&self, migration: &Migration) -> Result<(), Complaint> {
        let Some(copy) = &migration.copy else { return Ok(()) };
        let journal = format!("{copy}-journal");
        [copy, &journal].into_iter().try_for_each(|it| remove(&self.tool.folder.join(it)))
    }

    async fn run(&self, arguments: &[&str]) -> Result<String, Complaint> {
        let said = self.tool.run(URL, arguments).await?;
        match said.end {
            End::Exit(0) => Ok(format!("settled\n{said}")),
            // The down script was run; what came behind it needs an operator too.
            End::Exit(8) if arguments.contains(&"--recover-dirty") => Ok(format!("again\n{said}")),
            _ => Err(Complaint::new(format!("what was named does not settle it\n{said}"))),
        }
    }
}

fn remove(path: &Path) -> Result<(), Complaint> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Complaint::new(format!("{}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}
