//! The runs beside a run stand as the grid has them.

use nightrun_core::decide::{TaskState, Transition};
use nightrun_core::id::{RunId, TaskIndex};

use super::{Place, at, commit, created, loaded};
use crate::store::Reader;

/// A run of this date.
fn dated(run: i64, date: i64, version: i64) -> Transition {
    let Transition::RunCreated {
        run,
        dag,
        version,
        run_type,
        interval_start,
        interval_end,
        params,
        reason,
        by,
        backfill,
        parent,
        ..
    } = created(run, "etl", version)
    else {
        unreachable!("a run is created")
    };
    Transition::RunCreated {
        run,
        dag,
        version,
        run_type,
        logical_date: at(date),
        interval_start,
        interval_end,
        params,
        reason,
        by,
        backfill,
        parent,
    }
}

#[test]
fn a_run_stands_between_those_of_the_dates_beside_it_with_its_task_in_each() {
    let place = Place::new();
    let writer = place.open();
    let reader = Reader::open(&place.path).unwrap();
    commit(&writer, vec![loaded("etl", 1, &["a"]), loaded("mail", 2, &["a"]), created(9, "mail", 2)])
        .unwrap();
    // Run 3 fills a gap; of two with one date the later number stands behind.
    commit(&writer, vec![dated(1, 100, 1), dated(2, 300, 1), dated(3, 200, 1), dated(4, 300, 1)]).unwrap();
    commit(&writer, vec![loaded("etl", 3, &["b", "a"]), dated(5, 400, 3)]).unwrap();
    let around = |run: i64, task: Option<&str>, each: u32| {
        reader.read_now(|page| page.around(&"etl".into(), RunId(run), task, each)).unwrap()
    };
    let runs = |run: i64, each: u32| around(run, None, each).iter().map(|it| it.run.0).collect::<Vec<_>>();
    assert_eq!(runs(2, 9), [1, 3, 2, 4, 5]);
    assert_eq!(runs(2, 1), [3, 2, 4]);
    assert_eq!(runs(1, 2), [1, 3, 2]);
    assert_eq!(runs(5, 1), [4, 5]);
    assert_eq!(runs(77, 2), [0_i64; 0], "a run that is gone has nobody beside it");

    let grid = reader.read_now(|page| page.grid(&"etl".into(), 9)).unwrap();
    for task in ["a", "b", "nobody"] {
        for it in around(2, Some(task), 9) {
            let column = grid.runs.iter().find(|column| column.run.run_id == it.run).unwrap();
            let place = grid.versions[&column.version].iter().position(|id| id == task);
            let index = place.map(|place| TaskIndex(u32::try_from(place).unwrap()));
            let drawn: Option<TaskState> =
                column.tasks.iter().find(|(task, _, _)| Some(*task) == index).map(|(_, _, state)| *state);
            assert_eq!(it.task, drawn, "{task} in run {}", it.run);
        }
    }
    assert!(around(2, Some("a"), 9).iter().all(|it| it.task == Some(TaskState::Waiting)));
}
