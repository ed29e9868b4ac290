//! Task instances over all runs, and one task through its runs.

use super::*;
use crate::store::{Page, Reader, TaskFilter};

/// Runs 1 to 4: `extract` failed in 1 and 3, went well in 2, works in 4; run 5 is of `mail`. `load` came in version 2.
fn some_days() -> Place {
    let begun = |run, dag, version| {
        vec![created(run, dag, version), run_moved(run, RunState::Queued, RunState::Running, Reason::Active)]
    };
    let well = |run| [task_begins(run, 0), task_succeeds(run, 0, Outputs::new())].concat();
    let badly = |run| [task_begins(run, 0), task_fails(run, 0)].concat();
    Place::holding(
        [
            vec![loaded("etl", 1, &["extract", "gone"]), loaded("mail", 2, &["send"])],
            begun(1, "etl", 1),
            badly(1),
            vec![loaded("etl", 3, &["extract", "load"])],
            begun(2, "etl", 3),
            well(2),
            begun(3, "etl", 3),
            badly(3),
            begun(4, "etl", 3),
            task_begins(4, 0),
            begun(5, "mail", 2),
            badly(5),
        ]
        .concat(),
    )
}

fn names(place: &Place, filter: &TaskFilter, limit: u32) -> Vec<String> {
    let page = Reader::open(&place.path).unwrap().read_now(|page| page.task_items(filter, limit)).unwrap();
    page.items.iter().map(|item| format!("{}/{}", item.run_id, item.name())).collect()
}

#[test]
fn task_instances_of_all_runs_are_listed_newest_first() {
    let place = some_days();
    let all = TaskFilter::default;
    assert_eq!(names(&place, &all(), 4), ["5/send", "4/load", "4/extract", "3/load"]);
    let etl = Some("etl".into());
    let failed = vec![TaskState::Failed];
    for (filter, wanted) in [
        (TaskFilter { states: failed.clone(), ..all() }, &["5/send", "3/extract", "1/extract"][..]),
        (TaskFilter { states: failed.clone(), dag: etl.clone(), ..all() }, &["3/extract", "1/extract"]),
        (
            TaskFilter { states: vec![TaskState::Running, TaskState::Success], ..all() },
            &["4/extract", "2/extract"],
        ),
        (TaskFilter { states: vec![TaskState::Running], dag: etl.clone(), ..all() }, &["4/extract"]),
        (TaskFilter { states: vec![TaskState::Canceled], ..all() }, &[]),
        (TaskFilter { task: Some("load".into()), ..all() }, &["4/load", "3/load", "2/load"]),
        (TaskFilter { task: Some("gone".into()), dag: etl.clone(), ..all() }, &["1/gone"]),
        (TaskFilter { dag_part: Some("mai".into()), ..all() }, &["5/send"]),
        (TaskFilter { among: Some(vec!["m*".into()]), states: failed.clone(), ..all() }, &["5/send"]),
        (TaskFilter { among: Some(vec![]), ..all() }, &[]),
        (
            TaskFilter { date_from: Some(at(300)), date_until: Some(at(400)), ..all() },
            &["3/load", "3/extract"],
        ),
        (TaskFilter { before: Some(instance(3, 1)), states: failed, ..all() }, &["3/extract", "1/extract"]),
    ] {
        assert_eq!(names(&place, &filter, 9), wanted, "{filter:?}");
    }
}

#[test]
fn pages_of_task_instances_leave_none_out_and_none_twice() {
    let place = some_days();
    let reader = Reader::open(&place.path).unwrap();
    let states = [TaskState::Failed, TaskState::Success, TaskState::Running, TaskState::Waiting];
    for states in [&[][..], &states[..1], &states[..]] {
        for dag in [None, Some("etl".into())] {
            let mut filter = TaskFilter { states: states.to_vec(), dag, ..TaskFilter::default() };
            let whole = names(&place, &filter, 99);
            let mut paged = Vec::new();
            loop {
                let page = reader.read_now(|page| page.task_items(&filter, 2)).unwrap();
                paged.extend(page.items.iter().map(|item| format!("{}/{}", item.run_id, item.name())));
                filter.before = page.next;
                if page.next.is_none() {
                    break;
                }
            }
            assert_eq!(paged, whole);
        }
    }
}

#[test]
fn a_task_is_followed_through_the_runs_of_its_dag() {
    let place = some_days();
    let runs = |task: &str, before: Option<i64>, limit| {
        let read = |page: &Page| page.task_runs(&"etl".into(), task, before.map(RunId), limit);
        let rows = Reader::open(&place.path).unwrap().read_now(read).unwrap();
        rows.iter().map(|row| format!("{} {}", row.run, row.state)).collect::<Vec<_>>()
    };
    assert_eq!(runs("extract", None, 9), ["4 running", "3 failed", "2 success", "1 failed"]);
    assert_eq!(runs("extract", None, 1), ["4 running"]);
    assert_eq!(runs("extract", Some(3), 9), ["2 success", "1 failed"]);
    assert_eq!(runs("load", None, 9), ["4 waiting", "3 waiting", "2 waiting"]);
    assert_eq!(runs("gone", None, 9), ["1 waiting"]);
    assert_eq!(runs("nobody", None, 9), [] as [&str; 0]);
    let had = |task| Reader::open(&place.path).unwrap().read_now(|page| page.had_task(&"etl".into(), task));
    assert_eq!((had("gone").unwrap(), had("send").unwrap()), (true, false));
}

#[test]
fn a_task_in_a_run_tells_what_it_took() {
    let place = some_days();
    let read = |page: &Page| page.task_runs(&"etl".into(), "extract", Some(RunId(3)), 1);
    let row = Reader::open(&place.path).unwrap().read_now(read).unwrap().remove(0);
    assert_eq!((row.attempts, row.begun_at, row.started_at), (1, Some(at(2_000)), Some(at(2_000))));
    assert_eq!((row.ended_at, row.used.cpu_us, row.items), (Some(NOW), Some(1_500), 0));
    let end = |id| {
        Reader::open(&place.path).unwrap().read_now(|page| page.last_end(RunId(2), &[(TaskIndex(0), id)]))
    };
    assert_eq!((end("extract").unwrap(), end("load").unwrap()), (Some(NOW), None));
}
