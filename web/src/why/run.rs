//! Why a run is where it is, and each of its tasks.

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{Reason, RunState, TaskState};
use nightrun_core::id::HoldId;
use nightrun_core::time::show_duration;
use nightrun_engine::store::{RunFilter, RunShow};

use super::dag::active;
use super::{Asker, Because, Miss, listed, with_lateness};
use crate::problem::Problem;

/// How many runs that are at work, or wait, are looked at.
const RUNS: u32 = 1_000;

impl Asker<'_> {
    /// Of a run and all its tasks that did not succeed; or of the one task that is named.
    pub(crate) fn run(&self, number: i64, only: Option<&str>) -> Result<Vec<Because>, Miss> {
        let run = self.show(number)?;
        let dag = self.spec(run.version)?.map(|dag| run.arrange(dag));
        if let Some(id) = only {
            let task = run.find(id).ok_or_else(|| Problem::no_task(&run, id))?;
            let mut answer = self.task(task, &run, dag.as_deref())?;
            if run.state == RunState::Queued {
                let whole = self.whole(&run, dag.as_deref())?;
                answer.why = format!("{}: {}", answer.why, whole.why);
                answer.unblock = whole.unblock;
            }
            return Ok(vec![answer]);
        }
        let mut answers = vec![self.whole(&run, dag.as_deref())?];
        let unfinished = !run.state.is_final();
        for task in run.instances() {
            if task.state != TaskState::Success && (unfinished || task.state != TaskState::Canceled) {
                answers.push(self.task(task, &run, dag.as_deref())?);
            }
        }
        Ok(answers)
    }

    /// Of a run without its tasks.
    pub(super) fn whole(&self, run: &RunShow, dag: Option<&Dag>) -> Result<Because, Miss> {
        let (what, state) = (format!("run {} of {}", run.run_id, run.dag), run.state.to_string());
        if run.state == RunState::Queued {
            let (why, unblock) = self.queued(run, dag)?;
            let why = with_lateness(why, &run.late);
            return Ok(Because::new(what, state, why, Some(unblock)).of_run(run));
        }
        let reason = run.standstill().unwrap_or_else(|| run.reason.to_string());
        let why = run.groups.iter().fold(reason, |why, it| format!("{why}; {}", it.sentence()));
        Ok(Because::new(what, state, with_lateness(why, &run.late), None).of_run(run))
    }

    /// Why a run does not begin, and what would let it.
    fn queued(&self, run: &RunShow, spec: Option<&Dag>) -> Result<(String, String), Miss> {
        let of = |state| RunFilter { dag: Some(run.dag.clone()), state: Some(state), ..RunFilter::default() };
        let (dag, mut at_work, queued) = self.read(|page| {
            let mut at_work = page.runs(&of(RunState::Running), RUNS)?;
            at_work.extend(page.runs(&of(RunState::Stopping), RUNS)?);
            Ok((page.dag(&run.dag, 0)?, at_work, page.runs(&of(RunState::Queued), RUNS)?))
        })?;
        if let Some(dag) = &dag {
            // The DAG in force decides, in whatever version the run is.
            let spec = if dag.version == run.version { spec } else { None };
            if let Some((_, why, unblock)) = self.hold(dag, spec)? {
                return Ok((
                    format!("DAG {}: {why}", run.dag),
                    format!("{unblock}, `nightrun cancel {}` ends it", run.run_id),
                ));
            }
        }
        at_work.sort_by_key(|other| other.run_id);
        let holders = active(&at_work);
        let place = (run.run_type, run.logical_date, run.run_id);
        let before = queued.iter().filter(|it| (it.run_type, it.logical_date, it.run_id) < place).count();
        let holding = match holders.len() {
            0 => String::new(),
            1 => format!(": {} holds the place", holders[0]),
            _ => format!(": {} hold the places", listed(&holders)),
        };
        let turn = match before {
            0 => match &run.reason {
                Reason::Maintenance { hold, until, .. } => held(run, *hold, until.since(self.now)),
                _ => "it begins when one of them ends".to_owned(),
            },
            1 => "one queued run goes first, then it begins".to_owned(),
            count => format!("{count} queued runs go first, then it begins"),
        };
        let end = at_work.first().map(|first| format!("; `nightrun cancel {}` makes room", first.run_id));
        Ok((format!("{}{holding}", run.reason), format!("{turn}{}", end.unwrap_or_default())))
    }
}

/// What lets a run begin that a maintenance window holds.
fn held(run: &RunShow, hold: HoldId, left: std::time::Duration) -> String {
    let dag = &run.dag;
    format!(
        "it begins in {}; `nightrun hold remove {hold}` ends the window, `nightrun trigger {dag} --force` runs in spite of it",
        show_duration(left)
    )
}
