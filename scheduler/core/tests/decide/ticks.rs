//! Schedules under outages, pauses and crashes: each nominal instant becomes exactly one tick, and which of
//! them fire is what `catchup` says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::{Catchup, CatchupPolicy, Dag, Overlap};
use nightrun_core::decide::{
    Choice, DagText, Effect, Event, Force, Outcome, Outputs, Part, RunRequest, State, Step, Transition, Used,
    Values, step,
};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Calendar, Cron, Dst, OnHoliday, Plan, Times, Timetable, Zone, jittered};

use crate::build;
use crate::memory::Memory;
use crate::rng::Rng;

/// A moment between two instants of every schedule below.
pub(crate) const START: Timestamp = Timestamp::from_nanos(1_795_000_030_000_000_000);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// One scheduler with one scheduled DAG, whose tasks succeed at once.
pub(crate) struct Clockwork {
    pub(crate) now: Timestamp,
    pub(crate) state: State,
    pub(crate) memory: Memory,
    pub(crate) dag: Arc<Dag>,
    pub(crate) runs: Vec<RunId>,
}

pub(crate) fn scheduled(cron: &str, policy: CatchupPolicy) -> Dag {
    let mut dag = build::dag("it", vec![build::task("only")], &[]);
    dag.timetable = Some(Timetable::new(Cron::parse(cron, Dst::Cron).unwrap(), Zone::utc()));
    dag.catchup = Catchup { policy, window: None, limit: 1000 };
    dag.max_active_runs = 3;
    dag
}

impl Clockwork {
    pub(crate) fn new(dag: Dag) -> Self {
        let mut it = Self {
            now: START,
            state: State::new(4, &BTreeMap::new()),
            memory: Memory::new(4, BTreeMap::new()),
            dag: Arc::new(dag),
            runs: vec![],
        };
        it.load();
        it
    }

    fn text(&self) -> DagText {
        DagText {
            dag: self.dag.clone(),
            path: "it.yaml".into(),
            text: "".into(),
            defaults: [].into(),
            hash: "1".into(),
        }
    }

    fn load(&mut self) {
        self.decide(Event::DagsRead { read: vec![self.text()], gone: vec![], faults: vec![] });
    }

    pub(crate) fn decide(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let Step { transitions, effects, .. } = step(&mut self.state, event, self.now);
            assert_eq!(self.state.check(self.now), Vec::<String>::new());
            for transition in &transitions {
                self.memory.take(transition, self.now, &|_| self.dag.clone());
                if let Transition::RunCreated { run, .. } = transition {
                    self.runs.push(*run);
                }
            }
            for effect in effects {
                if let Effect::Launch(attempt) = effect {
                    let outcome = Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free };
                    events.push(Event::AttemptFinished {
                        attempt,
                        at: self.now,
                        outcome,
                        used: Used::default(),
                    });
                }
            }
        }
    }

    /// Time passes while the scheduler works.
    pub(crate) fn work(&mut self, length: Duration) {
        let until = self.now.plus(length);
        while let Some(next) = self.state.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.decide(Event::TimePassed);
        }
        self.now = until;
    }

    /// Time passes while no scheduler is there; then one starts.
    pub(crate) fn outage(&mut self, length: Duration) {
        self.now = self.now.plus(length);
        self.state = State::restore(self.memory.snapshot(), true, self.now);
        self.decide(Event::Started);
        self.load();
    }

    pub(crate) fn pause(&mut self, paused: bool) {
        self.decide(Event::PauseRequested { dag: Some("it".into()), paused, by: "test".into(), why: None });
    }

    /// Whether each instant so far fired, in order.
    pub(crate) fn ticks(&self) -> Vec<(Timestamp, bool)> {
        self.memory.ticks.iter().map(|((_, instant), run)| (*instant, run.is_some())).collect()
    }

    pub(crate) fn fired(&self) -> usize {
        self.ticks().iter().filter(|(_, fired)| *fired).count()
    }

    /// Every instant of the schedule up to now, found by asking the schedule alone.
    pub(crate) fn nominal(&self, from: Timestamp) -> Vec<Timestamp> {
        let timetable = self.dag.timetable.as_ref().unwrap();
        std::iter::successors(timetable.next_after(from), |at| timetable.next_after(*at))
            .take_while(|at| *at <= self.now)
            .collect()
    }
}

#[test]
fn each_instant_ticks_once_through_outages_pauses_and_restarts() {
    for seed in 0..100 {
        let mut rng = Rng::new(seed);
        let policy = *rng.pick(&[CatchupPolicy::None, CatchupPolicy::Latest, CatchupPolicy::All]);
        let mut it = Clockwork::new(scheduled("* * * * *", policy));
        for _ in 0..30 {
            let length = MINUTE * u32::try_from(rng.below(40)).unwrap();
            match rng.below(5) {
                0 => it.outage(length),
                1 => it.pause(true),
                2 => it.pause(false),
                _ => it.work(length),
            }
        }
        it.pause(false);
        it.work(MINUTE * 2);
        let ticked: Vec<Timestamp> = it.ticks().iter().map(|(instant, _)| *instant).collect();
        assert_eq!(ticked, it.nominal(START), "seed {seed}, {policy:?}");
        assert_eq!(it.fired(), it.runs.len(), "seed {seed}");
    }
}

#[test]
fn a_short_outage_costs_no_run_and_a_long_one_is_left_out_unless_the_dag_catches_up() {
    let outcomes = [
        (CatchupPolicy::None, 5, 5),
        (CatchupPolicy::None, 60, 11),
        (CatchupPolicy::Latest, 60, 1),
        (CatchupPolicy::All, 60, 60),
    ];
    for (policy, minutes, runs) in outcomes {
        let mut it = Clockwork::new(scheduled("* * * * *", policy));
        it.outage(MINUTE * minutes);
        assert_eq!(
            it.fired(),
            if policy == CatchupPolicy::None { runs.min(10) } else { runs },
            "{policy:?} after {minutes}"
        );
        assert_eq!(it.ticks().len(), minutes as usize);
    }
}

#[test]
fn a_dag_that_catches_up_takes_the_newest_within_its_window_and_limit() {
    let mut dag = scheduled("*/10 * * * *", CatchupPolicy::All);
    dag.catchup.window = Some(MINUTE * 60);
    dag.catchup.limit = 4;
    let mut it = Clockwork::new(dag);
    it.outage(MINUTE * 180);
    let fired: Vec<Timestamp> =
        it.ticks().into_iter().filter(|(at, fired)| *fired && *at > START).map(|(at, _)| at).collect();
    let nominal = it.nominal(START);
    assert_eq!(fired, nominal[nominal.len() - 4..]);
}

#[test]
fn a_new_dag_fires_at_its_next_instant_and_one_with_a_start_date_catches_up_from_there() {
    let mut it = Clockwork::new(scheduled("* * * * *", CatchupPolicy::None));
    assert_eq!(it.fired(), 0);
    it.work(MINUTE);
    assert_eq!(it.fired(), 1);

    let mut dag = scheduled("* * * * *", CatchupPolicy::All);
    dag.start = Some(START.minus(MINUTE * 30));
    assert_eq!(Clockwork::new(dag).fired(), 30);

    let mut dag = scheduled("* * * * *", CatchupPolicy::Latest);
    dag.start = Some(START.minus(MINUTE * 30));
    assert_eq!(Clockwork::new(dag).fired(), 1);

    let mut dag = scheduled("* * * * *", CatchupPolicy::None);
    dag.start = Some(START.plus(MINUTE * 10));
    dag.end = Some(START.plus(MINUTE * 20));
    let mut it = Clockwork::new(dag);
    it.work(MINUTE * 60);
    assert_eq!(it.fired(), 10);
}

#[test]
fn a_pause_leaves_its_instants_out_and_an_edited_schedule_replays_nothing() {
    let mut it = Clockwork::new(scheduled("* * * * *", CatchupPolicy::None));
    it.pause(true);
    it.work(MINUTE * 5);
    it.pause(false);
    it.work(MINUTE * 5);
    assert_eq!((it.ticks().len(), it.fired()), (10, 5));

    let mut it = Clockwork::new(scheduled("0 0 1 1 *", CatchupPolicy::All));
    it.work(MINUTE * 30);
    it.dag = Arc::new(scheduled("* * * * *", CatchupPolicy::All));
    let read = vec![DagText { hash: "2".into(), ..it.text() }];
    it.decide(Event::DagsRead { read, gone: vec![], faults: vec![] });
    assert_eq!(it.fired(), 0);
    it.work(MINUTE * 2);
    assert_eq!(it.fired(), 2);
}

#[test]
fn a_full_dag_queues_skips_or_replaces() {
    for (overlap, fired, skipped) in [(Overlap::Queue, 6, 0), (Overlap::Skip, 2, 4), (Overlap::Replace, 6, 0)]
    {
        let mut dag = scheduled("* * * * *", CatchupPolicy::None);
        dag.max_active_runs = 2;
        dag.overlap = overlap;
        let mut state = State::new(4, &BTreeMap::new());
        let read = vec![build::text(dag, 1)];
        let _ = step(&mut state, Event::DagsRead { read, gone: vec![], faults: vec![] }, START);
        let mut ticks = (0, 0);
        for minute in 1..=6 {
            // Nobody carries out what is ordered: runs stay active.
            let now = START.plus(MINUTE * minute);
            for fact in step(&mut state, Event::TimePassed, now).transitions {
                if let Transition::Ticked { run, .. } = fact {
                    ticks = (ticks.0 + u32::from(run.is_some()), ticks.1 + u32::from(run.is_none()));
                }
            }
            assert_eq!(state.check(now), Vec::<String>::new());
        }
        assert_eq!(ticks, (fired, skipped), "{overlap:?}");
    }
}

#[test]
fn what_is_due_at_a_restart_fires_by_the_files_as_they_are_now_and_once() {
    let mut it = Clockwork::new(scheduled("* * * * *", CatchupPolicy::None));
    it.now = it.now.plus(MINUTE);
    it.state = State::restore(it.memory.snapshot(), true, it.now);
    let begun = step(&mut it.state, Event::Started, it.now);
    assert!(
        begun.transitions.is_empty() && begun.effects.is_empty(),
        "nothing fires before the files are read"
    );
    let files = Event::DagsRead { read: vec![it.text()], gone: vec![], faults: vec![] };
    let read = step(&mut it.state, files, it.now);
    let launches = read.effects.iter().filter(|effect| matches!(effect, Effect::Launch(_))).count();
    assert_eq!(launches, 1);
}

#[test]
fn a_schedule_that_missed_a_year_is_taken_in_steps() {
    let mut it = Clockwork::new(scheduled("* * * * *", CatchupPolicy::Latest));
    it.now = it.now.plus(MINUTE * 60 * 24 * 40);
    it.state = State::restore(it.memory.snapshot(), true, it.now);
    let first = step(&mut it.state, Event::TimePassed, it.now).transitions;
    assert!(first.len() < 25_000, "{} facts in one step", first.len());
    let mut fired = 0;
    for _ in 0..10 {
        let facts = step(&mut it.state, Event::TimePassed, it.now).transitions;
        fired += facts.iter().filter(|fact| matches!(fact, Transition::Ticked { run: Some(_), .. })).count();
    }
    assert_eq!(fired, 1);
    assert_eq!(it.state.version(&DagId::from("it")).map(|version| version.id.0), Some(1));
}

#[test]
fn a_dag_that_was_gone_over_a_restart_never_ticks_an_instant_again() {
    let mut dag = scheduled("* * * * *", CatchupPolicy::All);
    dag.start = Some(START.minus(MINUTE * 5));
    let mut it = Clockwork::new(dag);
    assert_eq!(it.fired(), 5);
    it.decide(Event::DagsRead { read: vec![], gone: vec!["it".into()], faults: vec![] });
    // A restarted scheduler is not told of a retired DAG, only how far its schedule had come.
    let mut snapshot = it.memory.snapshot();
    snapshot.dags.clear();
    it.state = State::restore(snapshot, true, it.now);
    it.decide(Event::Started);
    let read = vec![DagText { hash: "2".into(), ..it.text() }];
    it.decide(Event::DagsRead { read, gone: vec![], faults: vec![] });
    it.work(MINUTE * 2);
    assert_eq!(it.fired(), 7);
}

#[test]
fn catch_up_counts_back_from_the_end_of_a_schedule_that_is_over() {
    let mut dag = scheduled("* * * * *", CatchupPolicy::Latest);
    (dag.start, dag.end) = (Some(START.minus(MINUTE * 100)), Some(START.minus(MINUTE * 50)));
    assert_eq!(Clockwork::new(dag).fired(), 1);
}

#[test]
fn queued_runs_say_so_when_their_dag_is_gone_or_switched_off() {
    let mut dag = scheduled("* * * * *", CatchupPolicy::None);
    dag.max_active_runs = 1;
    let mut state = State::new(4, &BTreeMap::new());
    let mut read = |dag: &Dag, edition, gone: Vec<DagId>, now| {
        let read = if gone.is_empty() { vec![build::text(dag.clone(), edition)] } else { vec![] };
        step(&mut state, Event::DagsRead { read, gone, faults: vec![] }, now).transitions
    };
    let _ = read(&dag, 1, vec![], START);
    let _ = read(&dag, 2, vec![], START.plus(MINUTE));
    let _ = read(&dag, 3, vec![], START.plus(MINUTE * 2));
    let told = |facts: Vec<Transition>| {
        facts.into_iter().find_map(|fact| match fact {
            Transition::RunReasoned { reason, .. } => Some(reason.kind()),
            _ => None,
        })
    };
    dag.enabled = false;
    assert_eq!(told(read(&dag, 4, vec![], START.plus(MINUTE * 2))), Some("disabled"));
    assert_eq!(told(read(&dag, 4, vec!["it".into()], START.plus(MINUTE * 2))), Some("retired"));
}

#[test]
fn a_state_read_again_from_the_store_still_ends_what_takes_too_long() {
    let mut task = build::task("long");
    task.timeout = Some(MINUTE);
    task.grace = Duration::from_secs(10);
    let dag = Arc::new(build::dag("it", vec![task], &[]));
    let mut it = Clockwork {
        now: START,
        state: State::new(4, &BTreeMap::new()),
        memory: Memory::new(4, BTreeMap::new()),
        dag,
        runs: vec![],
    };
    let decide = |it: &mut Clockwork, event| {
        let step = step(&mut it.state, event, it.now);
        for fact in &step.transitions {
            it.memory.take(fact, it.now, &|_| it.dag.clone());
        }
        step.effects
    };
    let read = vec![it.text()];
    decide(&mut it, Event::DagsRead { read, gone: vec![], faults: vec![] });
    let request = RunRequest {
        dag: "it".into(),
        params: Values::new(),
        logical_date: None,
        part: Part::default(),
        force: false,
        by: "test".into(),
    };
    let launched = decide(&mut it, Event::RunRequested(request));
    let Some(Effect::Launch(attempt)) = launched.first().cloned() else { panic!("{launched:?}") };
    decide(&mut it, Event::AttemptStarted { attempt, pid: 7, at: START });
    // The store refused a commit meanwhile: the loop reads the state again, and nothing is lost.
    it.state = State::restore(it.memory.snapshot(), true, it.now);
    it.now = START.plus(MINUTE);
    assert_eq!(decide(&mut it, Event::TimePassed), [Effect::Stop { attempt, force: Force::Term }]);
    it.state = State::restore(it.memory.snapshot(), true, it.now);
    it.now = it.now.plus(Duration::from_secs(10));
    assert_eq!(decide(&mut it, Event::TimePassed), [Effect::Stop { attempt, force: Force::Kill }]);
}

/// A DAG whose schedule was put together by hand.
fn planned(times: Times, change: impl FnOnce(&mut Plan)) -> Dag {
    let mut plan = Plan::new(times, Zone::utc());
    change(&mut plan);
    let mut dag = scheduled("0 0 1 1 *", CatchupPolicy::None);
    dag.timetable = Some(plan.into());
    dag.max_active_runs = 1;
    dag
}

/// A calendar on which today, a Wednesday, is no business day.
fn today_off() -> Calendar {
    let mut calendar = Calendar::weekdays();
    calendar.add("2026-11-18".parse().unwrap(), &"Buss- und Bettag".into());
    calendar
}

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn a_tick_on_a_holiday_is_skipped_and_says_why() {
    let times = Times::Cron(Cron::parse("0 * * * *", Dst::Cron).unwrap());
    let mut it = Clockwork::new(planned(times, |plan| {
        plan.calendar = Some((today_off().into(), OnHoliday::Skip));
    }));
    let mut reasons = Vec::new();
    it.now = START.plus(HOUR);
    for fact in step(&mut it.state, Event::TimePassed, it.now).transitions {
        if let Transition::Ticked { skipped, .. } = fact {
            reasons.extend(skipped.map(|reason| reason.to_string()));
        }
    }
    assert_eq!(reasons, ["no business day: Buss- und Bettag (calendar `weekdays`)"]);
}

#[test]
fn catch_up_counts_what_fires_and_not_what_a_calendar_leaves_out() {
    // From a Wednesday that is off, over a weekend, to a Tuesday: Thursday, Friday, Monday, Tuesday fire.
    for (policy, limit, fired) in
        [(CatchupPolicy::All, 100, 4), (CatchupPolicy::All, 3, 3), (CatchupPolicy::Latest, 1, 1)]
    {
        let times = Times::Cron(Cron::parse("0 12 * * *", Dst::Cron).unwrap());
        let mut dag = planned(times, |plan| plan.calendar = Some((today_off().into(), OnHoliday::Skip)));
        dag.catchup = Catchup { policy, window: None, limit };
        let mut it = Clockwork::new(dag);
        it.outage(HOUR * (24 * 6 + 1));
        assert_eq!((it.ticks().len(), it.fired()), (7, fired), "{policy:?}, {limit}");
    }
}

#[test]
fn jitter_moves_the_moment_and_never_the_date() {
    let jitter = MINUTE * 30;
    let mut it = Clockwork::new(planned(Times::Every(HOUR), |plan| plan.jitter = jitter));
    it.work(HOUR * 2);
    it.outage(MINUTE * 3);
    it.work(HOUR * 10);
    let nominal = it.nominal(START);
    let due = nominal.iter().filter(|at| jittered("it", **at, jitter) <= it.now).count();
    assert_eq!((it.fired(), it.ticks().len()), (due, due));
    assert!(it.ticks().iter().zip(&nominal).all(|((at, _), nominal)| at == nominal));
    let late: Vec<Duration> = nominal.iter().map(|at| jittered("it", *at, jitter).since(*at)).collect();
    assert!(late.iter().all(|late| *late < jitter) && late.iter().any(|late| *late > MINUTE), "{late:?}");
    let next = jittered("it", nominal[due - 1].plus(HOUR), jitter);
    assert_eq!(it.state.next_deadline(), Some(next), "the timer is armed for the moment");
}

#[test]
fn once_fires_when_it_is_first_loaded_and_never_again() {
    let mut it = Clockwork::new(planned(Times::Once, |_| {}));
    assert_eq!(it.fired(), 1);
    it.outage(HOUR);
    it.pause(true);
    it.pause(false);
    let read = vec![DagText { hash: "2".into(), ..it.text() }];
    it.decide(Event::DagsRead { read, gone: vec![], faults: vec![] });
    it.decide(Event::DagsRead { read: vec![], gone: vec!["it".into()], faults: vec![] });
    it.load();
    it.work(HOUR);
    assert_eq!((it.fired(), it.ticks().len()), (1, 1));
}

#[test]
fn once_waits_for_its_start_and_for_the_end_of_a_pause() {
    let mut it = Clockwork::new(planned(Times::Once, |plan| plan.anchor = Some(START.plus(HOUR))));
    it.pause(true);
    it.work(HOUR * 2);
    assert_eq!(it.ticks(), []);
    it.pause(false);
    assert_eq!(it.ticks(), [(START.plus(HOUR), true)]);

    let mut dag = planned(Times::Once, |_| {});
    dag.enabled = false;
    let mut it = Clockwork::new(dag.clone());
    it.outage(HOUR);
    dag.enabled = true;
    it.dag = Arc::new(dag);
    let read = vec![DagText { hash: "2".into(), ..it.text() }];
    it.decide(Event::DagsRead { read, gone: vec![], faults: vec![] });
    assert_eq!(it.fired(), 1);

    let mut late = Clockwork::new(planned(Times::Once, |plan| plan.anchor = Some(START.minus(HOUR))));
    late.work(HOUR);
    assert_eq!(late.ticks(), [(START.minus(HOUR), true)], "a start in the past is no reason not to fire");
}

#[test]
fn a_continuous_dag_begins_again_when_its_run_has_ended() {
    let dag = planned(Times::Continuous, |_| {});
    let mut state = State::new(4, &BTreeMap::new());
    let mut at_work = Vec::new();
    let mut decide = |event, now| {
        let step = step(&mut state, event, now);
        assert_eq!(state.check(now), Vec::<String>::new());
        at_work.extend(step.effects.into_iter().filter_map(|effect| match effect {
            Effect::Launch(attempt) => Some(attempt),
            _ => None,
        }));
        (at_work.clone(), state.next_deadline())
    };
    let read = Event::DagsRead { read: vec![build::text(dag, 1)], gone: vec![], faults: vec![] };
    let (first, armed) = decide(read, START);
    assert_eq!((first.len(), armed), (1, None), "it begins at once, and waits for nothing but its end");
    let end = |attempt| {
        let outcome = Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free };
        Event::AttemptFinished { attempt, at: START, outcome, used: Used::default() }
    };
    let later = START.plus(MINUTE);
    assert_eq!(decide(end(first[0]), later).0.len(), 2, "the next begins in the same moment");
    let (second, armed) = decide(end(first[0]), later);
    assert_eq!((second.len(), armed), (2, None));
    let (third, armed) = decide(end(second[1]), later);
    assert_eq!((third.len(), armed), (2, Some(later.plus(Duration::from_secs(1)))), "but not in haste");
}

#[test]
fn a_calendar_that_changed_while_no_scheduler_ran_replays_nothing() {
    let daily = |calendar: Calendar| {
        let times = Times::Cron(Cron::parse("0 * * * *", Dst::Cron).unwrap());
        let mut dag = planned(times, |plan| plan.calendar = Some((calendar.into(), OnHoliday::Skip)));
        dag.catchup.policy = CatchupPolicy::All;
        dag
    };
    let mut it = Clockwork::new(daily(today_off()));
    it.now = it.now.plus(HOUR * 3);
    // The stored text is read with the calendar as it is now.
    it.dag = Arc::new(daily(Calendar::weekdays()));
    let mut snapshot = it.memory.snapshot();
    let stored = &snapshot.dags[0].version;
    let version = nightrun_core::decide::Version::new(
        stored.id,
        stored.hash.clone(),
        stored.path.clone(),
        it.dag.clone(),
    );
    snapshot.dags[0].version = Arc::new(version);
    it.state = State::restore(snapshot, true, it.now);
    it.decide(Event::Started);
    let read = vec![DagText { hash: "2".into(), ..it.text() }];
    it.decide(Event::DagsRead { read, gone: vec![], faults: vec![] });
    assert_eq!(it.ticks(), []);
    it.work(HOUR);
    assert_eq!(it.fired(), 1);
}
