//! What happened in a run, a sentence each, from its log: the truth that all other views are made of.

use axum::extract::{Path, Query};
use nightrun_core::decide::Transition;
use nightrun_core::id::{InstanceId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, LogEntry, RunShow};
use serde::{Deserialize, Serialize};

use super::run::sheet;
use super::{Did, Shown, show};
use crate::app::{Desk, Shared, State};

/// Events on one page.
const ROWS: u32 = 200;

/// Where a page begins.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// After this event.
    #[serde(default)]
    after: i64,
    /// Only those of this task and its items.
    #[serde(default)]
    task: String,
}

#[derive(Serialize)]
struct EventsView {
    events: Vec<Event>,
    first: bool,
    next: Option<i64>,
    /// Whose events are shown; empty: all.
    task: String,
    /// The first of its tasks, to choose from.
    ids: Vec<String>,
}

#[derive(Serialize)]
struct Event {
    seq: i64,
    at: Timestamp,
    /// The task it is about, as addresses have it.
    task: Option<String>,
    sentence: String,
}

/// `GET /runs/{run}/events?after=&task=`
pub(crate) async fn page(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(asked): Query<Asked>,
    Query(did): Query<Did>,
) -> Shown {
    show(&site, "run_events.html", "runs", did, move |desk| {
        let Some(run) = desk.page.run(RunId(run), None)? else { return Ok(None) };
        let (events, next) = events(desk, &run, &asked)?;
        let ids = run.tasks.iter().take(ROWS as usize).map(|task| task.id.clone()).collect();
        let view = EventsView { events, first: asked.after == 0, next, task: asked.task, ids };
        sheet(desk, &run, view).map(Some)
    })
    .await
}

/// Those of one page, and after which the next begins.
fn events(desk: &Desk<'_>, run: &RunShow, asked: &Asked) -> Result<(Vec<Event>, Option<i64>), Fault> {
    let (mut found, mut after) = (Vec::new(), asked.after);
    loop {
        let log = desk.log_of(run, after, ROWS)?;
        let full = log.len() == ROWS as usize;
        found.extend(log.iter().map(|entry| event(run, entry)).filter(|it| it.is_of(&asked.task)));
        match log.last().filter(|_| full) {
            Some(last) if found.len() < ROWS as usize => after = last.seq,
            last => return Ok((found, last.map(|last| last.seq))),
        }
    }
}

impl Event {
    fn is_of(&self, task: &str) -> bool {
        let own = self.task.as_deref().map(|name| name.split('[').next().unwrap_or(name));
        task.is_empty() || own == Some(task)
    }
}

fn event(run: &RunShow, entry: &LogEntry) -> Event {
    let (instance, sentence) = tell(&entry.fact);
    let id = |of: TaskIndex| run.tasks.get(of.at()).map(|task| task.id.clone());
    let task = instance.and_then(|of| {
        let item = of.item_index().map_or_else(String::new, |item| format!("[{item}]"));
        Some(id(of.task)? + &item)
    });
    Event { seq: entry.seq, at: entry.at, task, sentence }
}

/// The task instance that a fact is about, and the fact in words.
fn tell(fact: &Transition) -> (Option<InstanceId>, String) {
    use Transition as Fact;
    match fact {
        Fact::TaskMoved { instance, from, to, reason } => {
            (Some(*instance), format!("{} → {}: {reason}", words(from.as_str()), words(to.as_str())))
        }
        Fact::TaskReasoned { instance, reason } => (Some(*instance), reason.to_string()),
        Fact::TaskMarked { instance, from, to, by, why, .. } => {
            let change = format!("{} → {}", words(from.as_str()), words(to.as_str()));
            (Some(*instance), format!("marked by {by}: {change}{}", because(why.as_deref())))
        }
        Fact::AttemptCreated { attempt } => {
            (Some(attempt.instance), format!("try {} is ordered", attempt.number))
        }
        Fact::AttemptStarted { attempt, pid, .. } => {
            (Some(attempt.instance), format!("try {} starts as process {pid}", attempt.number))
        }
        Fact::AttemptStopping { attempt, reason } => {
            (Some(attempt.instance), format!("try {} is told to end: {reason}", attempt.number))
        }
        Fact::AttemptEnded { attempt, state, reason, outputs, .. } => {
            let values = match outputs.len() {
                0 => String::new(),
                1 => "; puts out 1 value".to_owned(),
                count => format!("; puts out {count} values"),
            };
            let state = words(state.as_str());
            (Some(attempt.instance), format!("try {} ends, {state}: {reason}{values}", attempt.number))
        }
        Fact::Late { task, kind, due, .. } => (
            None,
            match task {
                None => format!("the run {}: {}", kind.claim(), kind.sentence(*due)),
                Some(_) => format!("a task {}: {}", kind.claim(), kind.sentence(*due)),
            },
        ),
        _ => (None, of_run(fact)),
    }
}

/// What concerns the run as a whole.
fn of_run(fact: &Transition) -> String {
    use Transition as Fact;
    match fact {
        Fact::RunCreated { by, reason, .. } => format!("the run is made by {by}; it {reason}"),
        Fact::Ticked { .. } | Fact::MovedTicked { .. } => "its tick fires".to_owned(),
        Fact::BackfillTook { backfill, .. } => format!("backfill {backfill} takes it"),
        Fact::RunMoved { from, to, reason, .. } => format!("the run: {from} → {to}: {reason}"),
        Fact::RunReasoned { reason, .. } => format!("the run: {reason}"),
        Fact::RunCleared { from, to, tasks, by, why, .. } => {
            let count = tasks.len();
            let why = because(why.as_deref());
            format!("{by} runs {count} tasks again; the run: {from} → {to}{why}")
        }
        Fact::GroupRetried { group, number, of, tasks, .. } => {
            format!("group `{group}` runs again, try {number} of {of}: {} tasks", tasks.len())
        }
        Fact::Expanded { tasks, items, .. } => {
            format!("{} tasks are expanded over {} items", tasks.len(), items.len())
        }
        Fact::Noted { text, by, .. } => format!("note of {by}: {text}"),
        Fact::HookDue { on, action, .. } => format!("hook `{}` is due: {action}", on.as_str()),
        Fact::HookTried { number, state, error, .. } => {
            format!("hook, try {number}: {}{}", state.as_str(), because(error.as_deref()))
        }
        // What concerns no run is in the log of none.
        _ => String::new(),
    }
}

fn words(state: &str) -> String {
    state.replace('_', " ")
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(" ({why})")).unwrap_or_default()
}
