//! A run that is over goes over to the version of its DAG that is in force. Its tasks keep their places; those
//! the DAG has no more are removed, new ones stand behind them.

use std::sync::Arc;

use super::clear::Change;
use super::effect::Refusal;
use super::group::groups_of;
use super::law::TaskState;
use super::reason::Reason;
use super::run::fresh_instances;
use super::state::{FanState, Instance, Run, Version};
use super::turn::Turn;
use crate::id::VersionId;

/// What a new version made of a run.
#[derive(Debug, Default)]
pub(super) struct Renewed {
    /// The version; `None`: the run had it already.
    pub(super) version: Option<VersionId>,
    /// Tasks that came and went.
    pub(super) changes: Vec<Change>,
}

impl Renewed {
    /// True when it brought tasks that are still to be done.
    pub(super) fn adds(&self) -> bool {
        self.changes.iter().any(|change| change.after == TaskState::Waiting)
    }
}

impl Turn<'_> {
    /// Pins a run that is over to the version in force.
    pub(super) fn renew(&self, run: &mut Run) -> Result<Renewed, Refusal> {
        let version = &self.state.dags[&run.dag().id].version;
        if version.id == run.version.id {
            return Ok(Renewed::default());
        }
        if !run.state.is_final() {
            let sentence = format!("run {} is not over: only then may its version change", run.id);
            return Err(Refusal::NotNow(sentence));
        }
        refuse_other_items(run, version)?;
        let changes = run.go_over_to(version);
        Ok(Renewed { version: Some(version.id), changes })
    }
}

impl Run {
    fn go_over_to(&mut self, version: &Arc<Version>) -> Vec<Change> {
        let before = self.version.clone();
        let ids: Vec<&str> = before.dag.tasks.iter().map(|task| task.id.as_str()).collect();
        self.version = version.arranged(&ids);
        let mut changes = Vec::new();
        for (place, id) in self.tasks.iter_mut().zip(&ids) {
            let (is_there, from) = (version.dag.find(id).is_some(), place.state);
            let (to, why) = match (is_there, from) {
                (false, TaskState::Removed) => continue,
                (false, _) => (TaskState::Removed, "the DAG has it no more"),
                (true, TaskState::Removed) => (TaskState::Waiting, "back in the DAG"),
                (true, _) => continue,
            };
            changes.push(Change {
                task: (*id).to_owned(),
                item: None,
                state: from,
                after: to,
                why: why.into(),
            });
            if is_there {
                let attempt = place.attempt;
                *place = Instance { attempt, attempts_before: attempt, ..Instance::fresh() };
            } else {
                (place.state, place.reason) = (TaskState::Removed, Reason::TaskGone);
            }
        }
        let (state, why) = (TaskState::Waiting, "new in the DAG");
        for task in &self.version.dag.tasks[ids.len()..] {
            changes.push(Change { task: task.id.clone(), item: None, state, after: state, why: why.into() });
        }
        self.tasks.extend(fresh_instances(&self.version).into_iter().skip(ids.len()));
        let version = self.version.clone();
        self.items.retain(|task, _| version.dag.task(*task).fan.is_some());
        self.fans = vec![FanState::default(); version.dag.fans.len()];
        self.groups = groups_of(&version, |_| 0, &[]);
        self.resettle();
        changes
    }
}

/// Items are kept under the place of their `foreach` in the file: it may not come to mean another one.
fn refuse_other_items(run: &Run, version: &Version) -> Result<(), Refusal> {
    for at in run.items.keys() {
        let id = &run.task(*at).id;
        let now = version.dag.find(id).map(|at| version.dag.task(at).fan);
        if now.is_some_and(|now| now.is_some() && now != run.task(*at).fan) {
            return Err(Refusal::NotNow(format!(
                "run {} cannot go over to the DAG as it is now: the `foreach` of `{id}` stands at another place \
                 among those of the file, and its items would be taken for others; run the date anew: \
                 `nightrun trigger {} --at {}`",
                run.id,
                run.dag().id,
                run.logical_date
            )));
        }
    }
    Ok(())
}
