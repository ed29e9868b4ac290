//! Task instances of all runs, newest run first, a page at a time.

use axum::extract::Query;
use nightrun_core::decide::TaskState;
use nightrun_core::id::{DagId, InstanceId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, TaskFilter, TaskItem};
use serde::{Deserialize, Serialize};

use super::dates::stretch;
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::words;

/// Task instances on one page.
const ROWS: u32 = 50;

/// States that can be chosen, those that are most asked for first.
const STATES: [TaskState; 12] = [
    TaskState::Failed,
    TaskState::UpstreamFailed,
    TaskState::Running,
    TaskState::Queued,
    TaskState::UpForRetry,
    TaskState::Deferred,
    TaskState::Waiting,
    TaskState::Stopping,
    TaskState::Success,
    TaskState::Skipped,
    TaskState::Canceled,
    TaskState::Removed,
];

/// What a form of filters sends; empty fields mean nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// One state, or several with commas between them.
    state: String,
    dag: String,
    task: String,
    from: String,
    to: String,
    before: String,
}

impl Asked {
    fn states(&self) -> Vec<TaskState> {
        self.state.split(',').filter_map(TaskState::parse).collect()
    }

    /// What is wanted, and what of it could not be read. A whole name means that DAG, anything else a part.
    fn filter(&self, desk: &Desk<'_>) -> Result<(TaskFilter, Vec<String>), Fault> {
        let name = self.dag.trim();
        let whole = !name.is_empty() && desk.page.dag(&DagId::from(name), 0)?.is_some();
        let dates = stretch(&self.from, &self.to);
        let task = self.task.trim();
        let filter = TaskFilter {
            dag: whole.then(|| DagId::from(name)),
            dag_part: (!whole && !name.is_empty()).then(|| name.to_owned()),
            among: desk.site.who.among(),
            states: self.states(),
            task: (!task.is_empty()).then(|| task.to_owned()),
            date_from: dates.from,
            date_until: dates.until,
            before: place(&self.before),
        };
        Ok((filter, dates.refused))
    }
}

/// Where a page goes on, as an address has it.
pub(crate) fn address(at: InstanceId) -> String {
    format!("{}.{}.{}", at.run, at.task.0, at.item)
}

/// Reads that again.
pub(crate) fn place(text: &str) -> Option<InstanceId> {
    let mut parts = text.split('.');
    let place = InstanceId {
        run: RunId(parts.next()?.parse().ok().filter(|run| *run >= 0)?),
        task: TaskIndex(parts.next()?.parse().ok()?),
        item: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(place)
}

#[derive(Serialize)]
struct Body {
    rows: Vec<Row>,
    asked: Asked,
    choices: Vec<Choice>,
    filtered: bool,
    refused: Vec<String>,
    first: bool,
    /// Where the next page goes on.
    older: Option<String>,
    /// Little was found: the page looked back as far as this run.
    back_to: Option<RunId>,
}

/// A state that can be chosen, or be taken out of the choice.
#[derive(Serialize)]
struct Choice {
    state: TaskState,
    on: bool,
    /// The choice that a press on it makes.
    then: String,
}

#[derive(Serialize)]
struct Row {
    run: RunId,
    dag: DagId,
    id: String,
    name: String,
    key: Option<String>,
    state: TaskState,
    run_type: &'static str,
    logical_date: Timestamp,
    zone: Option<String>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    took: Option<String>,
    attempts: u32,
    reason: String,
}

/// `GET /tasks?state=&dag=&task=&from=&to=&before=`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    show(&site, "tasks.html", "tasks", did, move |desk| {
        let body = body(desk, asked)?;
        let watch = Watch { all: body.first, ..Watch::default() };
        Ok(Some(Sheet { title: "Tasks".into(), watch, body }))
    })
    .await
}

fn body(desk: &Desk<'_>, asked: Asked) -> Result<Body, Fault> {
    let (filter, refused) = asked.filter(desk)?;
    let page = desk.page.task_items(&filter, ROWS)?;
    let full = page.items.len() == ROWS as usize;
    let unasked = TaskFilter { before: filter.before, among: filter.among.clone(), ..TaskFilter::default() };
    let rows: Result<Vec<Row>, Fault> = page.items.into_iter().map(|item| row(desk, item)).collect();
    Ok(Body {
        rows: rows?,
        choices: choices(&filter.states),
        filtered: filter != unasked,
        refused,
        first: filter.before.is_none(),
        older: page.next.map(address),
        back_to: page.next.map(|at| at.run).filter(|_| !full),
        asked,
    })
}

fn choices(chosen: &[TaskState]) -> Vec<Choice> {
    let choice = |state: TaskState| {
        let on = chosen.contains(&state);
        let then = STATES.into_iter().filter(|it| if *it == state { !on } else { chosen.contains(it) });
        let then = then.map(TaskState::as_str).collect::<Vec<_>>().join(",");
        Choice { state, on, then }
    };
    STATES.into_iter().map(choice).collect()
}

fn row(desk: &Desk<'_>, item: TaskItem) -> Result<Row, Fault> {
    Ok(Row {
        zone: desk.zone(&item.dag)?,
        took: words::took(item.started_at, item.ended_at, desk.now),
        name: item.name(),
        run: item.run_id,
        dag: item.dag,
        id: item.id,
        key: item.key,
        state: item.state,
        run_type: item.run_type.as_str(),
        logical_date: item.logical_date,
        started_at: item.started_at,
        ended_at: item.ended_at,
        attempts: item.attempts,
        reason: match item.state {
            TaskState::Success | TaskState::Running | TaskState::Starting | TaskState::Expanded => {
                String::new()
            }
            _ => item.reason.to_string(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let at = InstanceId { run: RunId(42), task: TaskIndex(7), item: 3 };
        assert_eq!((address(at).as_str(), place("42.7.3")), ("42.7.3", Some(at)));
        for broken in ["", "42", "42.7", "42.7.3.1", "x.7.3", "-1.0.0", "42.-7.3"] {
            assert_eq!(place(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_state_is_put_to_the_others_and_taken_out_again() {
        let chosen = choices(&[TaskState::Failed, TaskState::Skipped]);
        let then = |state| chosen.iter().find(|it| it.state == state).map(|it| (it.on, it.then.as_str()));
        assert_eq!(then(TaskState::Failed), Some((true, "skipped")));
        assert_eq!(then(TaskState::Running), Some((false, "failed,running,skipped")));
    }
}
