//! Hooks of a run that is played: what each would say is written down, and nobody is told.

use nightrun_core::case::Spot;
use nightrun_core::decide::{Item, TaskState, Transition};
use nightrun_core::id::{AttemptId, InstanceId, RunId, TaskIndex};

use super::world::World;
use crate::hook::{Due, OfRun};
use crate::store::TaskEnd;

impl World<'_> {
    /// Takes in that a hook is due, and the facts that it will speak of.
    pub(super) fn tell(&mut self, fact: &Transition) {
        if let Transition::RunCreated { .. } = fact {
            self.made = Some(fact.clone());
        }
        if let Some(mut due) = self.due(fact) {
            if due.speaks_of_tasks().unwrap_or_default() {
                due.run.tasks = self.tasks(&due);
            }
            let case = self.case;
            let printed = |attempt: AttemptId| {
                let mock = case.mock(attempt.instance.into(), attempt.number);
                mock.and_then(|mock| mock.stdout.clone()).unwrap_or_default()
            };
            self.story.told.extend(due.told(printed));
        }
    }

    fn due(&self, fact: &Transition) -> Option<Due> {
        let Transition::HookDue { hook, run, of, on, step, cause, .. } = fact else { return None };
        let (dag, path) = self.dag.clone()?;
        Some(Due {
            hook: *hook,
            on: *on,
            of: *of,
            step: *step,
            cause: cause.clone(),
            since: self.now,
            run: self.of_run()?,
            failed: cause.failed.iter().filter_map(|task| self.end(*run, *task)).collect(),
            item: cause.instance.and_then(|instance| self.item(instance)),
            dag,
            path,
            vars: self.vars.clone(),
            url: self.setting.url.clone(),
            store_id: "test".into(),
        })
    }

    fn of_run(&self) -> Option<OfRun> {
        let Some(Transition::RunCreated {
            run,
            run_type,
            logical_date,
            interval_start,
            interval_end,
            params,
            ..
        }) = &self.made
        else {
            return None;
        };
        Some(OfRun {
            id: *run,
            run_type: *run_type,
            logical_date: *logical_date,
            interval: (*interval_start, *interval_end),
            params: params.clone(),
            state: self.story.state.to_string(),
            reason: self.story.reason.as_ref().map(ToString::to_string).unwrap_or_default(),
            tasks: Vec::new(),
        })
    }

    fn tasks(&self, due: &Due) -> Vec<(TaskIndex, String, serde_json::Map<String, serde_json::Value>)> {
        let tasks = (0..).map(TaskIndex).take(due.dag.tasks.len());
        let state = |spot| self.story.played.get(&spot).and_then(|played| played.state);
        let shown = tasks.map(|task| {
            let spot = Spot { task, item: 0 };
            let state = state(spot).unwrap_or(TaskState::Waiting).to_string();
            (task, state, self.story.outputs(&due.dag, spot))
        });
        shown.collect()
    }

    fn end(&self, run: RunId, task: TaskIndex) -> Option<TaskEnd> {
        let (dag, _) = self.dag.as_ref()?;
        let played = self.story.played.get(&Spot { task, item: 0 })?;
        Some(TaskEnd {
            instance: InstanceId::whole(run, task),
            id: dag.task(task).id.clone(),
            state: played.state?,
            reason: played.reason.clone()?,
            attempts: played.attempts,
        })
    }

    fn item(&self, instance: InstanceId) -> Option<Item> {
        let (dag, _) = self.dag.as_ref()?;
        let (fan, _) = dag.fan_of(instance.task)?;
        self.story.items.get(&fan)?.get(instance.item_index()? as usize).cloned()
    }
}
