//! Pools: that they exist, and are large enough ever to let the task run.

use crate::dag::known::Known;
use crate::dag::read::DraftTask;
use crate::diag::{Code, Fault, Faults};
use crate::template::nearest;

/// Checks the pool of a task.
pub(super) fn check(draft: &DraftTask<'_, '_>, known: &Known, faults: &mut Faults) {
    let (Some(pool), Some(at)) = (&draft.task.pool, draft.pool_at) else { return };
    if known.any_pool {
        return;
    }
    let slots = draft.task.pool_slots;
    match known.pools.get(pool) {
        None => {
            let help = match nearest(pool, known.pools.keys().map(String::as_str)) {
                Some(name) => format!("did you mean `{name}`?"),
                None if known.pools.is_empty() => "no pool is configured".into(),
                None => {
                    format!("the pools are: {}", known.pools.keys().cloned().collect::<Vec<_>>().join(", "))
                }
            };
            faults.add(Fault::new(Code::UnknownPool, at, format!("there is no pool `{pool}`")).help(help));
        }
        Some(size) if slots > *size => {
            let message = format!(
                "task `{}` takes {slots} slots of the pool `{pool}`, which has {size}",
                draft.task.id
            );
            faults.add(
                Fault::new(Code::PoolTooSmall, draft.slots_at, message)
                    .help("it would wait for ever: take fewer, or enlarge the pool"),
            );
        }
        Some(_) => {}
    }
}
