//! DAGs come into force, their schedules tick, people pause them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::effect::{Answer, Refusal};
use super::event::{DagText, RunType, Values};
use super::hold::Hold;
use super::reason::Reason;
use super::run::NewRun;
use super::state::{DagEntry, Timer, Version};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::{CatchupPolicy, Dag};
use crate::id::{DagId, VersionId};
use crate::time::Timestamp;
use crate::timetable::Timetable;

/// With `catchup: none`, ticks that a stopped scheduler missed by no more than this still fire: a
/// restart over 01:30 must not cost the night its batch.
pub const OUTAGE_GRACE: Duration = Duration::from_mins(10);

/// How many ticks of one DAG are taken in one step; the rest follow in the next ones.
const TICKS_PER_STEP: usize = 1_000;

impl Turn<'_> {
    pub(super) fn dags_read(
        &mut self,
        read: Vec<DagText>,
        gone: Vec<DagId>,
        faults: Vec<(String, Json)>,
    ) -> Option<Answer> {
        for (path, faults) in faults {
            self.record(Transition::FaultsFound { path, faults });
        }
        for text in read {
            self.load_dag(text);
        }
        for dag in gone {
            self.retire_dag(&dag);
        }
        None
    }

    fn load_dag(&mut self, text: DagText) {
        let id = text.dag.id.clone();
        let known = self.state.dags.get(&id);
        let was_held = known.is_none_or(|entry| entry.retired || !entry.version.dag.enabled);
        if known.is_some_and(|entry| entry.version.hash == text.hash && !entry.retired) {
            return;
        }
        let same_schedule =
            known.is_some_and(|entry| fingerprint(&entry.version.dag) == fingerprint(&text.dag));
        let cursor = match known {
            None => first_cursor(&text.dag, self.now),
            Some(entry) if same_schedule && (!was_held || catches_up(&text.dag)) => entry.cursor,
            Some(entry) => self.now.max(entry.cursor),
        };
        // What ticked once never ticks again, though the DAG was gone meanwhile or the clock was set back.
        let cursor = self.state.cursors.get(&id).map_or(cursor, |seen| cursor.max(*seen));
        let paused = known.is_some_and(|entry| entry.paused);
        let version = VersionId(self.state.next_version);
        self.state.next_version += 1;
        self.record(Transition::DagLoaded {
            dag: id.clone(),
            version,
            hash: text.hash.clone(),
            path: text.path.clone(),
            text: text.text,
            tasks: text.dag.tasks.iter().map(|task| task.id.clone()).collect(),
            schedule: fingerprint(&text.dag),
            cursor,
        });
        let version = Arc::new(Version::new(version, text.hash, text.path, text.dag));
        self.disarm_tick(&id);
        let (active, queued) =
            self.state.dags.remove(&id).map(|entry| (entry.active, entry.queued)).unwrap_or_default();
        let entry = DagEntry {
            version,
            paused,
            retired: false,
            hold: self.state.holds.open(&id, self.now).map(Hold::reason),
            cursor,
            next_tick: None,
            active,
            queued,
        };
        self.state.dags.insert(id.clone(), entry);
        self.arm_tick(&id);
        self.tell_queued_runs(&id);
        self.admit(&id);
    }

    fn retire_dag(&mut self, id: &DagId) {
        if self.state.dags.get(id).is_some_and(|entry| !entry.retired) {
            self.disarm_tick(id);
            self.dag(id).retired = true;
            self.record(Transition::DagRetired { dag: id.clone() });
            self.tell_queued_runs(id);
        }
    }

    pub(super) fn pause_requested(&mut self, dag: Option<DagId>, paused: bool, by: String) -> Answer {
        let touched: Vec<DagId> = match &dag {
            Some(id) if self.state.version(id).is_none() => {
                return Answer::Refused(Refusal::UnknownDag(id.to_string()));
            }
            Some(id) => {
                if std::mem::replace(&mut self.dag(id).paused, paused) == paused {
                    return Answer::Done;
                }
                vec![id.clone()]
            }
            None => {
                if std::mem::replace(&mut self.state.paused, paused) == paused {
                    return Answer::Done;
                }
                self.state.dags.keys().cloned().collect()
            }
        };
        self.record(Transition::Paused { dag, paused, by });
        for id in touched {
            self.disarm_tick(&id);
            self.arm_tick(&id);
            self.tell_queued_runs(&id);
            self.admit(&id);
        }
        Answer::Done
    }

    /// Tells anew why the queued runs of a DAG wait.
    pub(super) fn tell_queued_runs(&mut self, id: &DagId) {
        let entry = &self.state.dags[id];
        let reason = entry.why_queued(self.state.paused);
        for (_, _, run) in entry.queued.clone() {
            if self.run(run).reason != reason {
                self.run(run).reason = reason.clone();
                self.record(Transition::RunReasoned { run, reason: reason.clone() });
            }
        }
    }

    /// Turns the instants of a schedule that are due into ticks: runs, or skips with their reason.
    pub(super) fn ticks_due(&mut self, id: &DagId) {
        let now = self.now;
        self.dag(id).next_tick = None;
        if self.state.holds.open(id, now).is_some() {
            return self.arm_tick(id);
        }
        let entry = self.dag(id);
        let version = entry.version.clone();
        let Some(timetable) = &version.dag.timetable else { return };
        let mut due = Vec::new();
        let mut cursor = entry.cursor;
        while let Some(at) = next_instant(&version.dag, cursor).filter(|at| *at <= now)
            && due.len() < TICKS_PER_STEP
        {
            due.push(at);
            cursor = at;
        }
        let fire_from = fire_from(&version.dag, timetable, &due, now);
        for instant in due {
            self.dag(id).cursor = instant;
            if self.is_retimed(id, instant) {
                continue;
            }
            let fires = self.resumes(id, instant);
            let by_catchup = || if instant >= fire_from { Ok(()) } else { Err(Reason::Catchup) };
            self.tick(id, timetable, instant, fires.unwrap_or_else(by_catchup));
        }
        self.arm_tick(id);
    }

    fn tick(&mut self, id: &DagId, timetable: &Timetable, instant: Timestamp, fires: Result<(), Reason>) {
        let held = self.state.dags[id].is_held(self.state.paused);
        let outcome = if held {
            Err(Reason::Paused)
        } else if let Err(reason) = fires {
            Err(reason)
        } else {
            let dag = self.state.dags[id].version.dag.clone();
            let new = NewRun {
                run_type: RunType::Scheduled,
                logical_date: instant,
                interval: (timetable.previous_before(instant).unwrap_or(instant), instant),
                params: dag.resolve_params(&Values::new()).unwrap_or_default(),
                force: false,
                by: "schedule".into(),
            };
            self.make_run(id, new).map_err(|limit| Reason::Overlap { limit })
        };
        let (run, skipped) = match outcome {
            Ok(run) => (Some(run), None),
            Err(reason) => (None, Some(reason)),
        };
        self.record(Transition::Ticked { dag: id.clone(), instant, run, skipped });
    }

    /// Arms the timer of a DAG's next tick. While a DAG that catches up is paused none is armed: its
    /// cursor stays, and what it missed is looked at when it goes on.
    pub(super) fn arm_tick(&mut self, id: &DagId) {
        let entry = &self.state.dags[id];
        let dag = &entry.version.dag;
        let asleep = !self.state.schedules
            || entry.retired
            || !dag.enabled
            || (catches_up(dag) && entry.is_held(self.state.paused));
        let next = if asleep { None } else { next_instant(dag, entry.cursor) };
        let next = next.map(|at| self.state.holds.due(id, at, self.now));
        if let Some(at) = next {
            self.arm(at, Timer::Tick(id.clone()));
        }
        self.dag(id).next_tick = next;
        self.arm_moved_ticks(id);
    }

    pub(super) fn disarm_tick(&mut self, id: &DagId) {
        if let Some(entry) = self.state.dags.get_mut(id)
            && let Some(at) = entry.next_tick.take()
        {
            self.disarm(at, Timer::Tick(id.clone()));
        }
    }

    pub(super) fn dag(&mut self, id: &DagId) -> &mut DagEntry {
        self.state.dags.get_mut(id).expect("a DAG that is worked on is known")
    }
}

fn fingerprint(dag: &Dag) -> String {
    dag.timetable.as_ref().map(Timetable::fingerprint).unwrap_or_default()
}

/// The first instant of a DAG's schedule after `cursor`, between its start and its end.
pub(super) fn next_instant(dag: &Dag, cursor: Timestamp) -> Option<Timestamp> {
    let before_start = dag.start.map(|start| start.minus(Duration::from_nanos(1)));
    let after = before_start.map_or(cursor, |start| start.max(cursor));
    dag.timetable.as_ref()?.next_after(after).filter(|at| dag.end.is_none_or(|end| *at <= end))
}

pub(super) fn catches_up(dag: &Dag) -> bool {
    dag.catchup.policy != CatchupPolicy::None
}

/// Where a DAG that was never seen begins to look at its schedule: now, unless it catches up.
fn first_cursor(dag: &Dag, now: Timestamp) -> Timestamp {
    if !catches_up(dag) {
        return now;
    }
    let begin = dag.start.map(|start| start.minus(Duration::from_nanos(1)));
    let oldest = dag.catchup.window.map(|window| now.minus(window));
    begin.into_iter().chain(oldest).max().unwrap_or(now).min(now)
}

/// The oldest instant that still fires; those due before it are skipped.
fn fire_from(dag: &Dag, timetable: &Timetable, due: &[Timestamp], now: Timestamp) -> Timestamp {
    let always = Timestamp::from_nanos(i64::MIN);
    let by_window = dag.catchup.window.map_or(always, |window| now.minus(window));
    let newest = |count: u32| {
        let last = dag.end.map_or(now, |end| end.min(now));
        let just_after_now = Timestamp::from_nanos(last.nanos().saturating_add(1));
        let back = |at: Timestamp| timetable.previous_before(at).unwrap_or(at);
        (0..count).fold(just_after_now, |at, _| back(at))
    };
    match dag.catchup.policy {
        CatchupPolicy::None => now.minus(OUTAGE_GRACE),
        CatchupPolicy::Latest if due.len() == 1 => by_window,
        CatchupPolicy::All if due.len() < TICKS_PER_STEP.min(dag.catchup.limit as usize) => by_window,
        CatchupPolicy::Latest => newest(1).max(by_window),
        CatchupPolicy::All => newest(dag.catchup.limit).max(by_window),
    }
}
