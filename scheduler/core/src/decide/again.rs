//! What a clear does to tasks with a `foreach`: their items run again, or are found out anew.

use std::collections::{BTreeSet, HashSet};

use super::effect::Refusal;
use super::law::TaskState;
use super::reason::Reason;
use super::select::{Why, blocked_by};
use super::setup::setup;
use super::state::{Instance, Run};
use crate::id::{InstanceId, TaskIndex};

/// A task instance that a clear moves: where to, and why.
pub(super) type Moved = (InstanceId, TaskState, Why);

/// The task instances that a clear of the picked tasks moves. A task whose items are known keeps them: those
/// that are to run again wait, and it is `expanded` once more. When something above it runs again, its
/// items may be others, and are found out anew.
pub(super) fn moved(
    run: &Run,
    picks: &[(TaskIndex, Why)],
    item: Option<InstanceId>,
) -> Result<Vec<Moved>, Refusal> {
    let mut picks = picks.to_vec();
    let anew: Vec<_> =
        run.dag().fans.iter().filter(|fan| fan.tasks.iter().any(|at| found_anew(run, &picks, *at))).collect();
    let others = anew.iter().flat_map(|fan| &fan.tasks).filter(|at| run.items_of(**at) > 0);
    let others: Vec<TaskIndex> =
        others.copied().filter(|at| picks.iter().all(|(picked, _)| picked != at)).collect();
    picks.extend(others.into_iter().map(|at| (at, Why::FoundAnew)));
    picks.sort_by_key(|(at, _)| *at);
    let mut all = Vec::new();
    for (task, why) in &picks {
        let whole = InstanceId::whole(run.id, *task);
        let chosen = item.filter(|id| id.task == *task && id.item > 0);
        let anew = found_anew(run, &picks, *task);
        if chosen.is_some() && anew {
            let sentence =
                "its items are found out anew, since something above it runs again: clear all of it";
            return Err(Refusal::Senseless(sentence.into()));
        }
        if run.items_of(*task) == 0 || anew {
            if run.state_of(*task) == TaskState::Expanded {
                let sentence = format!("items of `{}` are at work; wait for their end", run.task(*task).id);
                return Err(Refusal::NotNow(sentence));
            }
            // One whose items are to be found out anyway waits as it is.
            if run.state_of(*task) != TaskState::Waiting {
                all.push((whole, TaskState::Waiting, *why));
            }
            continue;
        }
        let items = match chosen {
            // One that waits as it is stays; one at work is refused by whoever asks.
            Some(id) => {
                let state = run.at(id).state;
                if state.clears() || state.holds_slot() { vec![id] } else { Vec::new() }
            }
            None => meant(run, &picks, *task, *why),
        };
        if run.state_of(*task).is_final() && !items.is_empty() {
            all.push((whole, TaskState::Expanded, *why));
        }
        all.extend(items.into_iter().map(|id| (id, TaskState::Waiting, *why)));
    }
    take_back(run, &mut all)?;
    Ok(all)
}

/// The same items of later tasks of a fan that did not run because of this one: they wait again, and their
/// tasks are `expanded` once more.
pub(super) fn blocked_items(run: &Run, id: InstanceId) -> Vec<Moved> {
    let (dag, mut freed, mut all) = (run.dag(), vec![id.task], Vec::new());
    for at in dag.graph.order().iter().filter(|at| dag.share_fan(**at, id.task)) {
        let item = InstanceId { task: *at, ..id };
        let Some(place) = run.get(item).filter(|_| *at != id.task) else { continue };
        let above = dag.graph.upstream(*at).find(|above| freed.contains(above));
        let why = match (place.state, &place.reason, above) {
            (TaskState::UpstreamFailed, _, Some(above)) => Why::BlockedBy(above),
            (TaskState::Skipped, Reason::Rule { .. }, Some(above)) => Why::SkippedBecauseOf(above),
            _ => continue,
        };
        freed.push(*at);
        if run.state_of(*at).is_final() {
            all.push((InstanceId { item: 0, ..item }, TaskState::Expanded, why));
        }
        all.push((item, TaskState::Waiting, why));
    }
    all
}

/// All that waits again when these tasks end otherwise by hand. `items` are those that one item had blocked,
/// where just that was settled: other items of its fan have nothing to do with it.
pub(super) fn freed(
    run: &Run,
    tasks: &[TaskIndex],
    items: Option<Vec<Moved>>,
) -> Result<Vec<Moved>, Refusal> {
    let mut picks: Vec<(TaskIndex, Why)> = Vec::new();
    for task in tasks {
        let blocked = blocked_by(run.dag(), &run.tasks, *task);
        let known = |at: TaskIndex, picks: &[(TaskIndex, Why)]| {
            tasks.contains(&at) || picks.iter().any(|(picked, _)| *picked == at)
        };
        let outside = |at: TaskIndex| items.is_none() || !run.dag().share_fan(at, *task);
        for (at, why) in blocked {
            if outside(at) && !known(at, &picks) {
                picks.push((at, why));
            }
        }
    }
    let mut all = items.unwrap_or_default();
    all.extend(moved(run, &picks, None)?);
    take_back(run, &mut all)?;
    Ok(all)
}

/// What is about to run on the results of something that runs again waits for it, too.
fn take_back(run: &Run, all: &mut Vec<Moved>) -> Result<(), Refusal> {
    let mut known: HashSet<InstanceId> = all.iter().map(|(id, ..)| *id).collect();
    let mut next = 0;
    while let Some((above, ..)) = all.get(next).copied() {
        next += 1;
        let name = &run.task(above.task).id;
        for task in run.dag().graph.downstream(above.task) {
            let last = run.items.get(&task).map_or(0, |list| list.instances.len());
            for id in (0..).take(last + 1).map(|item| InstanceId { task, item, ..above }) {
                if known.contains(&id) || run.seen_from(id, above.task) != above {
                    continue;
                }
                let state = run.at(id).state;
                if state.holds_slot() {
                    let below = &run.task(task).id;
                    let sentence = format!(
                        "task `{below}`, which hangs on `{name}`, is at work; wait for its end, or cancel the run"
                    );
                    return Err(Refusal::NotNow(sentence));
                }
                if matches!(state, TaskState::Queued | TaskState::Deferred | TaskState::UpForRetry) {
                    known.insert(id);
                    all.push((id, TaskState::Waiting, Why::WaitsFor(above.task)));
                }
            }
        }
    }
    Ok(())
}

/// True when a task of this one's fan hangs on something outside of it that runs again.
fn found_anew(run: &Run, picks: &[(TaskIndex, Why)], task: TaskIndex) -> bool {
    let Some((_, fan)) = run.dag().fan_of(task) else { return false };
    // A setup that runs again makes ready what it made ready before: that changes no items.
    let picked = |at: &TaskIndex| picks.iter().any(|(it, why)| it == at && !matches!(why, Why::SetupOf(_)));
    let outside = |at: &TaskIndex| {
        run.dag().graph.upstream(*at).any(|above| picked(&above) && !run.dag().share_fan(above, *at))
    };
    fan.tasks.iter().filter(|at| picked(at)).any(outside)
}

/// The items of a task that run again: of a setup those whose other tasks do, of a teardown those of its setup.
fn meant(run: &Run, picks: &[(TaskIndex, Why)], task: TaskIndex, why: Why) -> Vec<InstanceId> {
    let dag = run.dag();
    let (scope, of) = match why {
        Why::SetupOf(user) if dag.share_fan(task, user) => (Some(setup(dag, task).scope), None),
        Why::TeardownOf(setup) if dag.share_fan(task, setup) => (None, Some(setup)),
        _ => return wanted(run, task, why.means_all_items()),
    };
    let others = picks.iter().filter(|(at, _)| {
        of == Some(*at) || scope.as_ref().is_some_and(|it| it[at.at()] && dag.share_fan(task, *at))
    });
    let items = others.flat_map(|(at, why)| meant(run, picks, *at, *why)).map(|id| InstanceId { task, ..id });
    let there: BTreeSet<InstanceId> = items.collect();
    there.into_iter().filter(|id| run.get(*id).is_some_and(|it| it.state.clears())).collect()
}

/// The items of a task that run again: those that did not end well, or all where none of them is such or
/// all were asked for.
fn wanted(run: &Run, task: TaskIndex, all_meant: bool) -> Vec<InstanceId> {
    let all: Vec<InstanceId> = run.ids().into_iter().filter(|id| id.task == task && id.item > 0).collect();
    let bad = |it: &Instance| match it.state {
        TaskState::Failed | TaskState::UpstreamFailed | TaskState::Canceled => true,
        TaskState::Skipped => matches!(it.reason, Reason::Rule { .. }),
        _ => false,
    };
    let chosen: Vec<InstanceId> = all
        .iter()
        .copied()
        .filter(|id| run.at(*id).state.clears() && (all_meant || bad(run.at(*id))))
        .collect();
    if chosen.is_empty() { all.into_iter().filter(|id| run.at(*id).state.clears()).collect() } else { chosen }
}
