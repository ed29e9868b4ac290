//! Old runs are forgotten on request.

use axum::Json;
use axum::body::Bytes;
use axum::http::HeaderMap;
use nightrun_core::dag::spec::Keep;
use nightrun_core::id::DagId;
use nightrun_engine::keep::{Asked, Plan, PruneError, Swept};
use serde::{Deserialize, Serialize};

use super::acts::{BY, fields, refuse_forms};
use crate::app::{Shared, State};
use crate::problem::Problem;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    dag: Option<String>,
    keep_runs: Option<u32>,
    keep_days: Option<u32>,
}

/// What went.
#[derive(Serialize)]
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
    refuse_forms(&headers)?;
    let Wanted { dag, keep_runs, keep_days } = fields(&body)?;
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
