//! Runs of all DAGs, newest first, a page at a time.

use axum::extract::Query;
use nightrun_core::decide::{RunState, RunType};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{RunFilter, RunItem};
use serde::{Deserialize, Serialize};

use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Shared, State};
use crate::words;

/// Runs on one page.
const ROWS: u32 = 50;

/// What a form of filters sends; empty fields mean nothing.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    dag: String,
    #[serde(default)]
    state: String,
    #[serde(default, rename = "type")]
    run_type: String,
    before: Option<i64>,
}

impl Asked {
    fn filter(&self) -> RunFilter {
        let dag = self.dag.trim();
        RunFilter {
            dag: (!dag.is_empty()).then(|| DagId::from(dag)),
            state: RunState::parse(&self.state),
            run_type: RunType::parse(&self.run_type),
            before: self.before.map(RunId),
            ..RunFilter::default()
        }
    }
}

#[derive(Serialize)]
struct Body {
    rows: Vec<Row>,
    dag: String,
    state: Option<RunState>,
    states: &'static [RunState],
    run_type: Option<RunType>,
    filtered: bool,
    first: bool,
    next: Option<RunId>,
}

#[derive(Serialize)]
struct Row {
    run: RunId,
    dag: DagId,
    state: RunState,
    run_type: RunType,
    logical_date: Timestamp,
    started_at: Option<Timestamp>,
    took: Option<String>,
    reason: String,
    /// In which ways it is late.
    late: Vec<String>,
}

/// `GET /runs?dag=&state=&type=&before=`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    show(&site, "runs.html", "runs", did, move |desk| {
        let filter = asked.filter();
        let items = desk.runs(&filter, ROWS)?;
        let next = if items.len() == ROWS as usize { items.last().map(|item| item.run_id) } else { None };
        let mut rows = Vec::new();
        for item in items {
            let reason = desk.page.run_reason(item.run_id)?.map(|it| it.to_string()).unwrap_or_default();
            rows.push(row(item, reason, desk.now));
        }
        let body = Body {
            rows,
            filtered: filter.dag.is_some() || filter.state.is_some() || filter.run_type.is_some(),
            dag: asked.dag,
            state: filter.state,
            states: RunState::ALL,
            run_type: filter.run_type,
            first: filter.before.is_none(),
            next,
        };
        let watch = Watch { all: body.first, ..Watch::default() };
        Ok(Some(Sheet { title: "Runs".into(), watch, body }))
    })
    .await
}

fn row(item: RunItem, reason: String, now: Timestamp) -> Row {
    Row {
        took: words::took(item.started_at, item.ended_at, now),
        run: item.run_id,
        dag: item.dag,
        state: item.state,
        run_type: item.run_type,
        logical_date: item.logical_date,
        started_at: item.started_at,
        late: item.late.iter().map(|kind| kind.as_str().replace('_', " ")).collect(),
        reason,
    }
}
