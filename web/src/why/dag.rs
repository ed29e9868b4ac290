//! Why a DAG fires or does not, and what became of its ticks.

use nightrun_core::dag::spec::{CatchupPolicy, Dag};
use nightrun_core::decide::{Reason, RunState};
use nightrun_core::id::DagId;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_core::timetable::Timetable;
use nightrun_engine::store::{DagItem, Pause, RunFilter, RunItem, TickItem};

use super::{Asker, Because, Miss};
use crate::problem::Problem;

/// How many runs are looked through for those that are not over.
const RUNS: u32 = 50;

/// How many ticks are looked through for the one that is asked for.
const TICKS: u32 = 1_000;

impl Asker<'_> {
    /// Of a DAG, its last tick if that was skipped, and its runs that are not over; or of the tick that is named.
    pub(crate) fn dag(&self, name: &str, tick: Option<&str>) -> Result<Vec<Because>, Miss> {
        let id = DagId::from(name);
        let filter = RunFilter { dag: Some(id.clone()), ..RunFilter::default() };
        let (dag, runs, ticks) = self.read(|page| {
            let depth = if tick.is_some() { TICKS } else { 1 };
            Ok((page.dag(&id, 0)?, page.runs(&filter, RUNS)?, page.ticks(&id, None, depth)?))
        })?;
        let Some(dag) = dag else {
            return Err(Problem::not_found(format!("there is no DAG `{name}`")).into());
        };
        let spec = self.spec(dag.version)?;
        if let Some(text) = tick {
            return Ok(vec![self.tick_of(&dag, spec.as_deref(), &ticks, text)?]);
        }
        let mut answers = vec![self.schedule(&dag, spec.as_deref())?];
        answers.extend(ticks.first().and_then(|tick| skipped(&dag, spec.as_deref(), tick)));
        for run in runs.iter().filter(|run| !run.state.is_final()) {
            answers.extend(self.run(run.run_id.0, None)?.into_iter().take(1));
        }
        Ok(answers)
    }

    fn schedule(&self, dag: &DagItem, spec: Option<&Dag>) -> Result<Because, Miss> {
        let what = format!("DAG {}", dag.dag);
        if let Some((state, why, unblock)) = self.hold(dag, spec)? {
            return Ok(Because::new(what, state, why, Some(unblock)));
        }
        let next = spec.and_then(|spec| spec.instants_after(self.now).next());
        let ended = |at: Timestamp| spec.and_then(|spec| spec.end).is_some_and(|end| at > end);
        let (why, unblock) = match (spec, next) {
            (Some(spec), _) if spec.timetable.is_none() => {
                let unblock = format!("`nightrun trigger {}` runs it", dag.dag);
                ("it has no schedule: it runs only when asked to".to_owned(), Some(unblock))
            }
            (Some(spec), _) if spec.timetable.as_ref().is_some_and(Timetable::is_continuous) => {
                ("it runs again whenever its last run has ended".to_owned(), None)
            }
            (_, Some(next)) if !ended(next) => {
                let overlay = self.read(|page| page.overlay(&dag.dag))?;
                let plain = || format!("it fires next at {next}, in {}", show_duration(next.since(self.now)));
                let noted = |note| format!("its next tick, at {next}: {note}");
                (overlay.note(next).map_or_else(plain, noted), None)
            }
            _ => {
                let unblock = format!("a later `end_date` in {} would let it", dag.path);
                ("its schedule does not fire any more".to_owned(), Some(unblock))
            }
        };
        Ok(Because::new(what, "in force", why, unblock))
    }

    /// What keeps all runs of a DAG from beginning: in one word, in a sentence, and the cure.
    pub(super) fn hold(
        &self,
        dag: &DagItem,
        spec: Option<&Dag>,
    ) -> Result<Option<(&'static str, String, String)>, Miss> {
        let id = &dag.dag;
        if dag.retired {
            let why = "no file defines it any more".to_owned();
            return Ok(Some(("retired", why, format!("put {} back", dag.path))));
        }
        let (everything, all, one) = self.read(|page| {
            let everything = page.everything_paused()?;
            let all = if everything { page.last_pause(None)? } else { None };
            let one = if dag.paused { page.last_pause(Some(id))? } else { None };
            Ok((everything, all, one))
        })?;
        let who = |pause: Option<Pause>| {
            pause.map_or_else(String::new, |Pause { at, by, why }| {
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                format!(" by {by} at {}{why}", at.to_chrono().format("%F %T"))
            })
        };
        if everything {
            let cure = if dag.paused {
                format!("`nightrun unpause --all` and `nightrun unpause {id}` let it go on")
            } else {
                "`nightrun unpause --all` lets it go on".to_owned()
            };
            return Ok(Some(("paused", format!("everything was paused{}", who(all)), cure)));
        }
        if dag.paused {
            let cure = format!("`nightrun unpause {id}` lets it go on");
            return Ok(Some(("paused", format!("it was paused{}", who(one)), cure)));
        }
        if spec.is_some_and(|spec| !spec.enabled) {
            let why = format!("{} says `enabled: false`", dag.path);
            return Ok(Some(("disabled", why, "`enabled: true` lets it go on".to_owned())));
        }
        Ok(None)
    }

    fn tick_of(
        &self,
        dag: &DagItem,
        spec: Option<&Dag>,
        ticks: &[TickItem],
        text: &str,
    ) -> Result<Because, Miss> {
        let at = spec.and_then(|spec| spec.zone.read_instant(text)).ok_or_else(|| {
            Problem::not_found(format!("`{text}` is no date; after a DAG, name one of its ticks, or nothing"))
        })?;
        let what = format!("tick {at} of {}", dag.dag);
        if let Some(tick) = ticks.iter().find(|tick| tick.instant == at) {
            return Ok(skipped(dag, spec, tick).unwrap_or_else(|| {
                let run = tick.run_id.map_or_else(String::new, |run| format!("it fired run {run}"));
                Because::new(what, "success", run, None)
            }));
        }
        let unblock = Some(by_hand(dag, at));
        let just_before = at.minus(std::time::Duration::from_nanos(1));
        let is_tick = spec.is_some_and(|spec| spec.instants_after(just_before).next() == Some(at));
        let (state, why) = match is_tick {
            true if at > self.now => {
                ("waiting", format!("it is due in {}", show_duration(at.since(self.now))))
            }
            true => ("unknown", "the store holds nothing of it: the DAG was not scheduled then".to_owned()),
            false => ("no tick", "the schedule does not fire then".to_owned()),
        };
        Ok(Because::new(what, state, why, unblock))
    }
}

/// Why a tick fired no run; `None`: it fired one.
fn skipped(dag: &DagItem, spec: Option<&Dag>, tick: &TickItem) -> Option<Because> {
    let reason = tick.skipped.as_ref()?;
    let also = match reason {
        Reason::Catchup => match spec.map(|spec| spec.catchup.policy) {
            Some(CatchupPolicy::Latest) => "; `catchup: all` would have run it",
            Some(CatchupPolicy::All) => "",
            _ => "; `catchup: latest` or `all` would have run it",
        },
        Reason::Overlap { .. } => "; `overlap: queue` would have let it wait",
        _ => "",
    };
    let what = format!("tick {} of {}", tick.instant, dag.dag);
    let unblock = format!("{}{also}", by_hand(dag, tick.instant));
    Some(Because::new(what, "skipped", reason.to_string(), Some(unblock)))
}

fn by_hand(dag: &DagItem, at: Timestamp) -> String {
    format!("`nightrun trigger {} --at {at}` runs it now", dag.dag)
}

/// The runs of a DAG that are at work.
pub(super) fn active(runs: &[RunItem]) -> Vec<String> {
    let at_work = runs.iter().filter(|run| matches!(run.state, RunState::Running | RunState::Stopping));
    at_work.map(|run| format!("run {} ({})", run.run_id, run.state)).collect()
}
