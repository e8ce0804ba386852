//! `GET /health`: whether the service may be given work.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

/// The versions that are applied; empty until the database is known to be up to date.
pub(crate) type Applied = Arc<OnceLock<Vec<String>>>;

/// The service's routes.
pub(crate) fn routes(applied: Applied) -> Router {
    Router::new().route("/health", get(health)).with_state(applied)
}

async fn health(State(applied): State<Applied>) -> (StatusCode, String) {
    match applied.get() {
        Some(versions) => (StatusCode::OK, format!("applied: {}\n", versions.join(" "))),
        None => (StatusCode::SERVICE_UNAVAILABLE, "migrating\n".to_owned()),
    }
}
