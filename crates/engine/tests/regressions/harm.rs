//! A proxy that does harm to what passes between the engine and the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stopover_postgres::{PostgresBackend, Target};
use stopover_testkit::TestDatabase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_postgres::config::Host;

/// What the engine sends to record a migration, and to end its transaction: both in one query.
const RECORD_AND_COMMIT: [&[u8]; 2] = [b"INSERT INTO", b";COMMIT"];

/// How the engine begins a migration's transaction.
const BEGIN: &[u8] = b"BEGIN;SET LOCAL ";

/// What is done, once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The connection is cut when a COMMIT is done, before its answer passes. Then nobody gets in
    /// while the proxy is shut.
    CutAtCommit,
    /// The connection is cut when a COMMIT is done, before its answer passes. Nobody gets in again.
    CutForGood,
    /// The server does not understand the BEGIN: as when a cancel request hits it.
    SpoilBegin,
    /// The BEGIN that comes with the COMMIT before it fails when it is run.
    FailNextBegin,
}

/// How the transaction of a migration begins that another one follows, and as many bytes that fail.
const NEXT_BEGIN: &[u8; 34] = b"BEGIN;SET LOCAL synchronous_commit";
const NO_BEGIN: &[u8; 34] = b"CLOSE nothing;SET LOCAL aaaa.bbbbb";

/// Does harm once, and forwards everything else.
pub(crate) struct HarmfulProxy {
    url: String,
    done: Arc<AtomicBool>,
    shut: watch::Sender<bool>,
}

impl HarmfulProxy {
    /// Before `database`.
    pub(crate) async fn start(database: &TestDatabase, harm: Harm) -> Self {
        let config = database.config();
        let [Host::Unix(folder)] = config.get_hosts() else { panic!("the server has a socket") };
        let socket = folder.join(format!(".s.PGSQL.{}", config.get_ports()[0]));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        let (door, mut shut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                match (is_done.load(Ordering::SeqCst), harm) {
                    (true, Harm::CutAtCommit) => {
                        let _ = shut.wait_for(|it| !it).await;
                    }
                    (true, Harm::CutForGood) => return,
                    _ => {}
                }
                let server = UnixStream::connect(&socket).await.expect("the server's socket");
                tokio::spawn(forward(client, server, harm, Arc::clone(&is_done)));
            }
        });
        let (user, rest) = database.url().split_once('@').map_or_else(
            || panic!("a URL with a user"),
            |(user, rest)| (user.to_owned(), rest.to_owned()),
        );
        let name = rest.rsplit('/').next().unwrap_or_default();
        Self { url: format!("{user}@127.0.0.1:{port}/{name}?sslmode=disable"), done, shut: door }
    }

    /// From now on nobody gets in once the harm is done.
    pub(crate) fn shut(&self) {
        self.shut.send_replace(true);
    }

    /// Whoever waits outside gets in.
    pub(crate) fn open(&self) {
        self.shut.send_replace(false);
    }

    pub(crate) fn backend(&self) -> PostgresBackend {
        PostgresBackend::new(Target::parse(&self.url).expect("the proxy's URL parses"))
    }

    /// Whether it has come to that.
    pub(crate) fn did_harm(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

async fn forward(mut client: TcpStream, mut server: UnixStream, harm: Harm, done: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let begin = place(&asked[..count], BEGIN).filter(|_| harm == Harm::SpoilBegin);
                if let Some(begin) = begin.filter(|_| !done.swap(true, Ordering::SeqCst)) {
                    asked[begin..begin + 5].copy_from_slice(b"spoil");
                }
                let behind = place(&asked[..count], b";COMMIT;BEGIN;")
                    .and_then(|commit| Some(commit + place(&asked[commit..count], NEXT_BEGIN)?))
                    .filter(|_| harm == Harm::FailNextBegin);
                if let Some(begin) = behind.filter(|_| !done.swap(true, Ordering::SeqCst)) {
                    asked[begin..begin + NO_BEGIN.len()].copy_from_slice(NO_BEGIN);
                }
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
                let commits = matches!(harm, Harm::CutAtCommit | Harm::CutForGood)
                    && RECORD_AND_COMMIT.iter().all(|it| place(&asked[..count], it).is_some());
                if commits && !done.swap(true, Ordering::SeqCst) {
                    return until_committed(&mut server, &mut answered).await;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Reads the server's answers up to the one to a COMMIT.
async fn until_committed(server: &mut UnixStream, answered: &mut [u8]) {
    while let Ok(count @ 1..) = server.read(answered).await {
        if place(&answered[..count], b"COMMIT\0").is_some() {
            return;
        }
    }
}

fn place(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
