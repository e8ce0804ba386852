//! Older texts of migrations' files, as a git repository has them.
//!
//! Asked only where a checksum does not fit. The repository may be anybody's: git is called
//! without a shell, and runs nothing that the repository's settings name (no hooks, pagers, diff
//! drivers, signature checks, monitors), fetches nothing, writes nothing and asks nobody.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use stopover_model::{History, Migration, Past};

/// How many versions of a file are looked at.
const VERSIONS: usize = 500;
/// How much of what git says is read: versions of one file, all together.
const LIMIT: u64 = 64 << 20;
/// How long git may take for one file.
const PATIENCE: Duration = Duration::from_secs(10);

/// The history that git keeps of the files.
#[derive(Debug, Clone, Copy, Default)]
pub struct GitHistory;

impl History for GitHistory {
    fn find(&self, migration: &Migration, wanted: &dyn Fn(&str) -> Option<String>) -> Past {
        let path = Path::new(&migration.up.path);
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let Some(name) = path.file_name() else {
            return Past::NotFound("its file has no name".to_owned());
        };
        let git =
            Git { folder: folder.unwrap_or(Path::new(".")), until: Instant::now() + PATIENCE };
        match git.search(name, wanted) {
            Ok(past) => past,
            Err(reason) => Past::NotFound(reason),
        }
    }
}

/// A version of a file.
struct Blob {
    commit: String,
    id: String,
}

struct Git<'a> {
    folder: &'a Path,
    until: Instant,
}

impl Git<'_> {
    fn search(
        &self,
        name: &OsStr,
        wanted: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Past, String> {
        let blobs = self.versions(name)?;
        if blobs.is_empty() {
            return Ok(Past::NotFound("git has no version of its file".to_owned()));
        }
        let contents = self.contents(&blobs)?;
        for (blob, content) in blobs.iter().zip(&contents) {
            let text = content.as_deref().and_then(|it| std::str::from_utf8(it).ok());
            if let Some(text) = text.and_then(wanted) {
                let commit = blob.commit.get(..12).unwrap_or(&blob.commit);
                let at = format!("the git history of its file, as of commit {commit}");
                return Ok(Past::Found { text, at });
            }
        }
        let shallow = match self.run(&["rev-parse", "--is-shallow-repository"], None) {
            Ok(said) if said.starts_with(b"true") => " (which is cut off: a shallow clone)",
            _ => "",
        };
        Ok(Past::NotFound(format!(
            "it is none of the {} versions in the git history of its file{shallow}",
            blobs.len()
        )))
    }

    /// The versions of the file, whatever it was called, the newest first.
    fn versions(&self, name: &OsStr) -> Result<Vec<Blob>, String> {
        let count = format!("--max-count={VERSIONS}");
        let mut arguments: Vec<&OsStr> = [
            "log",
            "--follow",
            "--raw",
            "--no-abbrev",
            "--format=%H",
            "--no-ext-diff",
            "--no-textconv",
            "--no-show-signature",
            "--no-notes",
            "--no-color",
            &count,
            "--",
        ]
        .map(OsStr::new)
        .into();
        arguments.push(name);
        let said = self.run(&arguments, None)?;
        let mut commit = String::new();
        let mut blobs = Vec::new();
        for line in String::from_utf8_lossy(&said).lines() {
            match line.strip_prefix(':') {
                // `:100644 100644 OLD NEW M<tab>path`
                Some(change) => {
                    let id = change.split_ascii_whitespace().nth(3).unwrap_or_default();
                    let is_there = id.bytes().any(|byte| byte != b'0');
                    if is_there && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        blobs.push(Blob { commit: commit.clone(), id: id.to_owned() });
                    }
                }
                None if !line.is_empty() => line.clone_into(&mut commit),
                None => {}
            }
        }
        Ok(blobs)
    }

    /// What the versions hold; `None` for one that is not here, as in a partial clone.
    fn contents(&self, blobs: &[Blob]) -> Result<Vec<Option<Vec<u8>>>, String> {
        let ids: String = blobs.iter().map(|it| format!("{}\n", it.id)).collect();
        let said = self.run(&["cat-file", "--batch", "--buffer"], Some(ids.into_bytes()))?;
        let mut rest = said.as_slice();
        let mut contents = Vec::with_capacity(blobs.len());
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 1..];
            let size = head.strip_suffix(" missing").is_none().then(|| head.rsplit(' ').next());
            let Some(size) = size.flatten().and_then(|it| it.parse::<usize>().ok()) else {
                contents.push(None);
                continue;
            };
            // A line end stands behind each; what was cut off at the limit is not whole.
            let Some(content) = rest.get(..size) else { break };
            contents.push(Some(content.to_vec()));
            rest = rest.get(size + 1..).unwrap_or_default();
        }
        Ok(contents)
    }

    fn run(
        &self,
        arguments: &[impl AsRef<OsStr>],
        input: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, String> {
        let mut child = self.command(arguments).spawn().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                "there is no git here to ask for its history".to_owned()
            } else {
                format!("git cannot be run: {error}")
            }
        })?;
        let said = self.said(&mut child, input);
        // Whatever came of it: no child is left behind.
        let _ = child.kill();
        let _ = child.wait();
        said
    }

    fn said(&self, child: &mut Child, input: Option<Vec<u8>>) -> Result<Vec<u8>, String> {
        let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stderr = child.stderr.take();
        std::thread::spawn(move || {
            if let (Some(stdin), Some(input)) = (&mut stdin, input) {
                // Git that goes away early has said what it had to.
                let _ = stdin.write_all(&input);
            }
        });
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut said = Vec::new();
            let read = stdout.map(|it| it.take(LIMIT).read_to_end(&mut said));
            let mut complaint = String::new();
            if said.is_empty()
                && let Some(stderr) = stderr
            {
                let _ = stderr.take(4096).read_to_string(&mut complaint);
            }
            // Nobody listens when it took too long.
            let _ = tell.send(match (read, complaint.lines().next()) {
                (Some(Err(error)), _) => Err(format!("git cannot be read: {error}")),
                (_, Some(complaint)) => Err(refusal(complaint)),
                _ => Ok(said),
            });
        });
        let left = self.until.saturating_duration_since(Instant::now());
        told.recv_timeout(left)
            .unwrap_or_else(|_| Err("git takes too long to tell its history".to_owned()))
    }

    fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new("git");
        // Where the repository is follows from the folder, also within one of its own hooks.
        for variable in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_COMMON_DIR",
            "GIT_OBJECT_DIRECTORY",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_NAMESPACE",
            "GIT_EXTERNAL_DIFF",
        ] {
            command.env_remove(variable);
        }
        command
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            // What a partial clone lacks is not fetched, by no protocol that its settings name.
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("LC_ALL", "C")
            .args(["--no-pager", "--literal-pathspecs", "--no-optional-locks"])
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
            .arg("-C")
            .arg(self.folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// Git's complaint, as the reason why there is no history.
fn refusal(complaint: &str) -> String {
    if complaint.contains("not a git repository") {
        return "its file is in no git repository".to_owned();
    }
    let complaint = complaint.trim_start_matches("fatal: ");
    format!("git does not tell its history: {complaint}")
}
