//! Which DAGs fail is found again from what has moved, and is the same as when all are looked at.

use nightrun_core::decide::{Reason, RunState};
use nightrun_core::id::RunId;

use super::{Place, commit, created, loaded, run_moved};
use crate::store::{FailingDags, Reader, RunFilter};

fn ends(run: i64, state: RunState) -> Vec<nightrun_core::decide::Transition> {
    vec![
        run_moved(run, RunState::Queued, RunState::Running, Reason::Active),
        run_moved(run, RunState::Running, state, Reason::Done),
    ]
}

#[test]
fn what_fails_is_kept_up_to_date_by_what_moved() {
    let place = Place::new();
    let writer = place.open();
    let reader = Reader::open(&place.path).unwrap();
    let all = || reader.read_now(|page| page.failing(None)).unwrap();
    let since = |known: &FailingDags| reader.read_now(|page| page.failing(Some(known))).unwrap();
    commit(&writer, vec![loaded("etl", 1, &["a"]), loaded("mail", 2, &["b"]), created(1, "etl", 1)]).unwrap();
    let mut known = all();
    for facts in [
        ends(1, RunState::Failed),
        vec![created(2, "mail", 2), created(3, "etl", 1)],
        ends(2, RunState::Failed),
        ends(3, RunState::Success),
    ] {
        commit(&writer, facts).unwrap();
        known = since(&known);
        assert_eq!(known, all());
    }
    let standings = reader.read_now(|page| page.standings(&known)).unwrap();
    let failing: Vec<_> = standings.iter().map(|dag| (dag.dag.as_str(), dag.failing)).collect();
    assert_eq!(failing, [("etl", false), ("mail", true)]);
}

#[test]
fn runs_are_found_by_a_part_of_a_name_and_turned_both_ways() {
    let place = Place::new();
    let writer = place.open();
    let reader = Reader::open(&place.path).unwrap();
    commit(&writer, vec![loaded("etl", 1, &["a"]), loaded("mail", 2, &["b"])]).unwrap();
    for run in 1..=6 {
        let (dag, version) = if run % 2 == 0 { ("mail", 2) } else { ("etl", 1) };
        commit(&writer, vec![created(run, dag, version)]).unwrap();
    }
    let ids = |filter: RunFilter| -> Vec<i64> {
        let runs = reader.read_now(|page| page.runs(&filter, 2)).unwrap();
        runs.iter().map(|run| run.run_id.0).collect()
    };
    let all = RunFilter::default;
    assert_eq!(ids(RunFilter { dag_part: Some("t".into()), ..all() }), [5, 3]);
    assert_eq!(ids(RunFilter { after: Some(RunId(2)), ..all() }), [4, 3]);
    assert_eq!(
        ids(RunFilter { date_from: Some(super::at(200)), date_until: Some(super::at(400)), ..all() }),
        [3, 2]
    );
    assert_eq!(ids(RunFilter { late: true, ..all() }), [0_i64; 0]);
}
