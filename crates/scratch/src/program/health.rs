//! Asks a service whether it is well: one GET, answered with 200 or not.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url, redirect};

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

/// Asks one service. No proxy stands between, and a redirect is no 200.
#[derive(Debug)]
pub(super) struct Asker {
    client: Client,
    url: Url,
}

impl Asker {
    pub(super) fn new(url: Url) -> Result<Self, String> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .pool_max_idle_per_host(0)
            .build();
        let client = client.map_err(|error| format!("no HTTP client can be made: {error}"))?;
        Ok(Self { client, url })
    }

    pub(super) async fn ask(&self) -> Answer {
        match self.client.get(self.url.clone()).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => Answer::Well,
            Ok(answer) => Answer::Other(answer.status().to_string()),
            Err(error) if error.is_timeout() => Answer::Other("no answer in time".to_owned()),
            Err(error) => Answer::Other(root_cause(&error)),
        }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}
