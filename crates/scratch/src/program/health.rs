//! Asks a service whether it is well: one GET, answered with 200 or not.
//!
//! No proxy stands between, and a redirect is no 200: what is asked is the service itself, on this
//! machine, over plain HTTP.

use std::time::Duration;

use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200.
    Well,
    /// Something else, or nothing: in words.
    Other(String),
}

/// Asks one service.
#[derive(Debug)]
pub(super) struct Asker {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

/// Why there is no answer.
#[derive(Debug, Error)]
enum NoAnswer {
    #[error("{0}")]
    Connection(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Request(#[from] hyper::http::Error),
}

impl Asker {
    /// Reads a URL; `None` where it is no `http://HOST…`.
    pub(super) fn new(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let (authority, host) = (uri.authority()?, uri.host()?);
        if uri.scheme_str() != Some("http") || host.is_empty() {
            return None;
        }
        Some(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(80),
            // Nobody is told a password that stands in a URL.
            authority: authority.as_str().rsplit('@').next().unwrap_or_default().to_owned(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }

    pub(super) async fn ask(&self) -> Answer {
        match tokio::time::timeout(PATIENCE, self.get()).await {
            Ok(Ok(StatusCode::OK)) => Answer::Well,
            Ok(Ok(status)) => Answer::Other(status.to_string()),
            Ok(Err(error)) => Answer::Other(error.to_string()),
            Err(_) => Answer::Other("no answer in time".to_owned()),
        }
    }

    async fn get(&self) -> Result<StatusCode, NoAnswer> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(&self.path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, "stopover")
            .header(CONNECTION, "close")
            .body(String::new())?;
        let mut answering = std::pin::pin!(sender.send_request(request));
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            answer = &mut answering => return Ok(answer?.status()),
            ended = &mut connection => ended?,
        }
        // It has ended: the answer is there, or never comes.
        Ok(answering.await?.status())
    }
}
