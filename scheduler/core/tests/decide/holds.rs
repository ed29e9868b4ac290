//! Maintenance windows, and single ticks that are skipped or moved: what was missed is decided by its policy,
//! each instant becomes one tick, and a restart changes nothing.

use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::CatchupPolicy;
use nightrun_core::decide::{
    Answer, Event, HoldRequest, Part, Refusal, Resume, RunRequest, RunState, State, TickChange, TickRequest,
    Transition, Values, step,
};
use nightrun_core::id::HoldId;
use nightrun_core::time::Timestamp;

use crate::build;
use crate::rng::Rng;
use crate::ticks::{Clockwork, MINUTE, START, scheduled};

fn window(from: u32, to: u32, resume: Resume) -> Event {
    Event::HoldRequested(HoldRequest {
        dags: Some(vec!["it".into()]),
        from: START.plus(MINUTE * from),
        to: START.plus(MINUTE * to),
        resume,
        why: "disks".into(),
        by: "ana".into(),
    })
}

fn change(instant: Option<Timestamp>, change: Option<TickChange>) -> Event {
    let (why, by) = ("books".into(), "ana".into());
    Event::TickChangeRequested(TickRequest { dag: "it".into(), instant, change, why, by })
}

/// The instant of the schedule below so many minutes after the start.
fn minute(number: u32) -> Timestamp {
    let first = scheduled("* * * * *", CatchupPolicy::None).timetable.unwrap().next_after(START).unwrap();
    first.plus(MINUTE * (number - 1))
}

/// One DAG that fires each minute, and what was decided about it.
fn every_minute() -> Clockwork {
    Clockwork::new(scheduled("* * * * *", CatchupPolicy::None))
}

/// `1` for each instant so far that fired, `0` for each that did not.
fn marks(it: &Clockwork) -> String {
    it.ticks().iter().map(|(_, fired)| if *fired { '1' } else { '0' }).collect()
}

#[test]
fn a_window_holds_ticks_up_and_its_policy_decides_about_them_at_its_end() {
    for (resume, expected) in
        [(Resume::All, "11111111"), (Resume::Latest, "11000111"), (Resume::None, "11000011")]
    {
        let mut it = every_minute();
        it.decide(window(2, 6, resume));
        it.work(MINUTE * 5);
        assert_eq!(marks(&it), "11", "{resume:?}: nothing is decided in the window");
        it.work(MINUTE * 3);
        assert_eq!(marks(&it), expected, "{resume:?}");
    }
}

#[test]
fn a_window_outlives_a_restart_and_the_outage_in_which_it_ends() {
    for (resume, fired) in [(Resume::All, 8), (Resume::Latest, 5), (Resume::None, 4)] {
        let mut it = every_minute();
        it.decide(window(2, 6, resume));
        it.work(MINUTE * 2);
        it.outage(MINUTE);
        assert_eq!(it.ticks().len(), 2);
        it.outage(MINUTE * 4);
        it.work(MINUTE);
        assert_eq!((it.ticks().len(), it.fired()), (8, fired), "{resume:?}");
        assert_eq!(it.memory.snapshot().holds, [], "it is over");
    }
}

#[test]
fn queued_runs_wait_for_the_end_of_the_window_and_say_so() {
    let mut it = every_minute();
    let request = |force| {
        let (params, by) = (Values::new(), "ana".into());
        Event::RunRequested(RunRequest {
            dag: "it".into(),
            params,
            logical_date: None,
            part: Part::default(),
            force,
            by,
        })
    };
    it.decide(window(0, 6, Resume::None));
    it.work(Duration::from_secs(1));
    it.decide(request(false));
    let run = *it.runs.last().unwrap();
    let until = START.plus(MINUTE * 6).to_chrono().format("%FT%TZ").to_string();
    let reason = it.memory.runs[&run].reason.to_string();
    assert_eq!(reason, format!("maintenance until {until} (hold 1): disks"));
    it.decide(request(true));
    assert_eq!(it.memory.runs[it.runs.last().unwrap()].state, RunState::Success, "a forced run begins");
    it.work(MINUTE * 5);
    assert_eq!(it.memory.runs[&run].state, RunState::Queued);
    it.work(MINUTE);
    assert_eq!(it.memory.runs[&run].state, RunState::Success);
}

#[test]
fn a_window_that_is_removed_ends_there_or_never_was() {
    let mut it = every_minute();
    it.decide(window(2, 60, Resume::All));
    it.decide(window(100, 200, Resume::None));
    it.decide(Event::HoldRemovalRequested { hold: HoldId(2), by: "ana".into() });
    it.work(MINUTE * 5);
    assert_eq!(marks(&it), "11");
    it.decide(Event::HoldRemovalRequested { hold: HoldId(1), by: "ana".into() });
    assert_eq!(marks(&it), "11111");
    it.work(MINUTE * 120);
    assert_eq!(it.fired(), 125);
}

#[test]
fn of_two_windows_that_are_removed_none_stays_open_in_either_order() {
    for order in [[1, 2], [2, 1]] {
        let mut it = every_minute();
        it.decide(window(1, 120, Resume::None));
        it.decide(window(2, 180, Resume::None));
        it.work(MINUTE * 5);
        for hold in order {
            it.decide(Event::HoldRemovalRequested { hold: HoldId(hold), by: "ana".into() });
            it.work(MINUTE);
        }
        assert!(it.memory.holds.is_empty(), "{order:?}: {:?}", it.memory.holds);
    }
}

#[test]
fn windows_that_overlap_hold_until_the_last_of_them_ends() {
    let mut it = every_minute();
    it.decide(window(1, 4, Resume::All));
    it.decide(window(3, 7, Resume::None));
    it.work(MINUTE * 6);
    assert_eq!(marks(&it), "1");
    it.outage(MINUTE * 2);
    // Instants 2 and 3 were held up by the first alone; of 4 the one that ends last decides.
    assert_eq!(marks(&it), "11100001");
}

#[test]
fn a_window_over_everything_holds_dags_that_come_later_and_those_that_catch_up() {
    for policy in [CatchupPolicy::Latest, CatchupPolicy::All] {
        let mut it = Clockwork::new(scheduled("* * * * *", policy));
        let Event::HoldRequested(request) = window(1, 5, Resume::None) else { unreachable!() };
        it.decide(Event::HoldRequested(HoldRequest { dags: None, ..request }));
        it.work(MINUTE * 2);
        let mut other = scheduled("* * * * *", policy);
        other.id = "other".into();
        let read = vec![build::text(other, 7)];
        let facts = step(&mut it.state, Event::DagsRead { read, gone: vec![], faults: vec![] }, it.now);
        assert_eq!(facts.transitions.len(), 1);
        let due = it.state.next_deadline().unwrap();
        assert_eq!(due, START.plus(MINUTE * 5), "nothing rings before the end");
    }
    let mut it = Clockwork::new(scheduled("* * * * *", CatchupPolicy::All));
    it.decide(window(1, 5, Resume::None));
    it.work(MINUTE * 7);
    assert_eq!(marks(&it), "1000011");
}

#[test]
fn a_window_of_many_ticks_is_decided_in_steps() {
    let mut dag = scheduled("* * * * * *", CatchupPolicy::None);
    dag.max_active_runs = 1;
    let mut it = Clockwork::new(dag);
    it.decide(window(1, 40, Resume::Latest));
    it.work(MINUTE * 41);
    let ticks = it.ticks();
    let fired = ticks.iter().filter(|(at, fired)| *fired && *at < START.plus(MINUTE * 40)).count();
    assert_eq!((ticks.len(), fired), (41 * 60, 60), "59 before the window, and the newest in it");
}

#[test]
fn a_window_that_makes_no_sense_is_refused() {
    let mut it = every_minute();
    let now = it.now;
    let mut ask = |event| step(&mut it.state, event, now).answer.unwrap();
    let Event::HoldRequested(good) = window(2, 6, Resume::All) else { unreachable!() };
    let cases = [
        HoldRequest { dags: Some(vec![]), ..good.clone() },
        HoldRequest { to: START.minus(MINUTE), ..good.clone() },
        HoldRequest { from: START.plus(MINUTE * 9), ..good.clone() },
    ];
    for bad in cases {
        assert!(matches!(ask(Event::HoldRequested(bad)), Answer::Refused(Refusal::BadHold(_))));
    }
    let unknown = HoldRequest { dags: Some(vec!["no".into()]), ..good };
    assert!(matches!(ask(Event::HoldRequested(unknown)), Answer::Refused(Refusal::UnknownDag(_))));
    let gone = Event::HoldRemovalRequested { hold: HoldId(9), by: "ana".into() };
    assert_eq!(ask(gone), Answer::Refused(Refusal::UnknownHold(HoldId(9))));
}

#[test]
fn a_skipped_tick_does_not_fire_also_after_a_restart() {
    let mut it = every_minute();
    it.decide(change(Some(minute(3)), Some(TickChange::Skip)));
    it.decide(change(None, Some(TickChange::Skip)));
    it.decide(change(None, Some(TickChange::Skip)));
    it.decide(change(Some(minute(2)), None));
    it.outage(Duration::ZERO);
    it.work(MINUTE * 5);
    assert_eq!(marks(&it), "01011", "the next, then the next after that, which was taken back");
    assert_eq!(it.memory.snapshot().changed_ticks, []);
}

#[test]
fn a_moved_tick_fires_at_its_new_time_with_its_old_date() {
    // Later than others, earlier than its own time, and over a restart.
    for restart in [false, true] {
        let mut it = every_minute();
        it.decide(change(Some(minute(2)), Some(TickChange::Move(START.plus(MINUTE * 5)))));
        it.decide(change(Some(minute(9)), Some(TickChange::Move(START.plus(Duration::from_secs(90))))));
        it.work(MINUTE * 3);
        let fired: Vec<Timestamp> = it.ticks().into_iter().map(|(at, _)| at).collect();
        assert_eq!(fired, [minute(1), minute(3), minute(9)]);
        let early = it.memory.runs.values().find(|run| run.logical_date == minute(9)).unwrap();
        assert_eq!(early.started_at, Some(START.plus(Duration::from_secs(90))));
        assert_eq!(early.interval, (minute(8), minute(9)));
        if restart {
            it.outage(MINUTE);
        }
        it.work(MINUTE * 8);
        assert_eq!(it.fired(), it.ticks().len(), "{restart}");
        assert!(it.ticks().len() >= 11, "{restart}");
        let late = it.memory.runs.values().find(|run| run.logical_date == minute(2)).unwrap();
        assert_eq!(late.started_at, Some(START.plus(MINUTE * 5)));
    }
}

#[test]
fn a_moved_tick_waits_for_a_window_and_shares_its_policy() {
    for (resume, fires) in [(Resume::All, true), (Resume::Latest, true), (Resume::None, false)] {
        let mut it = every_minute();
        it.decide(change(Some(minute(1)), Some(TickChange::Move(START.plus(MINUTE * 4)))));
        it.decide(window(3, 6, resume));
        it.outage(Duration::ZERO);
        it.work(MINUTE * 5);
        assert!(!it.memory.ticks.contains_key(&("it".into(), minute(1))));
        it.work(MINUTE * 2);
        assert_eq!(it.memory.ticks[&("it".into(), minute(1))].is_some(), fires, "{resume:?}");
    }
}

#[test]
fn a_moved_tick_that_was_missed_is_what_catchup_makes_of_it() {
    for (policy, fires) in [(CatchupPolicy::None, false), (CatchupPolicy::Latest, true)] {
        let mut it = Clockwork::new(scheduled("0 0 1 1 *", policy));
        let instant = it.dag.timetable.as_ref().unwrap().next_after(START).unwrap();
        it.decide(change(None, Some(TickChange::Move(START.plus(MINUTE)))));
        it.outage(MINUTE * 60);
        assert_eq!(it.memory.ticks[&("it".into(), instant)].is_some(), fires, "{policy:?}");
    }
}

#[test]
fn a_tick_that_cannot_be_changed_is_refused_with_its_reason() {
    let mut it = every_minute();
    it.work(MINUTE * 2);
    let said = |it: &mut Clockwork, event| match step(&mut it.state, event, it.now).answer.unwrap() {
        Answer::Refused(refusal) => refusal.to_string(),
        other => format!("{other:?}"),
    };
    let cases = [
        (change(Some(minute(1)), Some(TickChange::Skip)), "its time is over"),
        (change(Some(it.now.plus(MINUTE * 9)), Some(TickChange::Skip)), "no such instant"),
        (change(Some(minute(5)), Some(TickChange::Move(it.now))), "in the future"),
        (change(Some(minute(5)), None), "neither skipped nor moved"),
        (change(None, None), "no such tick"),
    ];
    for (event, words) in cases {
        let said = said(&mut it, event);
        assert!(said.contains(words), "{said}");
    }
    it.decide(change(Some(minute(3)), Some(TickChange::Move(START.plus(MINUTE * 9)))));
    it.work(MINUTE * 2);
    assert!(said(&mut it, change(Some(minute(3)), None)).contains("its own time is over"));
    it.decide(change(Some(minute(3)), Some(TickChange::Skip)));
    assert_eq!(it.memory.ticks.get(&("it".into(), minute(3))), Some(&None), "but it can still be skipped");
}

#[test]
fn a_moved_tick_of_a_schedule_that_was_edited_away_is_forgotten() {
    let mut it = every_minute();
    it.decide(change(Some(minute(2)), Some(TickChange::Move(START.plus(MINUTE * 5)))));
    it.dag = Arc::new(scheduled("0 0 1 1 *", CatchupPolicy::None));
    it.state = State::restore(it.memory.snapshot(), true, it.now);
    let read = vec![build::text(scheduled("0 0 1 1 *", CatchupPolicy::None), 9)];
    it.decide(Event::DagsRead { read, gone: vec![], faults: vec![] });
    let facts = step(&mut it.state, Event::TimePassed, START.plus(MINUTE * 5)).transitions;
    assert!(matches!(&facts[..], [Transition::TickRestored { by, .. }] if by == "schedule"), "{facts:?}");
}

/// Holds, changes, pauses, outages at random: each instant becomes one tick, and none is lost.
#[test]
fn each_instant_ticks_once_under_windows_changes_pauses_and_restarts() {
    for seed in 0..100 {
        let mut rng = Rng::new(seed);
        let policy = *rng.pick(&[CatchupPolicy::None, CatchupPolicy::Latest, CatchupPolicy::All]);
        let mut it = Clockwork::new(scheduled("* * * * *", policy));
        for _ in 0..40 {
            let minutes = |rng: &mut Rng, most| MINUTE * u32::try_from(rng.below(most)).unwrap();
            let length = minutes(&mut rng, 20);
            match rng.below(10) {
                0 => it.outage(length),
                1 => it.pause(true),
                2 => it.pause(false),
                3 | 4 => {
                    let resume = *rng.pick(&[Resume::All, Resume::Latest, Resume::None]);
                    let from = it.now.plus(minutes(&mut rng, 10));
                    let to = from.plus(MINUTE + minutes(&mut rng, 30));
                    let dags = rng.chance(50).then(|| vec!["it".into()]);
                    let (why, by) = ("why".into(), "ana".into());
                    it.decide(Event::HoldRequested(HoldRequest { dags, from, to, resume, why, by }));
                }
                5 => {
                    let holds = it.memory.snapshot().holds;
                    if !holds.is_empty() {
                        let hold = rng.pick(&holds).id;
                        it.decide(Event::HoldRemovalRequested { hold, by: "ana".into() });
                    }
                }
                6 => it.decide(change(None, Some(TickChange::Skip))),
                7 => {
                    let table = it.dag.timetable.clone().unwrap();
                    let instant = table.next_after(it.now.plus(minutes(&mut rng, 15))).unwrap();
                    let to = it.now.plus(MINUTE + minutes(&mut rng, 30));
                    it.decide(change(Some(instant), Some(TickChange::Move(to))));
                }
                8 => it.decide(change(None, None)),
                _ => it.work(length),
            }
        }
        it.pause(false);
        it.work(MINUTE * 120);
        let ticked: Vec<Timestamp> = it.ticks().iter().map(|(instant, _)| *instant).collect();
        assert_eq!(ticked, it.nominal(START), "seed {seed}, {policy:?}");
        assert_eq!(it.fired(), it.runs.len(), "seed {seed}");
        assert_eq!(it.memory.snapshot().holds, [], "seed {seed}");
    }
}
