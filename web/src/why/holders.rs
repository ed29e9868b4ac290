//! Who holds what a queued task waits for.

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::Reason;
use nightrun_engine::store::{ReadyTask, RunShow, TaskShow};

use super::{Asker, Miss, listed};

/// How many tasks that are ready or at work are looked through.
const READY: u32 = 10_000;

impl Asker<'_> {
    /// Why a ready task has no slot: which tasks hold them, and what would give it one.
    pub(super) fn slot(
        &self,
        task: &TaskShow,
        run: &RunShow,
        dag: &Dag,
    ) -> Result<(String, Option<String>), Miss> {
        let ready = self.read(|page| page.ready_tasks(READY))?;
        let alive = ready.into_iter().filter(|it| it.state.holds_slot());
        // A call that waits for its run holds nothing but its place among the items of a `foreach`.
        let (calls, at_work): (Vec<_>, Vec<_>) =
            alive.partition(|it| matches!(it.reason, Reason::Called { .. }));
        let here = |it: &ReadyTask| it.instance.run == run.run_id;
        let fan = dag.task(task.task).fan;
        let (holders, unblock) = match &task.reason {
            Reason::Slots => (at_work, "or more slots: `nightrun serve --slots N`".to_owned()),
            Reason::Pool { pool } => {
                (self.of_pool(at_work, pool)?, format!("or more slots of pool `{pool}`"))
            }
            Reason::MaxActiveTasks { .. } => {
                (at_work.into_iter().filter(here).collect(), "or a larger `max_active_tasks`".to_owned())
            }
            Reason::MaxParallel { .. } => {
                let same = |it: &ReadyTask| here(it) && dag.task(it.instance.task).fan == fan;
                (
                    at_work.into_iter().chain(calls).filter(same).collect(),
                    "or a larger `max_parallel`".to_owned(),
                )
            }
            // It says itself what to do.
            other => return Ok((other.to_string(), None)),
        };
        if holders.is_empty() {
            return Ok((task.reason.to_string(), None));
        }
        let (named, others): (Vec<_>, Vec<_>) = holders.iter().partition(|it| self.covers(it.dag.as_str()));
        let mut names: Vec<String> = named.into_iter().map(|it| name(it, run)).collect();
        if !others.is_empty() {
            names.push(format!("{} of DAGs that are not granted to you", others.len()));
        }
        let why = format!("{}; held by {}", task.reason, listed(&names));
        Ok((why, Some(format!("it needs one of them to end, {unblock}"))))
    }

    /// Those that draw from a pool, by the version that each run is pinned to.
    fn of_pool(&self, tasks: Vec<ReadyTask>, pool: &str) -> Result<Vec<ReadyTask>, Miss> {
        let mut found = Vec::new();
        for task in tasks {
            let version = self.read(|page| page.version_of(task.instance.run))?;
            let spec = version.map(|version| self.spec(version)).transpose()?.flatten();
            if spec.is_some_and(|dag| dag.task(task.instance.task).pool.as_deref() == Some(pool)) {
                found.push(task);
            }
        }
        Ok(found)
    }
}

/// A holder, with its run where that is another one.
fn name(task: &ReadyTask, run: &RunShow) -> String {
    let item = task.instance.item_index().map_or_else(String::new, |item| format!("[{item}]"));
    let elsewhere = if task.instance.run == run.run_id {
        String::new()
    } else {
        format!(" of run {} ({})", task.instance.run, task.dag)
    };
    format!("{}{item}{elsewhere}", task.id)
}
