//! The list of DAGs: what ran, what failed, what comes next.

use std::collections::BTreeSet;

use axum::extract::Query;
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId};
use nightrun_engine::store::{DagItem, Fault};
use serde::{Deserialize, Serialize};

use super::schedule::{Coming, coming, with_overlay};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};

/// Runs shown of each DAG.
const RECENT: usize = 14;

/// DAGs on one page.
const ROWS: usize = 50;

/// DAGs read at once while a page fills.
const BATCH: u32 = 500;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    show: Which,
    after: Option<String>,
}

/// Which DAGs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    All,
    Failing,
    Running,
    Paused,
    Retired,
}

#[derive(Serialize)]
struct Body {
    rows: Vec<Row>,
    q: String,
    show: Which,
    /// How many DAGs each choice has, when all are known.
    counts: Option<Counts>,
    next: Option<DagId>,
}

#[derive(Default, Serialize)]
struct Counts {
    all: usize,
    failing: usize,
    running: usize,
    paused: usize,
    retired: usize,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one mark on the page")]
struct Row {
    dag: DagId,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    schedule: Option<String>,
    next: Option<Coming>,
    enabled: bool,
    paused: bool,
    retired: bool,
    faulty: bool,
    asks: bool,
    /// The last runs, oldest first, `None` where there were fewer.
    runs: Vec<Option<Square>>,
    last: Option<Last>,
}

#[derive(Serialize)]
struct Square {
    run: RunId,
    state: RunState,
}

#[derive(Serialize)]
struct Last {
    run: RunId,
    state: RunState,
    reason: String,
}

/// `GET /dags`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    show(&site, "dags.html", "dags", did, move |desk| {
        let body = body(desk, asked)?;
        Ok(Some(Sheet { title: "DAGs".into(), watch: Watch { all: true, ..Watch::default() }, body }))
    })
    .await
}

fn body(desk: &Desk<'_>, asked: Asked) -> Result<Body, Fault> {
    let faulty: BTreeSet<String> = desk.page.faults(None)?.into_iter().map(|file| file.path).collect();
    let mut body = Body { rows: Vec::new(), q: asked.q, show: asked.show, counts: None, next: None };
    let mut counts = Counts::default();
    let first = asked.after.is_none();
    let mut after = asked.after.as_deref().map(DagId::from);
    loop {
        let items = desk.page.dags(after.as_ref(), BATCH, u32::try_from(RECENT).unwrap_or(14))?;
        let ended = items.len() < BATCH as usize;
        after = items.last().map(|item| item.dag.clone());
        for item in items.into_iter().filter(|item| desk.site.who.covers(item.dag.as_str())) {
            counts.add(&item);
            if !asked.show.has(&item) {
                continue;
            }
            if body.rows.len() == ROWS {
                body.next = body.rows.last().map(|row| row.dag.clone());
                return Ok(body);
            }
            let row = row(desk, item, &faulty)?;
            if row.matches(&body.q) {
                body.rows.push(row);
            }
        }
        if ended {
            body.counts = first.then_some(counts);
            return Ok(body);
        }
    }
}

fn row(desk: &Desk<'_>, item: DagItem, faulty: &BTreeSet<String>) -> Result<Row, Fault> {
    let spec = desk.spec(item.version)?;
    let spec = spec.as_deref();
    let last = match item.recent.first() {
        Some(mark) => Some(Last {
            run: mark.run_id,
            state: mark.state,
            reason: desk.page.run_reason(mark.run_id)?.map(|it| it.to_string()).unwrap_or_default(),
        }),
        None => None,
    };
    let overlay = desk.page.overlay(&item.dag)?;
    let missing = RECENT.saturating_sub(item.recent.len());
    let marks = item.recent.iter().rev().map(|mark| Some(Square { run: mark.run_id, state: mark.state }));
    Ok(Row {
        description: spec.and_then(|dag| dag.description.clone()),
        owner: spec.and_then(|dag| dag.owner.clone()),
        tags: spec.map(|dag| dag.tags.clone()).unwrap_or_default(),
        schedule: spec.and_then(|dag| dag.timetable.as_ref()).map(ToString::to_string),
        next: spec.and_then(|dag| with_overlay(coming(dag, desk.now, 1), &overlay).pop()),
        enabled: spec.is_some_and(|dag| dag.enabled),
        asks: spec.is_some_and(|dag| !dag.params.is_empty()),
        faulty: faulty.contains(&item.path),
        runs: std::iter::repeat_with(|| None).take(missing).chain(marks).collect(),
        dag: item.dag,
        paused: item.paused,
        retired: item.retired,
        last,
    })
}

impl Row {
    /// Every word is somewhere in what the row says.
    fn matches(&self, q: &str) -> bool {
        let owner = self.owner.as_deref().unwrap_or_default();
        let description = self.description.as_deref().unwrap_or_default();
        let text = format!("{} {owner} {} {description}", self.dag, self.tags.join(" ")).to_lowercase();
        q.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

impl Which {
    fn has(self, item: &DagItem) -> bool {
        let last = item.recent.first().map(|mark| mark.state);
        match self {
            Self::All => !item.retired,
            Self::Retired => item.retired,
            Self::Paused => item.paused && !item.retired,
            Self::Failing => !item.retired && is_failing(item),
            Self::Running => last.is_some_and(|state| !state.is_final()),
        }
    }
}

/// The last run that is over failed.
fn is_failing(item: &DagItem) -> bool {
    let over = item.recent.iter().find(|mark| mark.state.is_final());
    over.is_some_and(|mark| mark.state == RunState::Failed)
}

impl Counts {
    fn add(&mut self, item: &DagItem) {
        for (which, count) in [
            (Which::All, &mut self.all),
            (Which::Failing, &mut self.failing),
            (Which::Running, &mut self.running),
            (Which::Paused, &mut self.paused),
            (Which::Retired, &mut self.retired),
        ] {
            *count += usize::from(which.has(item));
        }
    }
}
