//! Hooks of all runs.

use axum::extract::Query;
use nightrun_core::id::HookId;
use nightrun_engine::store::HookShow;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Before, Limit, Listed, Paged};
use crate::app::{Shared, State};

/// Which hooks a list has.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// Only those that were given up.
    #[serde(default)]
    failed: bool,
}

/// `GET /api/v1/hooks?failed=&before=&limit=`: newest first.
pub(crate) async fn list(
    State(site): Shared,
    Query(which): Query<Which>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Paged<HookShow> {
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let among = desk.site.who.among();
        desk.page.hooks(which.failed, before.before.map(HookId), rows, among.as_deref()).map(Some)
    });
    Ok(Listed::new(items.await?, rows, "before", |hook| hook.hook.to_string()))
}
