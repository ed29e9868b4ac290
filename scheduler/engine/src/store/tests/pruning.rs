//! Old runs go, and what is left still is what the log says.

use std::collections::{BTreeMap, BTreeSet};

use nightrun_core::dag::spec::Keep;
use nightrun_core::decide::Output;
use serde_json::json;

use super::*;
use crate::store::project::TABLES_OF_RUNS;
use crate::store::{Fault, Reader, check, load, rebuild};

/// A run of `etl` in this version, from its making to its end.
fn a_whole_run(run: i64, version: i64) -> Vec<Transition> {
    let outputs = Outputs::from([("rows".to_owned(), Output::Inline(json!(run)))]);
    [
        vec![
            created(run, "etl", version),
            Transition::Ticked {
                dag: "etl".into(),
                instant: at(run * 100),
                run: Some(RunId(run)),
                skipped: None,
            },
            run_moved(run, RunState::Queued, RunState::Running, Reason::Active),
        ],
        task_begins(run, 0),
        task_succeeds(run, 0, outputs),
        vec![
            task_moved(run, 1, TaskState::Waiting, TaskState::Skipped, Reason::WhenFalse),
            run_moved(run, RunState::Running, RunState::Success, Reason::Done),
        ],
    ]
    .concat()
}

fn pruned(runs: &[i64], versions: &[i64]) -> Transition {
    Transition::Pruned {
        runs: runs.iter().map(|run| RunId(*run)).collect(),
        versions: versions.iter().map(|version| VersionId(*version)).collect(),
        by: "retention".into(),
    }
}

/// Runs 1 and 2 in version 1, run 3 in version 2.
fn three_nights() -> Vec<Transition> {
    [
        vec![loaded("etl", 1, &["extract", "load"])],
        a_whole_run(1, 1),
        a_whole_run(2, 1),
        vec![loaded("etl", 2, &["extract", "load"])],
        a_whole_run(3, 2),
    ]
    .concat()
}

#[test]
fn a_pruned_run_leaves_its_tick_and_nothing_else() {
    let place = Place::holding([three_nights(), vec![pruned(&[1, 2], &[])]].concat());
    for (table, column) in TABLES_OF_RUNS {
        let left = place.rows(&format!("SELECT DISTINCT {column} FROM {table}"));
        assert!(left.is_empty() || left == "3", "{table}: {left}");
    }
    assert_eq!(place.rows("SELECT instant, run, pruned FROM tick"), "100|-|1\n200|-|2\n300|3|-");
    let facts = "SELECT DISTINCT json_extract(body, '$.fact') FROM transition_log WHERE run < 3";
    assert_eq!(place.rows(facts), "ticked");
    assert_eq!(check(&place.path).unwrap(), []);
}

#[test]
fn a_pruned_version_leaves_that_it_was_in_force() {
    let place = Place::holding([three_nights(), vec![pruned(&[1, 2], &[]), pruned(&[], &[1])]].concat());
    assert_eq!(place.rows("SELECT id FROM dag_version"), "2");
    let texts = "SELECT json_extract(body, '$.version'), length(json_extract(body, '$.text')) > 0
                 FROM transition_log WHERE json_extract(body, '$.fact') = 'dag_loaded'";
    assert_eq!(place.rows(texts), "1|0\n2|1");
    assert_eq!(check(&place.path).unwrap(), []);
    let target = Place::new();
    rebuild(&place.path, &target.path).unwrap();
    assert_eq!(check(&target.path).unwrap(), []);
}

#[test]
fn a_run_that_is_not_over_is_never_pruned() {
    let place = Place::holding(a_run());
    let refused = commit(&place.open(), vec![pruned(&[1], &[])]).unwrap_err();
    assert!(matches!(refused.fault, Fault::Unlawful(_)), "{refused}");
    assert_eq!(place.rows("SELECT id FROM run"), "1");
}

#[test]
fn pruning_twice_changes_nothing() {
    let place = Place::holding([three_nights(), vec![pruned(&[1], &[]), pruned(&[1], &[])]].concat());
    assert_eq!(place.rows("SELECT id FROM run"), "2\n3");
    assert_eq!(check(&place.path).unwrap(), []);
}

#[test]
fn the_number_of_a_pruned_run_is_never_used_again() {
    let place = Place::holding([three_nights(), vec![pruned(&[3, 2], &[])]].concat());
    let loaded = load(&place.path, 1, BTreeMap::new(), |_| None).unwrap();
    assert_eq!(loaded.snapshot.next_run, 4);
}

/// A new table of runs must be pruned too: this fails until it stands in the list.
#[test]
fn no_table_of_runs_is_forgotten() {
    let place = Place::holding(vec![]);
    let found = place.rows(
        "SELECT DISTINCT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND (c.name = 'run' OR t.name = 'run')
           AND t.name NOT IN ('tick', 'backfill_item', 'transition_log') ORDER BY t.name",
    );
    let mut listed = TABLES_OF_RUNS.map(|(table, _)| table);
    listed.sort_unstable();
    assert_eq!(found, listed.join("\n"));
}

#[test]
fn a_run_is_old_by_its_place_or_by_its_age() {
    let place = Place::holding(three_nights());
    let reader = Reader::open(&place.path).unwrap();
    let old = |runs, days, now| {
        let keep = Keep { runs, days };
        let old = reader.read_now(|page| page.old_runs(&"etl".into(), keep, at(now))).unwrap();
        old.iter().map(|old| old.run.0).collect::<Vec<_>>()
    };
    let day = 86_400_000_000_000;
    assert_eq!(old(None, None, 1_000 + 99 * day), [0; 0]);
    assert_eq!(old(Some(1), None, 1_000), [1, 2]);
    assert_eq!(old(Some(3), Some(1), 1_000 + day), [0; 0]);
    assert_eq!(old(Some(3), Some(1), 1_001 + day), [1, 2, 3]);
    let weight = reader.read_now(|page| page.weigh(RunId(1))).unwrap();
    assert!(weight.log > 500 && weight.values == 0, "{weight:?}");
}

#[test]
fn a_version_is_old_when_ten_came_after_it_and_no_run_is_left_of_it() {
    let versions = (3..=11).map(|version| loaded("etl", version, &["extract", "load"])).collect();
    let place = Place::holding([three_nights(), versions].concat());
    let reader = Reader::open(&place.path).unwrap();
    let old = |gone: &[i64]| {
        let gone: BTreeSet<RunId> = gone.iter().map(|run| RunId(*run)).collect();
        reader.read_now(|page| page.old_versions(&"etl".into(), &gone)).unwrap()
    };
    assert_eq!(old(&[1]), []);
    assert_eq!(old(&[1, 2, 3]), [VersionId(1)], "version 2 is the tenth");
    assert_eq!(reader.read_now(|page| page.gone_runs(&[RunId(3), RunId(4)])).unwrap(), []);
}
