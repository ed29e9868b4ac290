//! The language at work: fan-out, groups, branches, setup and teardown, by the real binary.

use serde_json::{Value as Json, json};

use crate::town::{Town, sources, states, task};

fn example(town: &Town, name: &str, more: &str) -> Json {
    let path = sources().join("dags").join(name);
    let said = town.nightrun(&format!("run {} --json {more}", path.display()));
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err))
}

fn ends(run: &Json) -> Vec<String> {
    let tasks = run["tasks"].as_array().unwrap();
    tasks
        .iter()
        .map(|task| format!("{} {}", task["id"].as_str().unwrap(), task["state"].as_str().unwrap()))
        .collect()
}

fn item_ends(task: &Json) -> Vec<String> {
    let items = task["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| format!("{} {}", item["key"].as_str().unwrap_or("-"), item["state"].as_str().unwrap()))
        .collect()
}

#[test]
fn what_one_task_found_is_done_item_by_item_and_added_up() {
    let run = example(&Town::new(), "map_reduce.yaml", "");
    let count = task(&run, "count");
    assert_eq!(item_ends(count), ["night success", "morning success", "empty failed"]);
    assert_eq!((&count["state"], &count["reason"]), (&json!("success"), &json!("1 of its 3 items failed")));
    assert_eq!(count["outputs"]["words"], json!([9, 7, null]));
    assert_eq!(task(&run, "total")["outputs"]["total"], 16);
    assert_eq!(run["state"], "success");
}

#[test]
fn a_branch_keeps_what_it_chose_and_the_join_behind_it() {
    let town = Town::new();
    let run = example(&town, "branches.yaml", "");
    assert_eq!(
        ends(&run),
        [
            "create_scratch success",
            "choose success",
            "full_load success",
            "quick_load skipped",
            "loaded success",
            "pick_reports success",
            "daily_report success",
            "monthly_report skipped",
            "is_weekly success",
            "archive skipped",
            "remove_scratch success",
        ]
    );
    let few = example(&town, "branches.yaml", "-p rows=10");
    assert_eq!(task(&few, "full_load")["reason"], "branch `choose` did not choose it");
    assert_eq!(task(&few, "quick_load")["state"], "success");
}

#[test]
fn a_group_is_done_once_for_each_item_and_depended_on_as_a_whole() {
    let run = example(&Town::new(), "groups.yaml", "");
    let parts = ["eu, orders", "eu, customers", "us, orders", "us, customers"];
    let expected: Vec<String> = parts.iter().map(|part| format!("{part} success")).collect();
    assert_eq!(item_ends(task(&run, "load")), expected);
    assert_eq!(
        item_ends(task(&run, "check")),
        ["eu, orders success", "eu, customers skipped", "us, orders success", "us, customers skipped"]
    );
    let files = json!(["eu/orders.csv", "eu/customers.csv", "us/orders.csv", "us/customers.csv"]);
    assert_eq!(task(&run, "extract")["outputs"]["file"], files);
    assert_eq!(task(&run, "publish")["state"], "success");
}

#[test]
fn items_come_from_lists_maps_ranges_and_expressions_and_may_be_none_or_missing() {
    let cases = [
        ("[a, b]", vec!["a success", "b success"]),
        ("{x: 1, y: 2}", vec!["x success", "y success"]),
        ("{range: [0, 6, 2]}", vec!["0 success", "2 success", "4 success"]),
        ("\"{{ tasks.found.outputs.list }}\"", vec!["7 success", "8 success"]),
        ("\"{{ params.names }}\"", vec!["p success"]),
        (
            "{matrix: {a: [1, 2], b: \"{{ tasks.found.outputs.list }}\"}}",
            vec!["1, 7 success", "1, 8 success", "2, 7 success", "2, 8 success"],
        ),
    ];
    let town = Town::new();
    for (items, expected) in cases {
        assert_eq!(item_ends(task(&fan(&town, items), "each")), expected, "{items}");
    }
    for (items, state, reason) in [
        ("[]", "skipped", "its `foreach` has no items"),
        ("\"{{ tasks.found.outputs.missing }}\"", "failed", "has no list of items"),
        ("\"{{ tasks.found.outputs.text }}\"", "failed", "is text and no list"),
        ("{range: [0, 10001]}", "failed", "10001 items, and at most 10000 are allowed"),
    ] {
        let run = fan(&town, items);
        let each = task(&run, "each");
        assert_eq!(each["state"], state, "{items}");
        assert!(each["reason"].as_str().unwrap().contains(reason), "{items}: {}", each["reason"]);
        assert!(each["items"].is_null() && each["attempts"] == json!([]), "{items}");
    }
}

fn fan(town: &Town, items: &str) -> Json {
    town.write(
        "dags/fan.yaml",
        &format!(
            "params: {{names: [p]}}
tasks:
  - id: found
    type: noop
    with: {{outputs: {{list: [7, 8], text: abc}}}}
  - id: each
    depends_on: [found]
    foreach: {{items: {items}}}
    run: echo {{{{ item }}}}
"
        ),
    );
    town.run("fan")
}

#[test]
fn items_fail_and_are_tried_again_for_themselves() {
    let town = Town::new();
    town.write(
        "dags/tries.yaml",
        "tasks:
  - id: each
    retries: 1
    retry_delay: 0s
    foreach: {items: [good, once, never], min_success: 60%}
    run: |
      case $NIGHTRUN_ITEM.$NIGHTRUN_TRY in once.1|never.*) exit 1 ;; esac
  - id: after
    depends_on: [each]
    run: 'true'
",
    );
    let run = town.run("tries");
    let each = task(&run, "each");
    assert_eq!(item_ends(each), ["good success", "once success", "never failed"]);
    let tries: Vec<usize> = each["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["attempts"].as_array().unwrap().len())
        .collect();
    assert_eq!(tries, [1, 2, 2]);
    assert_eq!((&run["state"], &task(&run, "after")["state"]), (&json!("success"), &json!("success")));
}

#[test]
fn a_wrong_choice_fails_the_branch_with_the_reason() {
    let town = Town::new();
    for (choice, reason) in [
        ("c", "it chose `c`, and there is no such task or group"),
        ("first", "it chose `first`, which does not come after it"),
        ("{{ 3 }}", "its choice must be an id or a list of ids, and is 3"),
    ] {
        town.write(
            "dags/wrong.yaml",
            &format!(
                "tasks:
  - {{id: first, type: noop}}
  - id: choose
    depends_on: [first]
    type: branch
    with: {{choose: \"{choice}\"}}
  - {{id: a, depends_on: [choose], type: noop}}
"
            ),
        );
        let run = town.run("wrong");
        assert_eq!(task(&run, "choose")["reason"], format!("its outputs were refused: {reason}"));
        assert_eq!(task(&run, "a")["state"], "upstream_failed");
    }
}

#[test]
fn a_rerun_takes_only_the_items_that_failed_and_all_of_them_when_there_may_be_others() {
    let town = Town::new();
    town.write(
        "dags/again.yaml",
        "tasks:
  - id: find
    run: \"nightrun output list --json '[1, 2, 3]'\"
  - id: each
    depends_on: [find]
    foreach: {items: \"{{ tasks.find.outputs.list }}\", as: number}
    run: |
      test {{ number }} != 2 -o -e fixed
      nightrun output twice --json {{ number * 2 }}
  - id: sum
    depends_on: [each]
    type: noop
    with: {outputs: {all: \"{{ tasks.each.outputs.twice }}\"}}
",
    );
    assert_eq!(town.nightrun("run dags/again.yaml --data data").code, 1);
    town.write("dags/fixed", "");
    let attempts = |run: &Json| -> Vec<usize> {
        let items = task(run, "each")["items"].as_array().unwrap();
        items.iter().map(|item| item["attempts"].as_array().unwrap().len()).collect()
    };
    town.does("rerun 1 --data data --dags dags --wait");
    let run = town.nightrun("runs show 1 --data data --json").json();
    assert_eq!((&run["state"], attempts(&run)), (&json!("success"), vec![1, 2, 1]));
    assert_eq!(task(&run, "sum")["outputs"]["all"], json!([2, 4, 6]));
    town.does("rerun 1 --task each --item 0 --data data --dags dags --wait");
    let run = town.nightrun("runs show 1 --data data --json").json();
    assert_eq!(attempts(&run), [2, 2, 1]);
    town.does("rerun 1 --all --data data --dags dags --wait");
    let run = town.nightrun("runs show 1 --data data --json").json();
    assert_eq!((&run["state"], attempts(&run)), (&json!("success"), vec![3, 3, 2]));
    town.does("db check --data data");
}

#[test]
fn what_comes_after_a_group_goes_by_its_work_and_not_by_its_cleaning_up() {
    let dag = |load: &str| {
        format!(
            "groups: [{{id: g}}]\ntasks:\n  - {{id: load, group: g, run: {load}}}\n  \
             - {{id: rm, group: g, teardown: true, depends_on: [load], run: echo rm}}\n  \
             - {{id: publish, depends_on: [g], run: echo published}}\n"
        )
    };
    let town = Town::with("bad", &dag("exit 1"));
    town.write("dags/good.yaml", &dag("echo"));
    let states_of = |dag: &str| states(&town.nightrun(&format!("run {dag} --json")).json());
    assert_eq!(states_of("bad"), "load failed, rm success, publish upstream_failed");
    assert_eq!(states_of("good"), "load success, rm success, publish success");
}
