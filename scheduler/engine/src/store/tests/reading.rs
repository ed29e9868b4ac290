//! What the pages show.

use std::time::Duration;

use nightrun_core::decide::Output;
use nightrun_core::id::TaskIndex;
use serde_json::json;

use super::*;
use crate::store::{Fault, Page, Reader, RunFilter};

fn reader(place: &Place) -> Reader {
    Reader::open(&place.path).unwrap()
}

fn inline(name: &str, value: impl Into<serde_json::Value>) -> Outputs {
    Outputs::from([(name.to_owned(), Output::Inline(value.into()))])
}

/// Five runs of `etl` and one of `mail`: 1 and 2 over, 3 failed, 4 running, 5 and 6 queued.
fn a_week() -> Place {
    let over = |run, to| {
        let reason = Reason::Done;
        vec![
            created(run, "etl", 1),
            run_moved(run, RunState::Queued, RunState::Running, Reason::Active),
            run_moved(run, RunState::Running, to, reason),
        ]
    };
    Place::holding(
        [
            vec![loaded("etl", 1, &["extract", "load"]), loaded("mail", 2, &["send"])],
            over(1, RunState::Success),
            over(2, RunState::Success),
            over(3, RunState::Failed),
            vec![created(4, "etl", 1), run_moved(4, RunState::Queued, RunState::Running, Reason::Active)],
            vec![created(5, "etl", 1), created(6, "mail", 2)],
        ]
        .concat(),
    )
}

#[test]
fn runs_are_listed_newest_first_in_pages() {
    let place = a_week();
    let ids = |filter: RunFilter, limit| -> Vec<i64> {
        let runs = reader(&place).read_now(|page| page.runs(&filter, limit)).unwrap();
        runs.iter().map(|run| run.run_id.0).collect()
    };
    let all = RunFilter::default;
    assert_eq!(ids(all(), 4), [6, 5, 4, 3]);
    assert_eq!(ids(RunFilter { before: Some(RunId(3)), ..all() }, 4), [2, 1]);
    assert_eq!(ids(RunFilter { dag: Some("etl".into()), ..all() }, 2), [5, 4]);
    assert_eq!(ids(RunFilter { state: Some(RunState::Success), ..all() }, 9), [2, 1]);
    let failed = RunFilter { dag: Some("etl".into()), state: Some(RunState::Failed), ..all() };
    assert_eq!(ids(failed, 9), [3]);
    assert_eq!(ids(RunFilter { run_type: Some(RunType::Scheduled), ..all() }, 9), [] as [i64; 0]);
    assert_eq!(ids(RunFilter { since: Some(NOW), until: Some(NOW), ..all() }, 9), [] as [i64; 0]);
    assert_eq!(ids(RunFilter { since: Some(NOW), ..all() }, 1), [6]);
}

#[test]
fn a_run_in_a_list_has_exactly_its_seven_fields() {
    let place = a_week();
    let runs = reader(&place).read_now(|page| page.runs(&RunFilter::default(), 3)).unwrap();
    assert_eq!(
        serde_json::to_string(&runs[2]).unwrap(),
        r#"{"run_id":"4","dag":"etl","run_type":"manual","logical_date":"1970-01-01T00:00:00.000000400Z","state":"running","started_at":"1970-01-01T00:00:00.000001000Z","ended_at":null}"#
    );
}

#[test]
fn a_run_is_shown_with_tasks_attempts_and_outputs() {
    let place =
        Place::holding([a_run(), task_begins(1, 0), task_succeeds(1, 0, inline("rows", 12))].concat());
    let run = reader(&place).read_now(|page| page.run(RunId(1), None)).unwrap().unwrap();
    let text = serde_json::to_string(&run).unwrap();
    assert!(
        text.starts_with(concat!(
            r#"{"run_id":"1","dag":"etl","state":"running","tasks":["#,
            r#"{"id":"extract","state":"success","reason":"done","attempts":["#,
            r#"{"number":1,"state":"success","started_at":"1970-01-01T00:00:00.000002000Z","#,
            r#""ended_at":"1970-01-01T00:00:00.000003000Z","exit_code":0,"signal":null,"#,
        )),
        "{text}"
    );
    let shown = serde_json::to_value(&run).unwrap();
    assert_eq!(shown["tasks"][0]["outputs"], json!({ "rows": 12 }));
    assert_eq!(shown["tasks"][0]["reason_kind"], "done");
    assert_eq!(
        (&shown["tasks"][1]["reason"], &shown["tasks"][1]["attempts"], &shown["tasks"][1]["outputs"]),
        (&json!("waits for its upstream tasks"), &json!([]), &json!({}))
    );
    assert_eq!((&shown["params"], &shown["by"]), (&json!({ "day": "monday" }), &json!("ana")));
    assert_eq!(reader(&place).read_now(|page| page.run(RunId(2), None)).unwrap(), None);
}

#[test]
fn a_large_output_is_shown_by_its_file_unless_the_data_folder_is_at_hand() {
    let value = json!("x".repeat(100_000));
    let place = Place::new();
    let data = place.data.path();
    let output = crate::store::spill(data, &value).unwrap();
    let Output::Spilled { sha256, bytes } = output.clone() else { panic!("too large for a row") };
    let outputs = Outputs::from([("big".to_owned(), output)]);
    let writer = place.open();
    commit(&writer, [a_run(), task_begins(1, 0), task_succeeds(1, 0, outputs)].concat()).unwrap();
    let shown = |data| {
        let run = reader(&place).read_now(|page| page.run(RunId(1), data)).unwrap().unwrap();
        run.tasks[0].outputs["big"].clone()
    };
    assert_eq!(shown(None), json!({ "$file": sha256, "bytes": bytes }));
    assert_eq!(shown(Some(data)), value);
}

#[test]
fn outputs_are_those_of_the_last_attempt() {
    let place = Place::holding(
        [
            a_run(),
            task_begins(1, 0),
            task_succeeds(1, 0, inline("rows", 1)),
            task_begins(1, 1),
            task_succeeds(1, 1, inline("path", "/x")),
        ]
        .concat(),
    );
    let place_of = |task| (TaskIndex(task), 0);
    let (all, second) = reader(&place)
        .read_now(|page| Ok((page.outputs(RunId(1))?, page.outputs_of(RunId(1), &[TaskIndex(1)])?)))
        .unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[&place_of(0)], inline("rows", 1));
    assert_eq!(second.into_iter().collect::<Vec<_>>(), [(place_of(1), inline("path", "/x"))]);

    // A new attempt, as a clear makes one, hides what the old one put out.
    let conn = Connection::open(&place.path).unwrap();
    conn.execute("UPDATE task_instance SET attempts = 2 WHERE task = 0", []).unwrap();
    assert_eq!(reader(&place).read_now(|page| page.outputs(RunId(1))).unwrap().len(), 1);
}

#[test]
fn the_attempts_of_a_task_are_told_one_by_one() {
    let place = Place::holding([a_run(), task_begins(1, 0), task_fails(1, 0)].concat());
    let attempts = reader(&place).read_now(|page| page.attempts(instance(1, 0))).unwrap();
    assert_eq!((attempts.len(), attempts[0].exit_code, attempts[0].pid), (1, Some(3), Some(42)));
    assert_eq!(attempts[0].reason.to_string(), "exit code 3");
}

#[test]
fn dags_are_listed_by_id_with_their_last_runs() {
    let place = a_week();
    let dags = reader(&place).read_now(|page| page.dags(None, 10, 3)).unwrap();
    assert_eq!(dags.iter().map(|dag| dag.dag.as_str()).collect::<Vec<_>>(), ["etl", "mail"]);
    let marks: Vec<_> = dags[0].recent.iter().map(|mark| (mark.run_id.0, mark.state)).collect();
    assert_eq!(marks, [(5, RunState::Queued), (4, RunState::Running), (3, RunState::Failed)]);
    let after = reader(&place).read_now(|page| page.dags(Some(&"etl".into()), 10, 0)).unwrap();
    assert_eq!((after.len(), after[0].path.as_str()), (1, "mail.yaml"));
    assert_eq!(reader(&place).read_now(|page| page.dag(&"nope".into(), 1)).unwrap(), None);
}

#[test]
fn versions_keep_the_text_of_each_file() {
    let place = Place::holding(vec![loaded("etl", 1, &["a"]), loaded("etl", 2, &["b"])]);
    let (versions, text) = reader(&place)
        .read_now(|page| Ok((page.versions(&"etl".into(), None, 9)?, page.version(VersionId(1))?)))
        .unwrap();
    assert_eq!(versions.iter().map(|it| it.version.0).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(text.unwrap().text, r#"tasks: ["a"]"#);
    let older = reader(&place).read_now(|page| page.versions(&"etl".into(), Some(VersionId(2)), 9)).unwrap();
    assert_eq!(older.len(), 1);
}

#[test]
fn faults_are_listed_by_file() {
    let found = |path: &str| Transition::FaultsFound { path: path.into(), faults: json!([path]) };
    let place = Place::holding(vec![found("b.yaml"), found("a.yaml")]);
    let paths = |path: Option<&'static str>| -> Vec<String> {
        let faults = reader(&place).read_now(|page| page.faults(path)).unwrap();
        faults.into_iter().map(|it| it.path).collect()
    };
    assert_eq!(paths(None), ["a.yaml", "b.yaml"]);
    assert_eq!(paths(Some("b.yaml")), ["b.yaml"]);
    assert_eq!(paths(Some("c.yaml")), [] as [&str; 0]);
}

#[test]
fn ticks_say_what_they_fired_or_why_they_did_not() {
    let tick = |instant, run: Option<i64>, skipped| Transition::Ticked {
        dag: "etl".into(),
        instant: at(instant),
        run: run.map(RunId),
        skipped,
    };
    let place = Place::holding(vec![
        loaded("etl", 1, &["a"]),
        tick(60, None, Some(Reason::Catchup)),
        created(1, "etl", 1),
        tick(120, Some(1), None),
    ]);
    let ticks = reader(&place).read_now(|page| page.ticks(&"etl".into(), None, 9)).unwrap();
    assert_eq!(
        serde_json::to_value(&ticks).unwrap()[0],
        json!({ "instant": at(120), "run_id": "1", "skipped": null, "at": NOW, "pruned": false })
    );
    assert_eq!(ticks[1].skipped, Some(Reason::Catchup));
    let before = reader(&place).read_now(|page| page.ticks(&"etl".into(), Some(at(120)), 9)).unwrap();
    assert_eq!(before.len(), 1);
}

#[test]
fn a_grid_shows_the_last_runs_against_their_tasks() {
    let place = a_week();
    let grid = reader(&place).read_now(|page| page.grid(&"etl".into(), 2)).unwrap();
    assert_eq!(grid.versions[&VersionId(1)], ["extract", "load"]);
    assert_eq!(grid.runs.iter().map(|it| it.run.run_id.0).collect::<Vec<_>>(), [5, 4]);
    assert_eq!(
        grid.runs[1].tasks,
        [(TaskIndex(0), 0, TaskState::Waiting), (TaskIndex(1), 0, TaskState::Waiting)]
    );
}

#[test]
fn what_is_not_over_is_counted_and_listed() {
    let place = a_week();
    commit(&place.open(), task_begins(4, 0)).unwrap();
    let (active, ready) =
        reader(&place).read_now(|page| Ok((page.active_runs(None)?, page.ready_tasks(9)?))).unwrap();
    assert_eq!((active.queued, active.running, active.stopping), (2, 1, 0));
    assert_eq!((ready.len(), ready[0].instance, ready[0].id.as_str()), (1, instance(4, 0), "extract"));
}

#[test]
fn the_log_goes_on_where_a_reader_left_it() {
    let place = Place::holding([a_run(), vec![created(2, "etl", 1)]].concat());
    let (rest, of_one, last) = reader(&place)
        .read_now(|page| Ok((page.log(2, None, 9)?, page.log(0, Some(RunId(2)), 9)?, page.last_seq()?)))
        .unwrap();
    assert_eq!(rest.iter().map(|it| it.seq).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(of_one.len(), 1);
    assert_eq!((of_one[0].seq, of_one[0].at, &of_one[0].fact), (4, NOW, &created(2, "etl", 1)));
    assert_eq!(last, 4);
}

#[test]
fn a_page_is_of_one_moment() {
    let place = Place::holding(a_run());
    let (writer, reader) = (place.open(), reader(&place));
    reader
        .read_now(|page| {
            let before = page.last_seq()?;
            commit(&writer, task_begins(1, 0)).unwrap();
            assert_eq!(page.last_seq()?, before);
            Ok(())
        })
        .unwrap();
    assert_eq!(reader.read_now(Page::last_seq).unwrap(), 6);
}

#[test]
fn many_pages_are_read_at_once_beside_a_writer() {
    let place = Place::holding(a_run());
    let (writer, reader) = (place.open(), reader(&place));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let pages: Vec<_> = (0..50)
            .map(|_| {
                let reader = reader.clone();
                tokio::spawn(async move { reader.read(Page::last_seq).await })
            })
            .collect();
        writer.commit(NOW, task_begins(1, 0)).await.unwrap();
        for page in pages {
            assert!([3, 6].contains(&page.await.unwrap().unwrap()));
        }
    });
}

#[test]
fn a_page_that_takes_too_long_is_given_up() {
    let place = Place::new();
    let tasks: Vec<String> = (0..20_000).map(|task| format!("t{task}")).collect();
    let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
    commit(&place.open(), vec![loaded("etl", 1, &tasks), created(1, "etl", 1)]).unwrap();
    let hasty = Reader::with_deadline(&place.path, Duration::ZERO).unwrap();
    let error = hasty.read_now(|page| page.run(RunId(1), None)).unwrap_err();
    assert_eq!(error.fault, Fault::TooSlow);
    assert_eq!(hasty.read_now(Page::last_seq).unwrap(), 2, "the next page is none the worse");
}

#[test]
fn a_store_is_read_where_the_files_of_the_log_cannot_be_made() {
    let place = Place::holding(a_run());
    // Permissions do not hold a superuser back; a folder in the place of the file does.
    std::fs::create_dir(place.data.path().join("nightrun.db-shm")).unwrap();
    assert_eq!(reader(&place).read_now(Page::last_seq).unwrap(), 3);
    assert_eq!(crate::store::check(&place.path).unwrap(), []);
}

#[test]
fn readers_cannot_write() {
    let place = Place::holding(a_run());
    let conn = crate::store::connect::open_for_reading(&place.path).unwrap();
    let fault = Fault::from(conn.execute("DELETE FROM output", []).unwrap_err());
    assert_eq!(fault, Fault::ReadOnly);
}

#[test]
fn no_list_walks_through_history() {
    let place = Place::holding(a_run());
    let conn = Connection::open(&place.path).unwrap();
    let run = "SELECT id, state, dag FROM run WHERE";
    for sql in [
        format!("{run} true ORDER BY id DESC LIMIT 9"),
        format!("{run} dag = ?1 ORDER BY id DESC LIMIT 9"),
        format!("{run} state = ?1 ORDER BY id DESC LIMIT 9"),
        format!("{run} dag = ?1 AND state = ?2 AND id < ?3 ORDER BY id DESC LIMIT 9"),
        "SELECT state, count(*) FROM run WHERE state IN ('queued', 'running', 'stopping') GROUP BY state"
            .into(),
        "SELECT run FROM task_instance WHERE ended_at IS NULL AND state <> 'waiting' ORDER BY run, task, item".into(),
        "SELECT seq FROM transition_log WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT 9".into(),
        "SELECT instant FROM tick WHERE dag = ?1 AND instant < ?2 ORDER BY instant DESC LIMIT 9".into(),
    ] {
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let count = plan.parameter_count();
        let rows = plan.query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get::<_, String>(3));
        let plan = rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("; ");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        let walks = plan.contains("SCAN") && !plan.contains("task_instance_ready");
        assert!(!walks || sql.contains("WHERE true"), "{sql}: {plan}");
    }
}
