//! One of PostgreSQL's client programs, also where no server is installed beside it: a machine that
//! deploys seldom has one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::search::{is_program, said};
use super::{BinariesError, Program, Search, ServerVersion};

/// A client program, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientProgram {
    /// Where it is.
    pub path: PathBuf,
    /// Its version.
    pub version: ServerVersion,
}

impl Search {
    /// The client program of the wanted major version, else of the nearest newer one; never an
    /// older one: pg_dump refuses a server that is newer than itself.
    ///
    /// # Errors
    /// Where there is none, as [`Search::choose`] says it.
    pub fn choose_client(
        &self,
        wanted: u32,
        program: Program,
    ) -> Result<ClientProgram, BinariesError> {
        let error = match self.choose(Some(wanted), &[program]) {
            Ok(choice) if choice.warning.is_none() => {
                let version = choice.binaries.version().clone();
                return Ok(ClientProgram { path: choice.binaries.path(program), version });
            }
            Ok(choice) => Ok(choice.binaries),
            Err(error) => Err(error),
        };
        let alone = self.clients(program).into_iter().filter(|it| it.version.major() >= wanted);
        let nearest = alone.min_by_key(|it| it.version.major());
        match (nearest, error) {
            (Some(client), Err(_)) => Ok(client),
            (Some(client), Ok(other)) if client.version.major() < other.version().major() => {
                Ok(client)
            }
            (_, Ok(other)) => {
                let version = other.version().clone();
                Ok(ClientProgram { path: other.path(program), version })
            }
            (None, Err(error)) => Err(error),
        }
    }

    /// Every one that tells its version, in the search's order.
    fn clients(&self, program: Program) -> Vec<ClientProgram> {
        let named = self.explicit.clone().or_else(|| self.variable.clone());
        let folders = named.map_or_else(|| self.candidates(), |folder| vec![folder]);
        folders.iter().filter_map(|folder| client(folder, program)).collect()
    }
}

fn client(folder: &Path, program: Program) -> Option<ClientProgram> {
    let path = folder.join(program.file_name());
    if !is_program(&path) {
        return None;
    }
    let output = said(Command::new(&path).arg("--version")).ok()?;
    let line = String::from_utf8_lossy(&output.stdout);
    let version = ServerVersion::of_program(program.file_name(), &line)?;
    Some(ClientProgram { path, version })
}
