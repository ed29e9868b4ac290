//! Runs of all DAGs, newest first, a page at a time.

use axum::extract::Query;
use nightrun_core::decide::{RunState, RunType};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, RunFilter, RunItem};
use serde::{Deserialize, Serialize};

use super::dates::stretch;
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::words;

/// Runs on one page.
const ROWS: u32 = 50;

/// What a form of filters sends; empty fields mean nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    dag: String,
    state: String,
    #[serde(rename = "type")]
    run_type: String,
    from: String,
    to: String,
    late: String,
    before: Option<i64>,
    after: Option<i64>,
}

impl Asked {
    /// What is wanted, and what of it could not be read. A whole name means that DAG, anything else a part.
    fn filter(&self, desk: &Desk<'_>) -> Result<(RunFilter, Vec<String>), Fault> {
        let name = self.dag.trim();
        let whole = !name.is_empty() && desk.page.dag(&DagId::from(name), 0)?.is_some();
        let dates = stretch(&self.from, &self.to);
        let filter = RunFilter {
            dag: whole.then(|| DagId::from(name)),
            dag_part: (!whole && !name.is_empty()).then(|| name.to_owned()),
            state: RunState::parse(&self.state),
            run_type: RunType::parse(&self.run_type),
            date_from: dates.from,
            date_until: dates.until,
            late: (!self.late.is_empty()).then_some(true),
            before: self.before.map(RunId),
            after: self.after.map(RunId),
            ..RunFilter::default()
        };
        Ok((filter, dates.refused))
    }
}

#[derive(Serialize)]
struct Body {
    rows: Vec<Row>,
    asked: Asked,
    states: &'static [RunState],
    state: Option<RunState>,
    filtered: bool,
    refused: Vec<String>,
    /// Nothing newer is known to be.
    first: bool,
    older: Option<RunId>,
}

#[derive(Serialize)]
struct Row {
    run: RunId,
    dag: DagId,
    state: RunState,
    run_type: RunType,
    logical_date: Timestamp,
    /// The zone of its DAG.
    zone: Option<String>,
    started_at: Option<Timestamp>,
    took: Option<String>,
    reason: String,
    /// In which ways it is late.
    late: Vec<String>,
    /// Something of it can run again.
    mendable: bool,
}

/// `GET /runs?dag=&state=&type=&from=&to=&late=&before=&after=`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    show(&site, "runs.html", "runs", did, move |desk| {
        let body = body(desk, asked)?;
        let watch = Watch { all: body.first, ..Watch::default() };
        Ok(Some(Sheet { title: "Runs".into(), watch, body }))
    })
    .await
}

fn body(desk: &Desk<'_>, asked: Asked) -> Result<Body, Fault> {
    let (filter, refused) = asked.filter(desk)?;
    let items = desk.runs(&filter, ROWS)?;
    let full = items.len() == ROWS as usize;
    let older = items.last().map(|item| item.run_id).filter(|_| full || filter.after.is_some());
    let mut rows = Vec::new();
    for item in items {
        let reason = desk.page.run_reason(item.run_id)?.map(|it| it.to_string()).unwrap_or_default();
        let zone = desk.zone(&item.dag)?;
        rows.push(row(item, reason, zone, desk.now));
    }
    let unasked = RunFilter { before: filter.before, after: filter.after, ..RunFilter::default() };
    Ok(Body {
        rows,
        state: filter.state,
        states: RunState::ALL,
        filtered: filter != unasked,
        refused,
        first: filter.before.is_none() && (filter.after.is_none() || !full),
        older,
        asked,
    })
}

fn row(item: RunItem, reason: String, zone: Option<String>, now: Timestamp) -> Row {
    Row {
        zone,
        took: words::took(item.started_at, item.ended_at, now),
        run: item.run_id,
        dag: item.dag,
        state: item.state,
        mendable: matches!(item.state, RunState::Failed | RunState::Canceled),
        run_type: item.run_type,
        logical_date: item.logical_date,
        started_at: item.started_at,
        late: item.late.iter().map(|kind| kind.as_str().replace('_', " ")).collect(),
        reason,
    }
}
