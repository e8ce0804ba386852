//! `version`: pg_dump refuses a server that is newer than it.

use stopover_model::Finding;

use crate::PreflightFacts;
use crate::judged::Judged;

const CODE: &str = "version";

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    let server = facts.around.server_version.as_str();
    Judged::of(CODE, "pg_dump", facts.dump_version, |dump| {
        let older = match (major(dump), major(server)) {
            (Some(dump), Some(server)) => dump < server,
            // What cannot be compared cannot pass.
            _ => true,
        };
        let finding = Finding::error(
            CODE,
            "pg_dump",
            format!(
                "pg_dump is of version {dump} and the server of {server}: an older pg_dump refuses \
                 to make the backup"
            ),
            format!(
                "install PostgreSQL's client programs of version {} or newer, or name their \
                 folder: --pg-bin DIR",
                major(server).map_or_else(|| server.to_owned(), |it| it.to_string())
            ),
        );
        if older { vec![finding] } else { Vec::new() }
    })
}

fn major(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
