//! What would end a wait for another run.

use nightrun_core::dag::spec::{Dag, Matching, Wait};
use nightrun_core::decide::{Reason, RunState};
use nightrun_core::id::RunId;
use nightrun_core::template::nearest;
use nightrun_core::time::Timestamp;
use nightrun_engine::run::absent;
use nightrun_engine::store::{RunShow, TaskShow};

use super::{Asker, Miss};

/// Most DAGs that a name is compared with.
const DAGS: u32 = 1_000;

impl Asker<'_> {
    /// What lets a task go on that waits for a run, or for one that is not there.
    pub(super) fn wait(&self, task: &TaskShow, run: &RunShow, dag: &Dag) -> Result<Option<String>, Miss> {
        let waits = &dag.task(task.task).waits;
        match &task.reason {
            Reason::Waits { what, run: Some(awaited) } => {
                let of_task = |wait: &&Wait| {
                    let said = wait.task.as_ref().map(|id| format!("task `{id}` of run "));
                    said.is_some_and(|said| what.starts_with(&said))
                };
                self.run_awaited(*awaited, waits.iter().find(of_task)).map(Some)
            }
            Reason::Waits { what, run: None } | Reason::WaitTimedOut { what } => {
                let wait = waits.iter().find(|wait| what.contains(&absent(wait, run.logical_date)));
                wait.map_or(Ok(None), |wait| self.run_missing(wait, run.logical_date).map(Some))
            }
            _ => Ok(None),
        }
    }

    fn run_awaited(&self, number: RunId, wait: Option<&Wait>) -> Result<String, Miss> {
        let run = self.show(number.0)?;
        if !self.covers(run.dag.as_str()) {
            return Ok("it is a run of a DAG that is not granted to you".to_owned());
        }
        let task = wait.and_then(|wait| wait.task.as_deref());
        if let Some((wait, id)) = wait.zip(task)
            && run.find(id).is_none()
        {
            return Ok(match self.no_such(wait)? {
                Some(missing) => missing,
                None => format!(
                    "run {number} has no task `{id}`: `nightrun rerun {number}` of the DAG as it is may"
                ),
            });
        }
        Ok(match (run.state.is_final(), task) {
            (false, _) => {
                format!("it goes on when that succeeds; `nightrun why {number}` says what it waits for")
            }
            (true, Some(id)) => format!(
                "`nightrun rerun {number} --task {id}` tries it again, `nightrun mark {number} {id} success` lets this go on"
            ),
            (true, None) if run.state == RunState::Success => "it goes on at once".to_owned(),
            (true, None) => {
                format!("`nightrun rerun {number}` tries again; it goes on when that succeeds")
            }
        })
    }

    fn run_missing(&self, wait: &Wait, ours: Timestamp) -> Result<String, Miss> {
        if let Some(missing) = self.no_such(wait)? {
            return Ok(missing);
        }
        let at = match wait.matching {
            Matching::Offset(nanos) if nanos < 0 => ours.minus(length(nanos)),
            Matching::Offset(nanos) => ours.plus(length(nanos)),
            _ => ours,
        };
        Ok(format!("`nightrun trigger {} --at {at}` makes that run", wait.dag))
    }

    /// Says that the DAG does not exist, or its task.
    fn no_such(&self, wait: &Wait) -> Result<Option<String>, Miss> {
        let (found, all) = self.read(|page| Ok((page.dag(&wait.dag, 0)?, page.dags(None, DAGS, 0)?)))?;
        let Some(found) = found.filter(|dag| !dag.retired) else {
            let names = all.iter().filter(|dag| !dag.retired).map(|dag| dag.dag.as_str());
            let names = names.filter(|name| self.covers(name));
            return Ok(Some(format!("there is no DAG `{}`{}", wait.dag, near(wait.dag.as_str(), names))));
        };
        let spec = self.spec(found.version)?;
        let Some((spec, id)) = spec.as_ref().zip(wait.task.as_deref()) else { return Ok(None) };
        if spec.tasks.iter().any(|task| task.id.as_str() == id) {
            return Ok(None);
        }
        let near = near(id, spec.tasks.iter().map(|task| task.id.as_str()));
        Ok(Some(format!("DAG `{}` has no task `{id}`{near}", wait.dag)))
    }
}

/// The name that was probably meant, as the end of a sentence.
fn near<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn length(nanos: i64) -> std::time::Duration {
    std::time::Duration::from_nanos(nanos.unsigned_abs())
}
