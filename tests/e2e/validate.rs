//! `nightrun validate`: all faults at once, with place and cure, in the form that the reader wants.

use serde_json::json;

use crate::town::Town;

const BAD: &str = r#"schedule: "61 * * * *"
tasks:
  - id: a
    run: echo {{ params.x }}
    retry_policy: {limit: 3}
    timeout: 90
  - id: load
    depends_on: [laod]
    run: echo
"#;

#[test]
fn a_sound_folder_is_not_worth_a_word() {
    let town = Town::with("good", "tasks: [{id: a, run: echo}]");
    let said = town.nightrun("validate");
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""));
    assert_eq!(town.nightrun("validate --format json").out, "[]\n");
    assert!(!town.path(".nightrun").exists(), "it touches nothing");
}

#[test]
fn faults_are_said_as_a_compiler_does() {
    let town = Town::with("bad", BAD);
    town.nightrun("validate").fails(
        1,
        "\
error[E301]: minute 61 is out of range 0-59
 --> dags/bad.yaml:1:12
  |
1 | schedule: \"61 * * * *\"
  |            ^^

error[E404]: there is no param `x`
 --> dags/bad.yaml:4:18
  |
4 |     run: echo {{ params.x }}
  |                  ^^^^^^^^
  |
  = help: declare it: `params: {x: …}`

error[E101]: unknown key `retry_policy` in task `a`
 --> dags/bad.yaml:5:5
  |
5 |     retry_policy: {limit: 3}
  |     ^^^^^^^^^^^^
  |
  = help: Dagu's `retry_policy.limit` is `retries` here, `interval_sec` is `retry_delay: 30s`

error[E306]: `timeout: 90` has no unit
 --> dags/bad.yaml:6:14
  |
6 |     timeout: 90
  |              ^^
  |
  = help: write `90s` for seconds, `90m` for minutes

error[E201]: task `load` depends on `laod`, which does not exist
 --> dags/bad.yaml:8:18
  |
8 |     depends_on: [laod]
  |                  ^^^^
  |
  = help: the other tasks are: a

1 of 1 files cannot be run",
    );
}

#[test]
fn machines_get_a_list() {
    let town = Town::with("bad", BAD);
    town.write("dags/good.yaml", "tasks: [{id: a, run: echo}]");
    let said = town.nightrun("validate --format json dags/bad.yaml dags/good.yaml");
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let faults = said.json();
    let first = &faults[0];
    for (key, value) in [
        ("code", json!("E301")),
        ("severity", json!("error")),
        ("message", json!("minute 61 is out of range 0-59")),
        ("path", json!("dags/bad.yaml")),
        ("line", json!(1)),
        ("column", json!(12)),
        ("help", json!(null)),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    let codes: Vec<_> =
        faults.as_array().unwrap().iter().map(|fault| fault["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["E301", "E404", "E101", "E306", "E201"]);
}

#[test]
fn github_gets_annotations() {
    let town = Town::with("bad", "tasks:\n  - id: a\n    run: echo\n    timeout: 90\n");
    let said = town.nightrun("validate --format github");
    assert_eq!(said.code, 1);
    assert_eq!(
        said.out,
        "::error file=dags/bad.yaml,line=4,col=14,title=E306::`timeout: 90` has no unit \
         (write `90s` for seconds, `90m` for minutes)\n"
    );
}

#[test]
fn a_warning_does_not_fail() {
    let town = Town::with("seven", "schedule: \"*/7 * * * *\"\ntasks: [{id: a, run: echo}]\n");
    let said = town.nightrun("validate");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.starts_with("warning[W"), "{}", said.err);
}

#[test]
fn two_files_cannot_define_one_dag() {
    let town = Town::with("one", "id: same\ntasks: [{id: a, run: echo}]");
    town.write("dags/two.yaml", "id: same\ntasks: [{id: a, run: echo}]");
    let said = town.nightrun("validate");
    assert_eq!(said.code, 1);
    assert!(
        said.err.starts_with("error[E121]: DAG `same` is defined in dags/one.yaml already\n"),
        "{}",
        said.err
    );
    assert!(said.err.contains("--> dags/two.yaml:1:1"), "{}", said.err);
}

#[test]
fn pools_come_from_the_configuration() {
    let town = Town::with("pooled", "tasks: [{id: a, run: echo, pool: warehouse}]");
    assert!(town.nightrun("validate").err.contains("warehouse"));
    town.write("nightrun.yaml", "pools: {warehouse: 2}\n");
    assert_eq!(town.nightrun("validate").code, 0);
}

#[test]
fn a_missing_file_is_wrong_usage() {
    Town::new().nightrun("validate absent.yaml").fails(2, "error: there is no file or folder absent.yaml");
}

#[test]
fn every_example_is_sound() {
    let dags = crate::town::sources().join("dags");
    let said = Town::new().nightrun(&format!("validate {}", dags.display()));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn a_folder_is_warned_of_names_that_no_other_dag_has() {
    let town = Town::with("orders", "params: {day: today}\ntasks: [{id: publish, run: echo}]");
    let text = "tasks:
  - {id: a, wait_for: [{dag: ordres}], run: echo}
  - {id: b, wait_for: [{dag: orders, task: publihs}], run: echo}
  - {id: c, type: dag, with: {dag: nope}}
  - {id: d, type: dag, with: {dag: orders, params: {dya: now}}}
  - {id: e, wait_for: [{dag: broken}, {dag: orders, task: publish}], run: echo}
";
    town.write("dags/report.yaml", text);
    town.write("dags/broken.yaml", "tasks: 3\n");
    let said = town.nightrun("validate --format json").json();
    let of = |fault: &serde_json::Value| {
        format!(
            "{} {}:{} {} {}",
            fault["code"], fault["line"], fault["column"], fault["message"], fault["help"]
        )
    };
    let warned: Vec<String> =
        said.as_array().unwrap().iter().filter(|fault| fault["code"] == "W205").map(of).collect();
    let expected = [
        "2:30 \"task `a` waits for DAG `ordres`, which does not exist\" \"did you mean `orders`?\"",
        "3:44 \"task `b` waits for task `publihs` of DAG `orders`, which has no such task\" \"did you mean `publish`?\"",
        "4:36 \"task `c` calls DAG `nope`, which does not exist\" null",
        "5:53 \"task `d` gives DAG `orders` the param `dya`, which that does not take\" \"did you mean `day`?\"",
    ];
    assert_eq!(warned, expected.map(|line| format!("\"W205\" {line}")), "{said}");
    std::fs::remove_file(town.path("dags/broken.yaml")).unwrap();
    let said = town.nightrun("validate");
    assert!(
        said.code == 0 && said.err.contains("warning[W205]: task `e` waits for DAG `broken`"),
        "{said:?}"
    );
    assert_eq!(town.nightrun("validate dags/report.yaml").err, "", "alone it knows no others");
}
