//! The pages and the API: they read the store and ask the engine; they never write state themselves.

use std::path::PathBuf;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use nightrun_engine::clock::Clock;
use nightrun_engine::run::{Handle, Health, Parse};
use nightrun_engine::store::Reader;

/// What the pages are made from.
#[derive(Clone)]
pub struct App {
    /// The store, open for reading.
    pub reader: Reader,
    /// The way to the loop.
    pub handle: Handle,
    /// The data folder: logs and large values.
    pub data: PathBuf,
    /// The folder of DAG files, as messages show it.
    pub dags: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// Reads stored DAG texts.
    pub parse: Parse,
    /// Shown at the foot of every page.
    pub version: &'static str,
    /// Names under which a browser may call this server.
    pub hosts: Vec<String>,
}

/// All routes.
pub fn router(app: App) -> Router {
    Router::new().route("/health", get(health)).with_state(app)
}

async fn health(State(app): State<App>) -> (StatusCode, Json<serde_json::Value>) {
    match app.handle.health() {
        Health::Well => (StatusCode::OK, Json(serde_json::json!({ "status": "well" }))),
        other => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({ "status": format!("{other:?}") })))
        }
    }
}
