//! Vars: named values of the deployment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use nightrun_engine::store::VarItem;
use serde::Deserialize;
use serde_json::Value;

use super::acts::{BY, Done, refuse_forms};
use super::{Listed, Told};
use crate::app::{Shared, State};
use crate::problem::Problem;

/// `GET /api/v1/vars`: those of the store, by name.
pub(crate) async fn list(State(site): Shared) -> Told<Listed<VarItem>> {
    let items = site.read(|desk| desk.page.vars().map(Some)).await?;
    Ok(Json(Listed { items, next: None }))
}

/// `GET /api/v1/vars/{var}`
pub(crate) async fn one(State(site): Shared, Path(name): Path<String>) -> Told<VarItem> {
    let found = site.read(move |desk| Ok(desk.page.vars()?.into_iter().find(|var| var.name == name)));
    found.await.map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    value: Value,
}

/// `POST /api/v1/vars/{var}` with `{"value": …}`
pub(crate) async fn set(
    State(site): Shared,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Done {
    refuse_forms(&headers)?;
    let asked: Asked =
        serde_json::from_slice(&body).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    site.set_var(name, Some(asked.value), BY).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/vars/{var}/delete`
pub(crate) async fn delete(site: Shared, Path(name): Path<String>, headers: HeaderMap) -> Done {
    refuse_forms(&headers)?;
    let _known = one(State(site.0.clone()), Path(name.clone())).await?;
    site.set_var(name, None, BY).await?;
    Ok(StatusCode::NO_CONTENT)
}
