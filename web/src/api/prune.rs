//! Old runs are forgotten on request.

use axum::Json;
use axum::body::Bytes;
use axum::http::HeaderMap;
use nightrun_core::dag::spec::Keep;
use nightrun_core::id::DagId;
use nightrun_engine::keep::{Asked, Plan, PruneError, Swept};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::acts::BY;
use super::body::fields;
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// What to forget; what the DAGs and the configuration say, unless said here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PruneRequest")]
pub(crate) struct Wanted {
    /// Of this DAG alone.
    dag: Option<String>,
    /// How many ended runs each DAG keeps.
    #[schemars(range(min = 1))]
    keep_runs: Option<u32>,
    /// For how many days.
    #[schemars(range(min = 1))]
    keep_days: Option<u32>,
    /// Only say what would go.
    #[serde(default)]
    dry_run: bool,
}

/// What went, or would go.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Pruned {
    #[serde(flatten)]
    plan: Plan,
    /// What that made room for; nothing in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    swept: Option<Swept>,
}

/// `POST /api/v1/prune`
pub(crate) async fn prune(
    State(site): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Pruned>, Problem> {
    let Wanted { dag, keep_runs, keep_days, dry_run } = fields(&headers, &body)?;
    if keep_runs == Some(0) || keep_days == Some(0) {
        return Err(Problem::bad_request("`keep_runs` and `keep_days` are at least 1"));
    }
    let asked =
        Asked { dag: dag.as_deref().map(DagId::from), keep: Keep { runs: keep_runs, days: keep_days } };
    let by = site.who.sign(BY);
    let pruned = if dry_run {
        planned(&site, asked).await.map(|plan| (plan, None))
    } else {
        let pruned = site.app.keeper.prune_by(&site.app.handle, asked, (&by, true)).await;
        pruned.map(|(plan, swept)| (plan, Some(swept)))
    };
    match pruned {
        Ok((plan, swept)) => Ok(Json(Pruned { plan, swept })),
        Err(PruneError::Stopped) => Err(Problem::stopping()),
        Err(PruneError::Store(error)) => {
            tracing::error!(%error, "old runs could not be pruned");
            Err(Problem::unreadable())
        }
    }
}

/// What would go, and how much room that would make.
async fn planned(site: &Site, asked: Asked) -> Result<Plan, PruneError> {
    let keeper = site.app.keeper.clone();
    let weighed = tokio::task::spawn_blocking(move || {
        let mut plan = keeper.plan(&asked)?;
        keeper.weigh(&mut plan)?;
        Ok(plan)
    });
    weighed.await.unwrap_or(Err(PruneError::Stopped))
}
