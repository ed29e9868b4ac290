//! Runs and tasks of other DAGs in a run that is played: they end when and as the case says.

use nightrun_core::case::AwaitedEnd;
use nightrun_core::dag::spec::Wait;
use nightrun_core::decide::{Event, Missing};
use nightrun_core::id::InstanceId;
use nightrun_core::time::Timestamp;

use super::world::World;
use crate::run::absent;

impl World<'_> {
    /// Looks now, and again whenever something else comes to its end.
    pub(super) fn look_for(&mut self, instance: InstanceId) {
        let Some(run) = self.state.run(instance.run) else { return };
        let dag = run.version.dag.clone();
        let waits = &dag.task(instance.task).waits;
        let (case, now) = (self.case, self.now);
        let ends = waits.iter().filter_map(|wait| case.awaited(wait)).map(|it| case.at.plus(it.after));
        let looks: Vec<Timestamp> = std::iter::once(now).chain(ends.filter(|at| *at > now)).collect();
        for at in looks {
            let missing = waits.iter().find_map(|wait| self.missing(wait, at));
            self.comes(at, Event::LookedFor { instance, missing });
        }
    }

    /// What is missing of a wait at an instant, in words; `None`: nothing.
    fn missing(&self, wait: &Wait, at: Timestamp) -> Option<Missing> {
        let told = self.case.awaited(wait)?;
        let is_over = at >= self.case.at.plus(told.after);
        let state = match (told.end, is_over) {
            (AwaitedEnd::Success, true) => return None,
            (AwaitedEnd::Failed, true) => Some("failed"),
            (AwaitedEnd::Success | AwaitedEnd::Failed, false) => Some("running"),
            (AwaitedEnd::Never, _) => None,
        };
        let what = absent(wait, self.case.at);
        let what = state.map_or(what.clone(), |state| format!("{what}, which is {state}"));
        Some(Missing { what, run: None })
    }
}
