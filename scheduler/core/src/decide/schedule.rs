//! DAGs come into force, their schedules tick, people pause them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::effect::{Answer, Refusal};
use super::event::{DagText, RunType, Values};
use super::hold::Hold;
use super::part::Part;
use super::reason::Reason;
use super::run::NewRun;
use super::state::{DagEntry, Timer, Version};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::{CatchupPolicy, Dag};
use crate::id::{DagId, RunId, VersionId};
use crate::time::Timestamp;
use crate::timetable::{Tick, Timetable, jittered};

/// With `catchup: none`, ticks that a stopped scheduler missed by no more than this still fire: a
/// restart over 01:30 must not cost the night its batch.
pub const OUTAGE_GRACE: Duration = Duration::from_mins(10);

/// A continuous DAG begins its runs at least so far apart, however soon they end.
const CONTINUOUS_PACE: Duration = Duration::from_secs(1);

/// How far the schedule of a DAG has been looked at that fires when it is first loaded, until it has.
const NEVER_LOOKED: Timestamp = Timestamp::from_nanos(0);

const NANOSECOND: Duration = Duration::from_nanos(1);

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
        let schedule = fingerprint(&text.dag);
        let same_schedule = known.is_some_and(|entry| entry.schedule == schedule);
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
            defaults: text.defaults,
            tasks: text.dag.tasks.iter().map(|task| task.id.clone()).collect(),
            schedule: schedule.clone(),
            cursor,
        });
        let version = Arc::new(Version::new(version, text.hash, text.path, text.dag));
        self.disarm_tick(&id);
        let before = self.state.dags.remove(&id);
        let (active, queued, past_limit) =
            before.map(|entry| (entry.active, entry.queued, entry.past_limit)).unwrap_or_default();
        let entry = DagEntry {
            version,
            schedule,
            paused,
            retired: false,
            hold: self.state.holds.open(&id, self.now).map(Hold::reason),
            cursor,
            next_tick: None,
            active,
            queued,
            past_limit,
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

    pub(super) fn pause_requested(
        &mut self,
        dag: Option<DagId>,
        paused: bool,
        (by, why): (String, Option<String>),
    ) -> Answer {
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
        self.record(Transition::Paused { dag, paused, by, why });
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
        let Some(armed) = self.dag(id).next_tick.take() else { return };
        if self.state.holds.open(id, now).is_some() {
            return self.arm_tick(id);
        }
        let entry = self.dag(id);
        let (version, cursor) = (entry.version.clone(), entry.cursor);
        let Some(timetable) = &version.dag.timetable else { return };
        if timetable.is_once() || timetable.is_continuous() {
            let instant = timetable.once_at().unwrap_or(armed);
            let begin = if timetable.is_once() { instant } else { cursor.min(instant) };
            self.dag(id).cursor = instant;
            self.tick(id, instant, (begin, instant), None);
        } else {
            let due = ticks_due(&version.dag, cursor, now);
            let missed = Missed::new(&version.dag, timetable, &due, now);
            for tick in due {
                self.dag(id).cursor = tick.at;
                let key = (id.clone(), tick.at);
                if self.state.ahead.remove(&key) {
                    self.state.holds.changes.remove(&key);
                    continue;
                }
                if self.is_retimed(id, tick.at) {
                    continue;
                }
                let begin = timetable.previous_before(tick.at).unwrap_or(tick.at);
                let holiday = tick.skipped.as_ref().map(|off| Reason::Holiday {
                    day: off.day.to_string(),
                    calendar: off.calendar.to_string(),
                });
                let late = match self.resumes(id, tick.at) {
                    Some(resumed) => resumed.err(),
                    None => (!missed.fires(id, &tick)).then_some(Reason::Catchup),
                };
                self.tick(id, tick.at, (begin, tick.at), holiday.or(late));
            }
        }
        self.arm_tick(id);
    }

    fn tick(
        &mut self,
        id: &DagId,
        instant: Timestamp,
        interval: (Timestamp, Timestamp),
        skipped: Option<Reason>,
    ) {
        let held = self.state.dags[id].is_held(self.state.paused);
        let outcome = match skipped {
            Some(reason @ Reason::Holiday { .. }) => Err(reason),
            _ if held => Err(Reason::Paused),
            Some(reason) => Err(reason),
            None => self.fire(id, instant, interval),
        };
        let (run, skipped) = match outcome {
            Ok(run) => (Some(run), None),
            Err(reason) => (None, Some(reason)),
        };
        self.record(Transition::Ticked { dag: id.clone(), instant, run, skipped });
    }

    /// Makes the run of a tick, unless `overlap` leaves it out.
    pub(super) fn fire(
        &mut self,
        id: &DagId,
        instant: Timestamp,
        interval: (Timestamp, Timestamp),
    ) -> Result<RunId, Reason> {
        let dag = self.state.dags[id].version.dag.clone();
        let new = NewRun {
            run_type: RunType::Scheduled,
            logical_date: instant,
            interval,
            params: dag.resolve_params(&Values::new()).unwrap_or_default(),
            force: false,
            by: "schedule".into(),
            part: Part::default(),
            backfill: None,
            parent: None,
            past_limit: false,
        };
        self.make_run(id, new).map_err(|limit| Reason::Overlap { limit })
    }

    /// A DAG without pause begins its next run when the last one has ended.
    pub(super) fn go_on(&mut self, id: &DagId) {
        let timetable = &self.state.dags[id].version.dag.timetable;
        if timetable.as_ref().is_some_and(Timetable::is_continuous) {
            self.disarm_tick(id);
            self.arm_tick(id);
        }
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
        let next = if asleep { None } else { next_moment(entry, self.now) };
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

/// The first instant of a DAG's schedule after `cursor` that fires.
pub(super) fn next_instant(dag: &Dag, cursor: Timestamp) -> Option<Timestamp> {
    dag.instants_after(cursor).next()
}

/// When the next tick of a DAG fires.
fn next_moment(entry: &DagEntry, now: Timestamp) -> Option<Timestamp> {
    let dag = &entry.version.dag;
    let timetable = dag.timetable.as_ref()?;
    if timetable.is_continuous() {
        let idle = entry.active.is_empty() && entry.queued.is_empty();
        let next = dag.start.into_iter().chain([now, entry.cursor.plus(CONTINUOUS_PACE)]).max();
        return next.filter(|at| idle && dag.end.is_none_or(|end| *at <= end));
    }
    if timetable.is_once() && timetable.once_at().is_none() {
        return (entry.cursor == NEVER_LOOKED).then_some(now);
    }
    let tick = dag.next_tick_after(entry.cursor)?;
    Some(jittered(dag.id.as_str(), tick.at, tick.jitter))
}

/// The ticks whose time to fire has come, as many as one step takes.
fn ticks_due(dag: &Dag, cursor: Timestamp, now: Timestamp) -> Vec<Tick> {
    let next = |cursor| {
        let tick = dag.next_tick_after(cursor)?;
        (jittered(dag.id.as_str(), tick.at, tick.jitter) <= now).then_some(tick)
    };
    std::iter::successors(next(cursor), |tick| next(tick.at)).take(TICKS_PER_STEP).collect()
}

/// Its ticks wait while it is held, and are looked at when it goes on.
pub(super) fn catches_up(dag: &Dag) -> bool {
    let waits = |timetable: &Timetable| timetable.is_once() || timetable.is_continuous();
    dag.catchup.policy != CatchupPolicy::None || dag.timetable.as_ref().is_some_and(waits)
}

/// Where a DAG that was never seen begins to look at its schedule: now, unless it catches up.
fn first_cursor(dag: &Dag, now: Timestamp) -> Timestamp {
    if let Some(timetable) = dag.timetable.as_ref().filter(|it| it.is_once() || it.is_continuous()) {
        return match timetable.once_at() {
            Some(at) => at.minus(NANOSECOND).min(now),
            None if timetable.is_once() => NEVER_LOOKED,
            None => now.minus(CONTINUOUS_PACE),
        };
    }
    if !catches_up(dag) {
        return now;
    }
    let begin = dag.start.map(|start| start.minus(NANOSECOND));
    let oldest = dag.catchup.window.map(|window| now.minus(window));
    begin.into_iter().chain(oldest).max().unwrap_or(now).min(now)
}

/// Which of the ticks that are due still fire; the others are skipped.
struct Missed {
    /// None that should have fired before this moment.
    moment: Timestamp,
    /// None of an instant before this one.
    instant: Timestamp,
}

impl Missed {
    fn new(dag: &Dag, timetable: &Timetable, due: &[Tick], now: Timestamp) -> Self {
        const ALWAYS: Timestamp = Timestamp::from_nanos(i64::MIN);
        let moment = match (dag.catchup.policy, dag.catchup.window) {
            (CatchupPolicy::None, _) => now.minus(OUTAGE_GRACE),
            (_, Some(window)) => now.minus(window),
            (_, None) => ALWAYS,
        };
        let newest = |count: u32| {
            if due.len() < TICKS_PER_STEP {
                let mut firing = due.iter().rev().filter(|tick| tick.skipped.is_none());
                return firing.nth(count as usize - 1).map_or(ALWAYS, |tick| tick.at);
            }
            let last = dag.end.map_or(now, |end| end.min(now));
            let back = |at: Timestamp| timetable.previous_before(at).unwrap_or(at);
            (0..count).fold(last.plus(NANOSECOND), |at, _| back(at))
        };
        let instant = match dag.catchup.policy {
            CatchupPolicy::None => ALWAYS,
            CatchupPolicy::Latest => newest(1),
            CatchupPolicy::All => newest(dag.catchup.limit),
        };
        Self { moment, instant }
    }

    fn fires(&self, dag: &DagId, tick: &Tick) -> bool {
        tick.at >= self.instant && jittered(dag.as_str(), tick.at, tick.jitter) >= self.moment
    }
}
