//! Deadlines and hooks in the store: their law, and what is loaded and shown of them.

use std::collections::BTreeMap;
use std::time::Duration;

use nightrun_core::dag::Source;
use nightrun_core::dag::spec::{HookOn, HookRetry, Lateness};
use nightrun_core::decide::{Cause, HookRow, HookState, Reason, Transition};
use nightrun_core::id::{HookId, RunId, TaskIndex};

use super::*;
use crate::store::{Reader, RunFilter, check, load};

const RETRY: HookRetry = HookRetry { retries: 2, delay: Duration::from_secs(10) };

fn due(hook: i64, of: Option<u32>) -> Transition {
    Transition::HookDue {
        hook: HookId(hook),
        run: RunId(1),
        of: of.map(TaskIndex),
        on: HookOn::OnFailure,
        step: 0,
        action: "email".into(),
        retry: RETRY,
        cause: Cause {
            instance: None,
            attempt: 0,
            state: "failed".into(),
            reason: Reason::Exit { code: 1 },
            late: None,
            failed: vec![TaskIndex(0)],
        },
    }
}

fn tried(hook: i64, number: u32, state: HookState, retry_at: Option<i64>) -> Transition {
    let error = (state != HookState::Delivered).then(|| "nobody answers".to_owned());
    let retry_at = retry_at.map(Timestamp::from_nanos);
    Transition::HookTried { hook: HookId(hook), run: RunId(1), number, state, error, retry_at }
}

fn late(task: Option<u32>) -> Transition {
    let due = Timestamp::from_nanos(7);
    Transition::Late { run: RunId(1), task: task.map(TaskIndex), kind: Lateness::LateStart, due }
}

/// What a scheduler that starts now would load.
fn snapshot(place: &Place) -> nightrun_core::decide::Snapshot {
    let parse = |_: &Source<'_>| Some(loading::dag("etl", &["extract", "load"]));
    load(&place.path, 4, BTreeMap::new(), parse).unwrap().snapshot
}

#[test]
fn what_is_pending_is_loaded_with_its_tries_and_what_is_over_is_not() {
    let facts = vec![
        due(1, None),
        due(2, Some(0)),
        due(3, None),
        tried(1, 1, HookState::Pending, Some(99)),
        tried(3, 1, HookState::Delivered, None),
        late(None),
        late(Some(1)),
    ];
    let place = Place::holding([a_run(), facts].concat());
    let row = |id, tries, retry_at: Option<i64>| HookRow {
        id: HookId(id),
        run: RunId(1),
        tries,
        retry: RETRY,
        retry_at: retry_at.map(Timestamp::from_nanos),
    };
    let loaded = snapshot(&place);
    assert_eq!((loaded.next_hook, loaded.hooks), (4, vec![row(1, 1, Some(99)), row(2, 0, None)]));
    assert_eq!(loaded.runs[0].late, [(None, Lateness::LateStart), (Some(TaskIndex(1)), Lateness::LateStart)]);
    assert_eq!(check(&place.path).unwrap(), []);
}

#[test]
fn a_deadline_is_told_once_and_a_delivery_ends_once() {
    let unlawful = [
        vec![late(None), late(None)],
        vec![due(1, None), due(1, None)],
        vec![due(1, None), tried(1, 2, HookState::Delivered, None)],
        vec![due(1, None), tried(1, 1, HookState::Delivered, None), tried(1, 2, HookState::Delivered, None)],
        vec![due(1, None), tried(1, 1, HookState::Failed, Some(9))],
        vec![tried(1, 1, HookState::Delivered, None)],
    ];
    for facts in unlawful {
        let place = Place::new();
        let shown = format!("{facts:?}");
        assert!(commit(&place.open(), [a_run(), facts].concat()).is_err(), "{shown}");
    }
}

#[test]
fn a_run_shows_its_lateness_and_its_hooks() {
    let facts = vec![late(None), late(Some(1)), due(1, Some(0)), tried(1, 1, HookState::Failed, None)];
    let place = Place::holding([a_run(), facts].concat());
    let reader = Reader::open(&place.path).unwrap();
    let run = reader.read_now(|page| page.run(RunId(1), None)).unwrap().unwrap();
    assert_eq!((run.late.len(), run.tasks[0].late.len(), run.tasks[1].late.len()), (1, 0, 1));
    let hook = &run.hooks[0];
    assert_eq!((hook.task.as_deref(), hook.state, hook.tries), (Some("extract"), HookState::Failed, 1));
    assert_eq!(hook.error.as_deref(), Some("nobody answers"));
    let items = reader.read_now(|page| page.runs(&RunFilter::default(), 9)).unwrap();
    assert_eq!(items[0].late, [Lateness::LateStart]);
    let failed = reader.read_now(|page| page.hooks(true, None, 9, None)).unwrap();
    assert_eq!(failed, run.hooks);
}
