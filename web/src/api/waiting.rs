//! What fires when something that was paused goes on.

use axum::Json;
use axum::extract::Query;
use nightrun_core::dag::spec::{CatchupPolicy, Dag};
use nightrun_core::id::DagId;
use nightrun_engine::store::{DagItem, Fault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Told;
use crate::app::{Desk, Shared, State};

/// DAGs read at once.
const MOST: u32 = 1_000;

/// Of which DAG.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OfDag {
    /// What goes on when this one is not paused any more; all that is not paused itself unless said.
    dag: Option<String>,
}

/// A DAG whose ticks wait for the end of a pause.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Waiting {
    dag: DagId,
    /// Which of them fire then: `latest` or `all`.
    catchup: &'static str,
    /// How many of them at most.
    limit: u32,
}

/// `GET /api/v1/waiting?dag=`: ticks of a DAG that catches up wait while it is paused; of others they are skipped.
pub(crate) async fn list(State(site): Shared, Query(of): Query<OfDag>) -> Told<Vec<Waiting>> {
    let found = site.read(move |desk| {
        let dags = match &of.dag {
            Some(id) => desk.page.dag(&DagId::from(id.as_str()), 0)?.into_iter().collect(),
            None => all(desk)?,
        };
        let mut waiting = Vec::new();
        for item in dags.into_iter().filter(|dag| !dag.retired && (of.dag.is_some() || !dag.paused)) {
            let spec = desk.spec(item.version)?;
            let missed =
                spec.filter(|spec| desk.site.who.covers(item.dag.as_str()) && waits(desk, spec, &item));
            waiting.extend(missed.map(|spec| Waiting {
                dag: item.dag,
                catchup: if spec.catchup.policy == CatchupPolicy::All { "all" } else { "latest" },
                limit: spec.catchup.limit,
            }));
        }
        Ok(Some(waiting))
    });
    found.await.map(Json)
}

/// All DAGs, read by pages.
fn all(desk: &Desk<'_>) -> Result<Vec<DagItem>, Fault> {
    let mut dags = Vec::new();
    loop {
        let after = dags.last().map(|dag: &DagItem| dag.dag.clone());
        let page = desk.dags(after, MOST, 0)?;
        let ended = page.len() < MOST as usize;
        dags.extend(page);
        if ended {
            return Ok(dags);
        }
    }
}

fn waits(desk: &Desk<'_>, spec: &Dag, item: &DagItem) -> bool {
    spec.enabled
        && spec.catchup.policy != CatchupPolicy::None
        && spec.instants_after(item.cursor).next().is_some_and(|at| at <= desk.now)
}
