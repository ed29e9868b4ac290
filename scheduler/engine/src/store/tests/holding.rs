//! Maintenance windows and changed ticks are stored, loaded and replayed.

use std::collections::BTreeMap;

use nightrun_core::decide::{Resume, TickChange};
use nightrun_core::id::HoldId;

use super::*;
use crate::store::{Reader, check, load};

fn added(hold: i64, dags: Option<&[&str]>) -> Transition {
    Transition::HoldAdded {
        hold: HoldId(hold),
        dags: dags.map(|dags| dags.iter().map(|dag| (*dag).into()).collect()),
        from: at(500),
        to: at(90_000),
        resume: Resume::Latest,
        why: "disks".into(),
        by: "ana".into(),
    }
}

fn changed(instant: i64, change: TickChange) -> Transition {
    let (why, by) = ("books".into(), "ana".into());
    Transition::TickChanged { dag: "etl".into(), instant: at(instant), change, why, by }
}

fn moved_ticked(instant: i64) -> Transition {
    let skipped = Some(Reason::Paused);
    Transition::MovedTicked { dag: "etl".into(), instant: at(instant), run: None, skipped }
}

fn some_holds() -> Place {
    Place::holding(vec![
        loaded("etl", 1, &["a"]),
        added(1, Some(&["etl"])),
        added(2, None),
        added(3, None),
        Transition::HoldRemoved { hold: HoldId(2), by: "bob".into() },
        Transition::HoldRemoved { hold: HoldId(3), by: "bob".into() },
        Transition::HoldEnded { hold: HoldId(3) },
        changed(60, TickChange::Skip),
        changed(60, TickChange::Move(at(70))),
        changed(61, TickChange::Skip),
        changed(62, TickChange::Move(at(63))),
        changed(90, TickChange::Skip),
        Transition::TickRestored { dag: "etl".into(), instant: at(90), by: "bob".into() },
        moved_ticked(62),
    ])
}

#[test]
fn what_is_not_over_is_loaded_and_the_rest_is_remembered() {
    let place = some_holds();
    let snapshot = load(&place.path, 1, BTreeMap::new(), |_| None).unwrap().snapshot;
    let holds: Vec<_> = snapshot.holds.iter().map(|hold| (hold.id.0, hold.to)).collect();
    assert_eq!(holds, [(1, at(90_000)), (2, NOW)]);
    assert_eq!(snapshot.next_hold, 4);
    let changes: Vec<_> =
        snapshot.changed_ticks.iter().map(|tick| (tick.instant, tick.change, tick.done)).collect();
    let expected = [
        (at(60), TickChange::Move(at(70)), false),
        (at(61), TickChange::Skip, false),
        (at(62), TickChange::Move(at(63)), true),
    ];
    assert_eq!(changes, expected);
    let reader = Reader::open(&place.path).unwrap();
    let past = reader.read_now(|page| page.past_holds(None, 9)).unwrap();
    assert_eq!(past[0].removed_by.as_deref(), Some("bob"));
    assert_eq!(place.rows("SELECT cursor FROM dag"), "5", "a moved tick leaves the cursor where it is");
}

#[test]
fn a_replay_of_the_log_makes_the_same_holds() {
    assert_eq!(check(&some_holds().path).unwrap(), []);
}

#[test]
fn a_changed_tick_is_over_when_it_is_decided_and_its_time_has_passed() {
    let place = some_holds();
    let pass =
        Transition::Ticked { dag: "etl".into(), instant: at(64), run: None, skipped: Some(Reason::Catchup) };
    commit(&place.open(), vec![pass, moved_ticked(60)]).unwrap();
    let reader = Reader::open(&place.path).unwrap();
    assert_eq!(reader.read_now(|page| page.changed_ticks(None)).unwrap(), []);
}

#[test]
fn a_hold_that_is_over_cannot_end_again() {
    let place = some_holds();
    commit(&place.open(), vec![Transition::HoldEnded { hold: HoldId(3) }]).unwrap_err();
}
