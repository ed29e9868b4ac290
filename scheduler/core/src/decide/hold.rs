//! Maintenance windows: while one is open no tick of its DAGs fires and no queued run of them begins. At its
//! end its `resume` says which of the missed instants fire.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::{Answer, Refusal};
use super::reason::Reason;
use super::retime::ChangedTick;
use super::schedule::{OUTAGE_GRACE, next_instant};
use super::state::Timer;
use super::transition::Transition;
use super::turn::Turn;
use crate::id::{DagId, HoldId};
use crate::time::Timestamp;

/// What becomes of the instants that a window held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// Each fires at the end, oldest first.
    All,
    /// Only the newest fires.
    Latest,
    /// None does.
    None,
}

impl Resume {
    /// Its name in SQL, JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Latest => "latest",
            Self::None => "none",
        }
    }

    /// The policy of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::All, Self::Latest, Self::None].into_iter().find(|it| it.as_str() == text)
    }
}

/// A maintenance window that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRequest {
    /// Which DAGs; `None`: all, also those that come later.
    pub dags: Option<Vec<DagId>>,
    /// When it opens; in the past: at once.
    pub from: Timestamp,
    /// When it closes.
    pub to: Timestamp,
    /// What becomes of what it held up.
    pub resume: Resume,
    /// Why, for people.
    pub why: String,
    /// Who asks.
    pub by: String,
}

/// A maintenance window that is not over: the missed instants of its DAGs are not all decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub id: HoldId,
    /// Which DAGs; `None`: all.
    pub dags: Option<Vec<DagId>>,
    /// When it opens.
    pub from: Timestamp,
    /// When it closes.
    pub to: Timestamp,
    /// What becomes of what it held up.
    pub resume: Resume,
    /// Why, for people.
    pub why: String,
}

impl Hold {
    /// True when it is about this DAG.
    pub fn is_about(&self, dag: &DagId) -> bool {
        self.dags.as_ref().is_none_or(|dags| dags.contains(dag))
    }

    /// True between its begin and its end.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Why something waits for it, or was left out by it.
    pub fn reason(&self) -> Reason {
        Reason::Maintenance { hold: self.id, until: self.to, why: self.why.clone() }
    }
}

/// All that people have laid over the schedules: windows, and changes of single ticks.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    pub(super) windows: BTreeMap<HoldId, Hold>,
    pub(super) next: i64,
    pub(super) changes: BTreeMap<(DagId, Timestamp), ChangedTick>,
}

impl Holds {
    fn about<'a>(&'a self, dag: &DagId) -> impl Iterator<Item = &'a Hold> {
        self.windows.values().filter(move |hold| hold.is_about(dag))
    }

    /// The window that is open over a DAG; of several the one that closes last.
    pub(super) fn open(&self, dag: &DagId, at: Timestamp) -> Option<&Hold> {
        self.about(dag).filter(|hold| hold.is_open(at)).max_by_key(|hold| (hold.to, hold.id))
    }

    /// The window that held an instant up which is looked at only now. What a stopped scheduler had missed
    /// just before the window would have fired in it, and so belongs to it too.
    pub(super) fn held_up(&self, dag: &DagId, instant: Timestamp, now: Timestamp) -> Option<&Hold> {
        let over = self.about(dag).filter(|hold| hold.to <= now);
        over.filter(|hold| hold.from.minus(OUTAGE_GRACE) <= instant && instant < hold.to)
            .max_by_key(|hold| (hold.from <= instant, hold.to, hold.id))
    }

    /// When what is due at an instant may happen: then, or when the last window in its way has closed.
    pub(super) fn due(&self, dag: &DagId, instant: Timestamp, now: Timestamp) -> Timestamp {
        let release = |mut at| {
            while let Some(hold) = self.open(dag, at) {
                at = hold.to;
            }
            at
        };
        let due = release(instant);
        // Late, and nothing may happen now either.
        if due <= now && self.open(dag, now).is_some() { release(now) } else { due }
    }
}

impl Turn<'_> {
    pub(super) fn hold_requested(&mut self, request: HoldRequest) -> Answer {
        let HoldRequest { dags, from, to, resume, why, by } = request;
        if let Some(unknown) = dags.iter().flatten().find(|dag| self.state.version(dag).is_none()) {
            return Answer::Refused(Refusal::UnknownDag(unknown.to_string()));
        }
        let from = from.max(self.now);
        let fault = if dags.as_ref().is_some_and(Vec::is_empty) {
            Some("a maintenance window is about at least one DAG")
        } else if to <= self.now {
            Some("a maintenance window ends in the future")
        } else if to <= from {
            Some("a maintenance window ends after it begins")
        } else {
            None
        };
        if let Some(fault) = fault {
            return Answer::Refused(Refusal::BadHold(fault.into()));
        }
        let id = HoldId(self.state.holds.next);
        self.state.holds.next += 1;
        let hold = Hold { id, dags: dags.clone(), from, to, resume, why: why.clone() };
        self.record(Transition::HoldAdded { hold: id, dags, from, to, resume, why, by });
        self.state.holds.windows.insert(id, hold);
        self.arm_hold(id);
        self.refresh_held(id);
        Answer::Hold(id)
    }

    /// Arms the begin and the end of a window.
    pub(super) fn arm_hold(&mut self, id: HoldId) {
        if self.state.schedules {
            let (from, to) = (self.state.holds.windows[&id].from, self.state.holds.windows[&id].to);
            self.arm(from, Timer::HoldBegin(id));
            self.arm(to, Timer::HoldEnd(id));
        }
    }

    /// A window that has begun ends now, and what it held up is decided; another is forgotten.
    pub(super) fn hold_removal_requested(&mut self, id: HoldId, by: String) -> Answer {
        let now = self.now;
        let Some(hold) = self.state.holds.windows.get_mut(&id) else {
            return Answer::Refused(Refusal::UnknownHold(id));
        };
        let begun = hold.from < now;
        hold.to = if begun { now.min(hold.to) } else { hold.from };
        self.record(Transition::HoldRemoved { hold: id, by });
        if begun {
            self.arm(now, Timer::HoldEnd(id));
            self.refresh_held(id);
        } else {
            self.forget_hold(id);
        }
        Answer::Hold(id)
    }

    pub(super) fn hold_begins(&mut self, id: HoldId) {
        if self.state.holds.windows.contains_key(&id) {
            self.refresh_held(id);
        }
    }

    /// A window has closed. It stays known until the ticks that it held up are decided: while another window
    /// holds some of them still, and while some are due; those come before it in the order of timers.
    pub(super) fn hold_ends(&mut self, id: HoldId) {
        let now = self.now;
        let Some(hold) = self.state.holds.windows.get(&id).filter(|hold| hold.to <= now) else { return };
        let dags = self.held_dags(hold);
        let last = dags.iter().map(|dag| self.state.holds.due(dag, now, now)).max().unwrap_or(now);
        let due = dags.iter().filter_map(|dag| self.state.dags[dag].next_tick).filter(|at| *at <= now).max();
        if last > now {
            self.arm(last, Timer::HoldEnd(id));
            self.refresh_held(id);
        } else if let Some(due) = due {
            self.arm(due, Timer::HoldEnd(id));
        } else {
            self.forget_hold(id);
        }
    }

    fn forget_hold(&mut self, id: HoldId) {
        self.record(Transition::HoldEnded { hold: id });
        let Some(hold) = self.state.holds.windows.remove(&id) else { return };
        for dag in self.held_dags(&hold) {
            self.refresh_dag(&dag);
        }
        // Others that have closed may have stayed known for what this one held up still.
        let now = self.now;
        let closed = self.state.holds.windows.values().filter(|it| it.to <= now);
        for id in closed.map(|it| it.id).collect::<Vec<_>>() {
            self.arm(now, Timer::HoldEnd(id));
        }
    }

    fn held_dags(&self, hold: &Hold) -> Vec<DagId> {
        match &hold.dags {
            Some(dags) => dags.iter().filter(|dag| self.state.dags.contains_key(*dag)).cloned().collect(),
            None => self.state.dags.keys().cloned().collect(),
        }
    }

    fn refresh_held(&mut self, id: HoldId) {
        for dag in self.held_dags(&self.state.holds.windows[&id]) {
            self.refresh_dag(&dag);
        }
    }

    /// What waits because of windows, and what does no longer, is as the windows are now.
    fn refresh_dag(&mut self, id: &DagId) {
        let hold = self.state.holds.open(id, self.now).map(Hold::reason);
        self.dag(id).hold = hold;
        self.disarm_tick(id);
        self.arm_tick(id);
        self.tell_queued_runs(id);
        self.admit(id);
    }

    /// Whether an instant that a window held up fires; `None`: none did.
    pub(super) fn resumes(&self, id: &DagId, instant: Timestamp) -> Option<Result<(), Reason>> {
        let hold = self.state.holds.held_up(id, instant, self.now)?;
        let dag = &self.state.dags[id].version.dag;
        let fires = match hold.resume {
            Resume::All => true,
            Resume::Latest => next_instant(dag, instant).is_none_or(|next| next >= hold.to),
            Resume::None => false,
        };
        Some(if fires { Ok(()) } else { Err(hold.reason()) })
    }
}
