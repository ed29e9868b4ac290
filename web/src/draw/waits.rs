//! When the tasks of a run waited, and what for: told from its log, or, where that is too long to read for one
//! page, as far as the tables tell it.

use std::collections::BTreeMap;

use nightrun_core::decide::{Reason, TaskState, Transition};
use nightrun_core::id::{InstanceId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{LogEntry, RunShow, TaskShow};
use serde::Serialize;

/// What a task waits for, as people tell waits apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WaitKind {
    /// Other tasks of its run.
    Upstream,
    /// A slot, or one of the limits of its run.
    Slot,
    /// A slot of a pool.
    Pool,
    /// Its next try.
    Retry,
    /// Runs of other DAGs.
    Runs,
    /// Something else, or nobody knows any more.
    Other,
}

impl WaitKind {
    /// The class that gives it its fill.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Slot => "slot",
            Self::Pool => "pool",
            Self::Retry => "retry",
            Self::Runs => "runs",
            Self::Other => "other",
        }
    }

    /// What it says in a legend, and before a length of time.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Upstream => "waited for upstream tasks",
            Self::Slot => "waited for a slot",
            Self::Pool => "waited for a pool",
            Self::Retry => "waited for its next try",
            Self::Runs => "waited for other runs",
            Self::Other => "waited",
        }
    }

    /// What a task in this state waits for; nothing: it does not wait.
    fn of(state: TaskState, reason: &Reason) -> Option<Self> {
        match (state, reason) {
            (TaskState::UpForRetry, _) | (TaskState::Waiting, Reason::GroupRetry { .. }) => Some(Self::Retry),
            (TaskState::Deferred, _) => Some(Self::Runs),
            (TaskState::Waiting, Reason::Upstream) => Some(Self::Upstream),
            (TaskState::Waiting | TaskState::Queued, reason) => Some(match reason {
                Reason::Slots | Reason::MaxActiveTasks { .. } | Reason::MaxParallel { .. } => Self::Slot,
                Reason::Pool { .. } | Reason::PoolTooSmall { .. } => Self::Pool,
                Reason::Waits { .. } | Reason::Called { .. } => Self::Runs,
                _ => Self::Other,
            }),
            _ => None,
        }
    }
}

/// One stretch of waiting; without an end it goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wait {
    pub(crate) from: Timestamp,
    pub(crate) to: Option<Timestamp>,
    pub(crate) kind: WaitKind,
}

/// The waits of all task instances, or nothing where only the tables can tell.
#[derive(Debug)]
pub(crate) struct Waits {
    told: Option<BTreeMap<(TaskIndex, u32), Vec<Wait>>>,
}

impl Waits {
    /// Reads them out of the whole log of a run.
    pub(crate) fn of_log(run: &RunShow, log: &[LogEntry]) -> Self {
        let begin = run.started_at.unwrap_or(run.created_at);
        let first = |task: &TaskShow| {
            let wait = Wait { from: begin, to: None, kind: WaitKind::Upstream };
            ((task.task, 0), Teller { state: TaskState::Waiting, waits: vec![wait] })
        };
        let mut told: BTreeMap<(TaskIndex, u32), Teller> = run.tasks.iter().map(first).collect();
        for entry in log {
            tell(&mut told, entry);
        }
        Self { told: Some(told.into_iter().map(|(place, teller)| (place, teller.waits)).collect()) }
    }

    /// Only what the tables hold.
    pub(crate) fn untold() -> Self {
        Self { told: None }
    }

    /// The waits of one task instance, in their order. `ready`: when its last upstream had ended.
    pub(crate) fn of(&self, task: &TaskShow, ready: Timestamp) -> Vec<Wait> {
        match &self.told {
            Some(told) => {
                told.get(&(task.task, task.item.map_or(0, |item| item + 1))).cloned().unwrap_or_default()
            }
            None => guess(task, ready),
        }
    }
}

struct Teller {
    state: TaskState,
    waits: Vec<Wait>,
}

impl Teller {
    fn end(&mut self, at: Timestamp) {
        if let Some(open) = self.waits.last_mut().filter(|wait| wait.to.is_none()) {
            open.to = Some(at.max(open.from));
        }
    }

    fn goes(&mut self, at: Timestamp, to: TaskState, reason: &Reason) {
        self.end(at);
        self.state = to;
        self.waits.extend(WaitKind::of(to, reason).map(|kind| Wait { from: at, to: None, kind }));
    }
}

fn tell(told: &mut BTreeMap<(TaskIndex, u32), Teller>, entry: &LogEntry) {
    let at = entry.at;
    let mut of = |instance: &InstanceId, then: &dyn Fn(&mut Teller)| {
        let new = || Teller { state: TaskState::Waiting, waits: Vec::new() };
        then(told.entry((instance.task, instance.item)).or_insert_with(new));
    };
    match &entry.fact {
        Transition::TaskMoved { instance, to, reason, .. } => of(instance, &|it| it.goes(at, *to, reason)),
        Transition::TaskReasoned { instance, reason } => of(instance, &|it| it.goes(at, it.state, reason)),
        Transition::AttemptCreated { attempt } => of(&attempt.instance, &|it| {
            it.end(at);
            it.state = TaskState::Starting;
        }),
        Transition::TaskMarked { instance, .. } => of(instance, &|it| it.end(at)),
        Transition::RunCleared { tasks, expanded, .. } | Transition::GroupRetried { tasks, expanded, .. } => {
            for (instance, _) in tasks.iter().chain(expanded) {
                of(instance, &|it| it.goes(at, TaskState::Waiting, &Reason::Upstream));
            }
        }
        // The other facts neither begin nor end a wait.
        _ => {}
    }
}

/// Before the first try nobody knows; between two it was the retry; what goes on is told by its reason.
fn guess(task: &TaskShow, ready: Timestamp) -> Vec<Wait> {
    let mut waits = Vec::new();
    let mut from = ready;
    for (at, attempt) in task.attempts.iter().enumerate() {
        let kind = if at == 0 { WaitKind::Other } else { WaitKind::Retry };
        waits.push(Wait { from, to: Some(attempt.started_at.unwrap_or(attempt.created_at)), kind });
        from = attempt.ended_at.unwrap_or(from);
    }
    let open = WaitKind::of(task.state, &task.reason).filter(|kind| *kind != WaitKind::Upstream);
    waits.extend(open.map(|kind| Wait { from, to: None, kind }));
    waits
}
