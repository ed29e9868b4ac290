//! Vars: named values of the deployment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use nightrun_engine::store::VarItem;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::acts::{BY, Done};
use super::body::{fields, refuse_forms};
use super::{After, Limit, Listed, Paged, Told};
use crate::app::{Shared, State};

/// `GET /api/v1/vars`: those of the store, by name.
pub(crate) async fn list(
    State(site): Shared,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Paged<VarItem> {
    let all = site.read(|desk| desk.page.vars().map(Some)).await?;
    Ok(Listed::cut(all, after.after.as_deref(), limit.rows(), |var| var.name.clone()))
}

/// `GET /api/v1/vars/{var}`
pub(crate) async fn one(State(site): Shared, Path(name): Path<String>) -> Told<VarItem> {
    let found = site.read(move |desk| Ok(desk.page.vars()?.into_iter().find(|var| var.name == name)));
    found.await.map(Json)
}

/// The value of a var.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "VarRequest")]
pub(crate) struct Asked {
    /// Anything but `null`.
    #[schemars(extend("type" = ["object", "array", "string", "number", "boolean"]))]
    value: Value,
}

/// `POST /api/v1/vars/{var}` with `{"value": …}`
pub(crate) async fn set(
    State(site): Shared,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Done {
    let asked: Asked = fields(&headers, &body)?;
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
