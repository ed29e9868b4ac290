//! The life of a `foreach`: asked for its items, expanded into an instance for each, folded into one end.

use super::effect::{Answer, Effect};
use super::event::Item;
use super::law::TaskState;
use super::reason::Reason;
use super::rule::Counts;
use super::state::{Instance, ItemList, Run};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::{Fan, FanIndex, Share};
use crate::id::{InstanceId, TaskIndex};

impl Turn<'_> {
    /// The rule of a task of a fan holds before there are items: they are asked for, once for all its tasks.
    pub(super) fn ask_for_items(&mut self, id: InstanceId, fan: FanIndex) {
        let run = self.run(id.run);
        let pending = |above: TaskIndex| {
            let dag = run.dag();
            dag.share_fan(above, id.task) && !run.state_of(above).is_final()
        };
        if run.dag().graph.upstream(id.task).any(pending) {
            return;
        }
        let asked = std::mem::replace(&mut run.fans[fan.at()].asked, true);
        self.reason_task(id, Reason::Expanding);
        if !asked {
            self.order(Effect::Expand(id));
        }
    }

    /// The items of a fan are known, or why they cannot be.
    pub(super) fn expanded(&mut self, id: InstanceId, items: Result<Vec<Item>, String>) -> Option<Answer> {
        let asks = |it: &Instance| it.state == TaskState::Waiting && it.reason == Reason::Expanding;
        self.instance(id)?;
        let run = self.run(id.run);
        let version = run.version.clone();
        let (fan, spec) = version.dag.fan_of(id.task)?;
        run.fans[fan.at()].asked = false;
        let members = spec.tasks.iter().map(|task| InstanceId::whole(id.run, *task));
        let waiting: Vec<InstanceId> = members.filter(|it| run.at(*it).state == TaskState::Waiting).collect();
        let asking: Vec<InstanceId> = waiting.iter().copied().filter(|it| asks(run.at(*it))).collect();
        match items {
            // Who asked was ended, marked or cleared meanwhile.
            _ if asking.is_empty() => {}
            Err(message) => {
                for id in asking {
                    self.settle(id, TaskState::Failed, Reason::Foreach { message: message.clone() });
                }
            }
            Ok(items) if items.is_empty() => {
                for id in waiting {
                    self.settle(id, TaskState::Skipped, Reason::NoItems);
                }
            }
            Ok(items) => self.expand(fan, &waiting, items),
        }
        self.stir(id.run);
        None
    }

    fn expand(&mut self, fan: FanIndex, wholes: &[InstanceId], items: Vec<Item>) {
        let total = u32::try_from(items.len()).expect("items are bounded far below 2^32");
        let Some(run_id) = wholes.first().map(|id| id.run) else { return };
        self.record(Transition::Expanded {
            run: run_id,
            fan,
            tasks: wholes.iter().map(|id| id.task).collect(),
            items,
        });
        let run = self.run(run_id);
        for whole in wholes {
            let place = run.at_mut(*whole);
            (place.state, place.reason) = (TaskState::Expanded, Reason::ItemsAtWork { total });
            let before = run.items.remove(&whole.task).map(|list| list.instances).unwrap_or_default();
            run.items.insert(whole.task, ItemList { instances: renewed(before, total), open: total });
            run.unsettled += total;
        }
        // Those that are not expanded now, and have items of an earlier time, look at these too.
        let version = run.version.clone();
        let known = |id: &InstanceId| version.dag.task(id.task).fan == Some(fan) && id.item > 0;
        for id in run.ids().into_iter().filter(known) {
            let counts = run.counts(id);
            run.at_mut(id).upstream = counts;
        }
        for id in (1..=total).flat_map(|item| wholes.iter().map(move |id| InstanceId { item, ..*id })) {
            self.judge_task(id);
        }
    }

    /// Judges all items of a task anew.
    pub(super) fn judge_items(&mut self, whole: InstanceId) {
        let list = self.run(whole.run).items.get(&whole.task);
        let total = list.map_or(0, |list| list.instances.len());
        for item in (1..).take(total) {
            self.judge_task(InstanceId { item, ..whole });
        }
    }

    /// One item of a task is final; with the last one the task is.
    pub(super) fn fold(&mut self, id: InstanceId) {
        let run = self.run(id.run);
        let Some((_, fan)) = run.version.dag.fan_of(id.task) else { return };
        let list = run.items.get_mut(&id.task).expect("an item stands in a list");
        list.open -= 1;
        if list.open > 0 {
            return;
        }
        let (state, reason) = fold(&list.instances, fan);
        self.settle(InstanceId { item: 0, ..id }, state, reason);
    }

    /// The task of an item that was settled by hand, once all its items are over.
    pub(super) fn fold_if_over(&mut self, id: InstanceId) {
        let run = self.run(id.run);
        let whole = InstanceId { item: 0, ..id };
        let open = run.items.get(&id.task).map_or(0, |list| list.open);
        if open == 0 && run.at(whole).state == TaskState::Expanded {
            let (state, reason) = run.end_of_items(id.task);
            self.settle(whole, state, reason);
        }
    }

    /// What a settled task of a fan, or before one, means for the items of a task below it.
    pub(super) fn tell_items(&mut self, above: InstanceId, below: TaskIndex, state: TaskState) {
        let run = self.run(above.run);
        let Some(list) = run.items.get(&below) else { return };
        let total = u32::try_from(list.instances.len()).expect("items are bounded far below 2^32");
        let (_, fan) = run.version.dag.fan_of(below).expect("only a fan has items");
        let (lockstep, version) = (fan.lockstep, run.version.clone());
        for item in 1..=total {
            let id = InstanceId { task: below, item, ..above };
            // Items of one fan tell each other; what has no such item tells them as a whole.
            let tells = self.run(id.run).seen_from(id, above.task) == above;
            if tells {
                self.run(id.run).at_mut(id).upstream.add(state, version.dag.task(above.task));
            }
            if tells || lockstep {
                self.judge_task(id);
            }
        }
    }
}

impl Run {
    /// How the upstream `above` shows itself to `id`: the same item of one fan, else the task as a whole.
    pub fn seen_from(&self, id: InstanceId, above: TaskIndex) -> InstanceId {
        let same_item = InstanceId { task: above, ..id };
        let shares = self.dag().share_fan(id.task, above) && self.get(same_item).is_some();
        if shares { same_item } else { InstanceId::whole(id.run, above) }
    }

    /// How a task with items ends by them as they are.
    pub(super) fn end_of_items(&self, task: TaskIndex) -> (TaskState, Reason) {
        let (_, fan) = self.dag().fan_of(task).expect("only a task with items is asked for");
        fold(&self.items[&task].instances, fan)
    }

    /// How many items a task has been expanded into; 0 before that and without a `foreach`.
    pub fn items_of(&self, task: TaskIndex) -> usize {
        let there = |it: &&Instance| it.state != TaskState::Removed;
        self.items.get(&task).map_or(0, |list| list.instances.iter().filter(there).count())
    }

    /// What the direct upstreams of a task instance have come to.
    pub(super) fn counts(&self, id: InstanceId) -> Counts {
        let mut counts = Counts::default();
        for above in self.dag().graph.upstream(id.task) {
            let task = self.task(above);
            counts.expect(task);
            counts.add(self.counted(self.seen_from(id, above)), task);
        }
        counts
    }

    /// True while a task of a lockstep fan waits for other items of the tasks before it.
    pub(super) fn awaits_stage(&self, id: InstanceId) -> bool {
        let Some((_, fan)) = self.dag().fan_of(id.task) else { return false };
        let open =
            |above: TaskIndex| self.dag().share_fan(id.task, above) && !self.state_of(above).is_final();
        id.item > 0 && fan.lockstep && self.dag().graph.upstream(id.task).any(open)
    }
}

/// So many items that wait; where there were some before, their attempts go on being counted. What is too
/// many is removed.
fn renewed(before: Vec<Instance>, total: u32) -> Vec<Instance> {
    let total = total as usize;
    let missing = total.saturating_sub(before.len());
    let again = before.into_iter().enumerate().map(|(at, old)| {
        let kept = at < total;
        let state = if kept { TaskState::Waiting } else { TaskState::Removed };
        let reason = if kept { Reason::Upstream } else { Reason::ItemGone };
        Instance { state, reason, attempt: old.attempt, attempts_before: old.attempt, ..Instance::fresh() }
    });
    again.chain((0..missing).map(|_| Instance::fresh())).collect()
}

/// The end of a task whose items have all ended: good while no more failed than the fan tolerates.
fn fold(items: &[Instance], fan: &Fan) -> (TaskState, Reason) {
    let count = |state: TaskState| items.iter().filter(|it| it.state == state).count();
    let (total, skipped) = (items.len() - count(TaskState::Removed), count(TaskState::Skipped));
    let (success, failed) = (count(TaskState::Success), count(TaskState::Failed));
    if let Some(canceled) = items.iter().find(|it| it.state == TaskState::Canceled) {
        return (TaskState::Canceled, canceled.reason.clone());
    }
    if skipped == total {
        return (TaskState::Skipped, Reason::ItemsSkipped);
    }
    let bad = total - skipped - success;
    let of_all = |share: Share| match share {
        Share::Count(count) => f64::from(count),
        Share::Percent(percent) => percent / 100.0 * whole(total - skipped),
    };
    let few_failed = fan.max_failures.map(|most| whole(bad) <= of_all(most) + ROUNDING);
    let enough_succeeded = fan.min_success.map(|least| whole(success) >= of_all(least) - ROUNDING);
    let good = match (few_failed, enough_succeeded) {
        (None, None) => bad == 0,
        (few, enough) => few.unwrap_or(true) && enough.unwrap_or(true),
    };
    let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let reason = Reason::ItemsFailed { failed: small(bad), total: small(total) };
    match (good, bad, failed) {
        (true, 0, _) => (TaskState::Success, Reason::Done),
        (true, _, _) => (TaskState::Success, reason),
        (false, _, 0) => (TaskState::UpstreamFailed, reason),
        (false, _, _) => (TaskState::Failed, reason),
    }
}

/// A percentage of whole items is compared with this much grace, for 95 % of 20 is 19 and not a hair more.
const ROUNDING: f64 = 1e-9;

#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 items")]
fn whole(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dag::spec::Items;

    fn fan(min_success: Option<Share>, max_failures: Option<Share>) -> Fan {
        Fan {
            items: Items::Range(0, 1, 1),
            name: None,
            key: None,
            max_parallel: None,
            min_success,
            max_failures,
            lockstep: false,
            tasks: vec![],
        }
    }

    /// Letters: s(uccess) f(ailed) u(pstream failed) k (skipped) c(anceled).
    fn end(items: &str, fan: &Fan) -> TaskState {
        let state = |letter| match letter {
            's' => TaskState::Success,
            'f' => TaskState::Failed,
            'u' => TaskState::UpstreamFailed,
            'k' => TaskState::Skipped,
            _ => TaskState::Canceled,
        };
        let items: Vec<Instance> =
            items.chars().map(|letter| Instance { state: state(letter), ..Instance::fresh() }).collect();
        super::fold(&items, fan).0
    }

    #[test]
    fn a_fan_ends_well_while_no_more_fails_than_it_tolerates() {
        let strict = fan(None, None);
        for (items, expected) in [
            ("sss", TaskState::Success),
            ("ssk", TaskState::Success),
            ("kkk", TaskState::Skipped),
            ("ssf", TaskState::Failed),
            ("ssu", TaskState::UpstreamFailed),
            ("sfc", TaskState::Canceled),
        ] {
            assert_eq!(end(items, &strict), expected, "{items}");
        }
        let share = fan(Some(Share::Percent(66.0)), None);
        assert_eq!(end("ssf", &share), TaskState::Success);
        assert_eq!(end("sff", &share), TaskState::Failed);
        assert_eq!(end("ssfkkk", &share), TaskState::Success, "skipped items do not count");
        let two = fan(None, Some(Share::Count(2)));
        assert_eq!((end("sffs", &two), end("sfff", &two)), (TaskState::Success, TaskState::Failed));
        let both = fan(Some(Share::Count(2)), Some(Share::Count(2)));
        assert_eq!((end("sff", &both), end("ssff", &both)), (TaskState::Failed, TaskState::Success));
        assert_eq!(
            end(&format!("{}f", "s".repeat(19)), &fan(Some(Share::Percent(95.0)), None)),
            TaskState::Success
        );
    }
}
