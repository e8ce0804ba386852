//! A socket to a server, encrypted as the target asks, before anything is said.
//!
//! Source of the request for encryption: PostgreSQL's documentation, "Message Formats".

use std::io;
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use stopover_backend::BackendError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::target::{SslMode, Target};
use crate::tls;

/// Bytes both ways.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// `SSLRequest`
const ENCRYPT: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const DEFAULT_PORT: u16 = 5432;
/// Longest wait for a new connection, where the target names none.
const PATIENCE: Duration = Duration::from_secs(15);
/// A peer that says nothing for this long is asked whether it is there, …
const IDLE: Duration = Duration::from_secs(30);
/// … so often, …
const PROBES: u32 = 4;
/// … this far apart: a dead one is found in a little more than a minute.
const INTERVAL: Duration = Duration::from_secs(10);

/// A socket to the first of the target's hosts that answers, and the settings to log in there.
pub(super) async fn open(target: &Target) -> Result<(Box<dyn Wire>, Config), BackendError> {
    let config = target.config();
    if config.get_target_session_attrs() != TargetSessionAttrs::Any && config.get_hosts().len() > 1
    {
        return Err(BackendError::Settings {
            message: "target_session_attrs cannot be kept to with several hosts here".to_owned(),
            remedy: "name the one host that is meant".to_owned(),
        });
    }
    let patience = config.get_connect_timeout().copied().unwrap_or(PATIENCE);
    let mut refused = Vec::new();
    for (at, host) in places(config).into_iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        match tokio::time::timeout(patience, reach(target, &host, port)).await {
            Ok(Ok(wire)) => return Ok((wire, config.clone())),
            Ok(Err(Unreached::Settings(message))) => {
                let remedy = "correct sslmode or sslrootcert in the database URL".to_owned();
                return Err(BackendError::Settings { message, remedy });
            }
            Ok(Err(Unreached::Io(error))) => refused.push(error.to_string()),
            Err(_) => refused.push(format!("no answer within {} s", patience.as_secs())),
        }
    }
    Err(BackendError::Unreachable {
        target: target.describe(),
        reason: if refused.is_empty() { "no host is named".into() } else { refused.join("; ") },
        remedy: "check host and port, and that the server runs and may be reached from here"
            .to_owned(),
    })
}

enum Unreached {
    Io(io::Error),
    Settings(String),
}

impl From<io::Error> for Unreached {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A host to connect to, and its name for the certificate.
enum Place {
    Unix(std::path::PathBuf),
    Tcp { name: String, address: String },
}

fn places(config: &Config) -> Vec<Place> {
    let addresses = config.get_hostaddrs();
    if config.get_hosts().is_empty() {
        let tcp =
            |it: &std::net::IpAddr| Place::Tcp { name: it.to_string(), address: it.to_string() };
        return addresses.iter().map(tcp).collect();
    }
    let hosts = config.get_hosts().iter().enumerate();
    hosts
        .map(|(at, host)| match host {
            Host::Unix(folder) => Place::Unix(folder.clone()),
            Host::Tcp(name) => Place::Tcp {
                name: name.clone(),
                address: addresses.get(at).map_or_else(|| name.clone(), ToString::to_string),
            },
        })
        .collect()
}

async fn reach(target: &Target, place: &Place, port: u16) -> Result<Box<dyn Wire>, Unreached> {
    match place {
        Place::Unix(folder) => {
            let socket = Path::new(folder).join(format!(".s.PGSQL.{port}"));
            Ok(Box::new(UnixStream::connect(socket).await?))
        }
        Place::Tcp { name, address } => {
            let stream = TcpStream::connect((address.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            watch(&stream)?;
            encrypt(target, name, stream).await
        }
    }
}

/// Has the operating system find out when the peer is gone.
fn watch(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL);
    socket.set_tcp_keepalive(&keepalive.with_retries(PROBES))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(IDLE + INTERVAL * PROBES))?;
    Ok(())
}

async fn encrypt(
    target: &Target,
    name: &str,
    mut stream: TcpStream,
) -> Result<Box<dyn Wire>, Unreached> {
    if target.ssl_mode == SslMode::Disable {
        return Ok(Box::new(stream));
    }
    stream.write_all(&ENCRYPT).await?;
    let answer = stream.read_u8().await?;
    if answer != b'S' {
        return match target.ssl_mode {
            SslMode::Prefer => Ok(Box::new(stream)),
            _ => Err(Unreached::Io(io::Error::other("the server does not support encryption"))),
        };
    }
    let mut connector = tls::connector(target.ssl_mode, target.root_cert.as_deref())
        .map_err(Unreached::Settings)?;
    let connect =
        <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::make_tls_connect(&mut connector, name)
            .map_err(|error| Unreached::Settings(error.to_string()))?;
    let stream = connect.connect(stream).await.map_err(io::Error::other)?;
    Ok(Box::new(stream))
}
