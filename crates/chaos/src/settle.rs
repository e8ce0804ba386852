//! What a person does about a statement of which nobody can tell whether it ran: reads what the
//! refusal says, looks at the database, and settles it by one of the two commands that it names.

use stopover_testkit::TestDatabase;

use crate::Complaint;
use crate::dice::Dice;
use crate::source::{Migration, Source};
use crate::tool::{End, Said, Tool};

/// The person.
pub(crate) struct Operator<'a> {
    pub(crate) source: &'a Source,
    pub(crate) database: &'a TestDatabase,
    pub(crate) tool: &'a Tool,
}

impl Operator<'_> {
    /// Settles what a run refused; says what was done.
    pub(crate) async fn settle(
        &self,
        refusal: &Said,
        dice: &mut Dice,
    ) -> Result<String, Complaint> {
        let text = joined(refusal);
        let migration = self.named(&text)?;
        let version = self.source.ledger.version(migration.number);
        if dice.chance(50) {
            self.finish(migration);
            self.repair("applied", &version).await
        } else {
            self.undo(migration);
            self.repair("pending", &version).await
        }
    }

    /// The migration that the refusal names: it must be one that cannot be decided, and the
    /// statement and both commands must be named as well.
    fn named(&self, text: &str) -> Result<&Migration, Complaint> {
        let version = |it: &Migration| self.source.ledger.version(it.number);
        let names = |it: &&Migration| {
            text.contains(&format!("migration {} was started and is not known", version(it)))
        };
        let Some(migration) = self.source.migrations.iter().find(names) else {
            return Err(Complaint::new("the refusal names no migration that was begun".to_owned()));
        };
        let Some(reason) = migration.undecidable else {
            let text = format!("{} could have been decided", migration.name);
            return Err(Complaint::new(text));
        };
        let version = version(migration);
        let commands = ["applied", "pending"].map(|it| format!("stopover repair {it} {version}"));
        if !text.contains(reason) || commands.iter().any(|it| !text.contains(it)) {
            let text = "the refusal lacks the reason or the commands that settle it".to_owned();
            return Err(Complaint::new(text));
        }
        Ok(migration)
    }

    /// Does by hand what is missing.
    fn finish(&self, migration: &Migration) {
        for mark in &migration.marks {
            self.database.psql(&format!(
                "INSERT INTO public.marks SELECT '{mark}' \
                 WHERE NOT EXISTS (SELECT FROM public.marks WHERE mark = '{mark}')"
            ));
        }
    }

    /// Undoes what was done.
    fn undo(&self, migration: &Migration) {
        let prefix = migration.prefix();
        self.database.psql(&format!("DELETE FROM public.marks WHERE mark LIKE '{prefix}%'"));
    }

    async fn repair(&self, how: &str, version: &str) -> Result<String, Complaint> {
        let arguments = ["repair", how, version, "--reason", "a crash trial"];
        let said = self.tool.run(&self.database.url(), &arguments).await?;
        match said.end {
            End::Exit(0) => Ok(format!("settled by hand\n{said}")),
            _ => Err(Complaint::new(format!("the repair that was named fails\n{said}"))),
        }
    }
}

/// What was said, without the line breaks that fit it to a screen.
pub(crate) fn joined(said: &Said) -> String {
    let text = format!("{} {}", said.errors, said.output);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
