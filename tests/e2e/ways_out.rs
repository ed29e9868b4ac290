//! `nightrun why` names the way out: the verb that lets what waits go on.

use crate::town::{Town, wait_for};

/// What `why` says of something, once it says all these words.
#[track_caller]
fn says(town: &Town, args: &str, words: &[&str]) {
    let mut last = String::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for("the words", || {
            last = town.nightrun(&format!("why {args}")).out;
            words.iter().all(|word| last.contains(word)).then_some(())
        });
    }));
    assert!(found.is_ok(), "{args} does not say {words:?}: {last}");
}

#[test]
fn what_waits_behind_a_group_says_when_the_group_runs_again() {
    let text = "groups: [{id: g, retries: 1, retry_delay: 1h}]\ntasks:\n  - {id: rm, group: g, run: exit 1}\n  - {id: pub, depends_on: [g], run: echo}\n";
    let town = Town::with("again", text);
    let _server = town.serve();
    town.does("trigger again");
    says(&town, "1 pub", &["rm (waiting); rm waits for group `g` to run again at ", "(try 2 of 2), after: "]);
}

#[test]
fn a_wait_for_another_run_names_the_verb_that_ends_it() {
    let town = Town::with("source", "tasks: [{id: load, run: exit 1}]");
    let wait = |name: &str, wait: &str| {
        let text = format!("tasks: [{{id: w, wait_for: [{wait}], run: echo}}]");
        town.write(&format!("dags/{name}.yaml"), &text);
    };
    wait("whole", "{dag: source}");
    wait("part", "{dag: source, task: load}");
    wait("nope", "{dag: sourcf}");
    wait("lost", "{dag: source, task: laod}");
    wait("short", "{dag: source, timeout: 1ms}");
    let _server = town.serve();
    let date = "2026-11-01T00:00:00Z";
    for dag in ["whole", "nope", "lost", "short"] {
        town.does(&format!("trigger {dag} --at {date}"));
    }
    let trigger = format!("`nightrun trigger source --at {date}` makes that run");
    says(&town, "1 w", &["waits for the run of DAG `source`", &trigger]);
    says(&town, "2 w", &["; there is no DAG `sourcf`; did you mean `source`?"]);
    says(&town, "3 w", &["; DAG `source` has no task `laod`; did you mean `load`?"]);
    says(&town, "4 w", &["it took too long", &trigger, "`nightrun rerun 4` waits again"]);
    assert!(!town.nightrun("why 4").out.contains("logs"), "there was no attempt");
    town.does(&format!("trigger source --at {date}"));
    town.wait_for_run("5", "failed");
    says(&town, "1 w", &["which is failed; `nightrun rerun 5` tries again"]);
    says(&town, "3 w", &["; DAG `source` has no task `laod`"]);
    town.does(&format!("trigger part --at {date}"));
    says(&town, "6 w", &["`nightrun rerun 5 --task load` tries it again, `nightrun mark 5 load success`"]);
}

#[test]
fn a_run_that_a_window_holds_says_until_when_and_how_to_end_that() {
    let town = Town::with("held", "tasks: [{id: a, run: echo}]");
    let _server = town.serve();
    town.does("hold add --all --to 1h --why disk");
    town.does("trigger held");
    says(
        &town,
        "1",
        &["(hold 1): disk; it begins in ", "`nightrun hold remove 1`", "`nightrun trigger held --force`"],
    );
    town.does("trigger held --force");
    town.wait_for_run("2", "success");
}

#[test]
fn a_new_file_with_faults_is_told_of_wherever_its_dag_is_asked_for() {
    let town = Town::with("good", "tasks: [{id: a, run: echo}]");
    let server = town.serve();
    let brk = "id: brk\ntasks:\n  - {id: a, runn: echo}\n";
    town.write("dags/other.yaml", brk);
    let footer = "1 file has faults: `nightrun validate dags/other.yaml`";
    wait_for("the fault", || town.nightrun("dags").out.contains(footer).then_some(()));
    let line = "other.yaml:3:13: E101: unknown key `runn`";
    wait_for("the log", || server.log().contains(line).then_some(()));
    let expected = "error: there is no DAG `brk`: the file other.yaml has faults
  = help: `nightrun validate dags/other.yaml` shows them";
    for verb in ["trigger brk", "trigger brk -p x=1", "why brk"] {
        town.nightrun(verb).fails(1, expected);
    }
    town.write("dags/more.yaml", brk);
    wait_for("both", || town.nightrun("dags").out.contains("2 files have faults").then_some(()));
    assert!(town.nightrun("trigger nobody").err.contains("there is no DAG `nobody`"));
    std::fs::remove_file(town.path("dags/more.yaml")).unwrap();
    std::fs::remove_file(town.path("dags/other.yaml")).unwrap();
    wait_for("none", || (!town.nightrun("dags").out.contains("faults")).then_some(()));
    let server = {
        drop(server);
        town.write("dags/other.yaml", brk);
        town.serve()
    };
    wait_for("the log of a start", || server.log().contains(line).then_some(()));
}

#[test]
fn unpause_says_what_fires_now() {
    let town = Town::new();
    let write = |name: &str, catchup: &str| {
        let text = format!("schedule: '* * * * * *'\ncatchup: {catchup}\ntasks: [{{id: a, run: echo}}]");
        town.write(&format!("dags/{name}.yaml"), &text);
    };
    for name in ["none", "latest"] {
        write(name, name);
    }
    let _server = town.serve();
    let cursor = || town.nightrun("why latest").code == 0;
    wait_for("the DAGs", || cursor().then_some(()));
    town.does("pause latest");
    town.does("pause none");
    let begin = std::time::Instant::now();
    wait_for("two seconds", || (begin.elapsed() > std::time::Duration::from_millis(2_200)).then_some(()));
    town.nightrun("unpause none").prints("none is not paused any more");
    town.nightrun("unpause latest").prints(
        "latest is not paused any more; ticks waited meanwhile: the newest of them fires now (`catchup: latest`)",
    );
    town.does("pause --all");
    town.does("pause none");
    town.nightrun("unpause none")
        .prints("none is not paused any more; but everything is paused: `nightrun unpause --all`");
}
