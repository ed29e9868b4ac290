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
use crate::app::{Shared, State};
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
}

/// What went.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Pruned {
    #[serde(flatten)]
    plan: Plan,
    swept: Swept,
}

/// `POST /api/v1/prune`
pub(crate) async fn prune(
    State(site): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Pruned>, Problem> {
    let Wanted { dag, keep_runs, keep_days } = fields(&headers, &body)?;
    if keep_runs == Some(0) || keep_days == Some(0) {
        return Err(Problem::bad_request("`keep_runs` and `keep_days` are at least 1"));
    }
    let asked =
        Asked { dag: dag.as_deref().map(DagId::from), keep: Keep { runs: keep_runs, days: keep_days } };
    let by = site.who.sign(BY);
    let pruned = site.app.keeper.prune_by(&site.app.handle, asked, (&by, true)).await;
    match pruned {
        Ok((plan, swept)) => Ok(Json(Pruned { plan, swept })),
        Err(PruneError::Stopped) => Err(Problem::stopping()),
        Err(PruneError::Store(error)) => {
            tracing::error!(%error, "old runs could not be pruned");
            Err(Problem::unreadable())
        }
    }
}
