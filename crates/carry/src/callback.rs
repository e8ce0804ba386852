//! Tells somebody how it ended, until that is acknowledged.
//!
//! An answer that comes too late may mean that the outcome was taken: it is told again with the
//! same key, so that the other side can tell a repetition from news.

use std::time::{Duration, Instant};

use reqwest::{Client, redirect};
use rustls::ClientConfig;
use stopover_model::redact_urls;
use stopover_model::report::{CarryCallback, CarryReport};
use tokio::time::{sleep, timeout};

use crate::request::{Callback, CallbackForm};

/// The first pause; each further one is twice as long, …
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Tells the outcome of `report`. Never fails: what came of it is the answer.
pub(crate) async fn tell(callback: &Callback, report: &CarryReport) -> CarryCallback {
    let mut told = CarryCallback {
        url: shown(&callback.url),
        outcome: report.outcome.clone(),
        acknowledged: false,
        attempts: 0,
        error: None,
    };
    let client = match client() {
        Ok(client) => client,
        Err(reason) => {
            told.error = Some(reason);
            return told;
        }
    };
    let (kind, body) = body(callback.form, report);
    let key = format!("{:032x}", rand::random::<u128>());
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let left = callback.patience.saturating_sub(begun.elapsed());
        told.attempts += 1;
        let request = client
            .post(&callback.url)
            .header("content-type", kind)
            .header("idempotency-key", &key)
            .body(body.clone());
        // Slow answers are waited for as long as there is time; one try at least is made.
        let answered = timeout(left.clamp(FIRST_PAUSE, ANSWER), request.send()).await;
        told.error = match answered {
            Ok(Ok(response)) if response.status().is_success() => {
                told.acknowledged = true;
                told.error = None;
                return told;
            }
            Ok(Ok(response)) => Some(format!("it answered {}", response.status())),
            Ok(Err(error)) => Some(reason(&error.without_url())),
            Err(_) => Some("it did not answer in time".to_owned()),
        };
        if begun.elapsed() + pause >= callback.patience {
            return told;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What is known when it was asked to stop in between.
pub(crate) fn interrupted(callback: &Callback, report: &CarryReport) -> CarryCallback {
    CarryCallback {
        url: shown(&callback.url),
        outcome: report.outcome.clone(),
        acknowledged: false,
        attempts: 1,
        error: Some("it was asked to stop before an answer came".to_owned()),
    }
}

fn body(form: CallbackForm, report: &CarryReport) -> (&'static str, String) {
    match form {
        CallbackForm::Text => ("text/plain", report.outcome.clone()),
        CallbackForm::Json => {
            // A document is plain data: nothing can fail here, and would still be told.
            let text = serde_json::to_string(report)
                .unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"));
            ("application/json", text)
        }
    }
}

fn client() -> Result<Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    // A certificate that cannot be read proves nobody; the others do.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(config)
        // A redirected post is a get elsewhere: nobody would have been told.
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| reason(&error))
}

/// The innermost cause.
fn reason(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    redact_urls(&inner.to_string())
}

/// An address without what may be a secret in it: its query and its password.
fn shown(url: &str) -> String {
    let url = redact_urls(url);
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?***"),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(shown("https://u:pw@h/x?token=abc"), "https://u:***@h/x?***");
        assert_eq!(shown("http://h/done"), "http://h/done");
    }
}
