//! One item of a `foreach` is settled by hand: what hung on it, and its task, are judged anew.

use serde_json::json;

use crate::town::{Town, task};

/// Three shops, each loaded and then checked; the report needs all. Loading fails for those of `bad`.
fn town(bad: &str, tolerance: &str) -> Town {
    let text = format!(
        "groups: [{{id: shop, foreach: {{items: [north, south, west], key: '{{{{ item }}}}'{tolerance}}}}}]
tasks:
  - {{id: load, group: shop, run: 'case \" {bad} \" in *\" $SHOP \"*) exit 1;; esac', env: {{SHOP: '{{{{ item }}}}'}}}}
  - {{id: check, group: shop, depends_on: [load], run: echo checked}}
  - {{id: report, depends_on: [shop], run: echo reported}}
"
    );
    Town::with("shops", &text)
}

#[test]
fn an_item_that_is_mended_by_hand_lets_go_on_what_it_had_blocked() {
    let town = town("south", "");
    assert_eq!(town.nightrun("run shops --data .nightrun -q").code, 1);
    let table = " TASK      IS               BECOMES   WHY
 load      failed           success   its items are judged anew
 load[1]   failed           success   marked
 check     upstream_failed  expanded  blocked by `load`
 check[1]  upstream_failed  waiting   blocked by `load`
 report    upstream_failed  waiting   blocked by `check`
run 1: failed → queued";
    town.nightrun("mark 1 load --item 1 success --dry-run")
        .prints(&format!("{table}; this was a dry run, nothing has changed"));
    town.nightrun("mark 1 load --item 1 success --why by-hand").prints(table);
    let audit = town.nightrun("audit").out;
    assert!(
        audit.contains("mark") && audit.contains("failed → success") && audit.contains("by-hand"),
        "{audit}"
    );
    assert_eq!(town.nightrun("rerun 1").code, 0);
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(run["state"], "success");
    assert_eq!(
        task(&run, "load")["items"][1]["attempts"].as_array().unwrap().len(),
        1,
        "it was not loaded again"
    );
    assert_eq!(
        task(&run, "check")["items"][0]["attempts"].as_array().unwrap().len(),
        1,
        "others are let alone"
    );
    town.does("db check");
}

#[test]
fn the_fold_of_a_task_is_judged_anew_and_the_verdict_with_it() {
    let text = "tasks: [{id: each, foreach: {items: [a, b, c], max_failures: 1}, run: exit 1}]";
    let town = Town::with("each", text);
    assert_eq!(town.nightrun("run each --data .nightrun -q").code, 1);
    town.nightrun("mark 1 each --item 0 skipped").prints(
        " TASK     IS      BECOMES  WHY
 each[0]  failed  skipped  marked
run 1: stays failed",
    );
    town.nightrun("mark 1 each --item 2 success").prints(
        " TASK     IS      BECOMES  WHY
 each     failed  success  its items are judged anew
 each[2]  failed  success  marked
run 1: failed → success",
    );
    town.nightrun("mark 1 each --item 2 failed").prints(
        " TASK     IS       BECOMES  WHY
 each     success  failed   its items are judged anew
 each[2]  success  failed   marked
run 1: success → failed",
    );
    town.nightrun("mark 1 each --item 3 failed")
        .fails(1, "error: task `each` of run 1 has no item 3; it has 0 to 2");
    town.nightrun("mark 1 each --item 1 failed").fails(1, "error: task `each[1]` is failed");
    town.does("db check");
}

#[test]
fn an_item_is_named_by_its_task_and_number() {
    let town = town("", "");
    town.does("run shops --data .nightrun -q");
    let hint = "`load[1]` is an item, not a task: name the task `load` and item 1 (`--item 1`)";
    for verb in ["rerun 1 --task load[1]", "mark 1 load[1] success"] {
        let said = town.nightrun(verb);
        assert!(said.code != 0 && said.err.contains(hint), "{verb}: {said:?}");
    }
    for (verb, words) in [
        ("mark 1 load --item 9 success", "task `load` of run 1 has no item 9; it has 0 to 2"),
        ("rerun 1 --task report --item 0", "task `report` of run 1 has no item 0; it has none"),
    ] {
        let said = town.nightrun(verb);
        assert!(said.code != 0 && said.err.contains(words), "{verb}: {said:?}");
    }
}

#[test]
fn a_dry_run_says_once_that_items_are_known_only_in_a_run() {
    let text = "tasks:
  - {id: a, foreach: {items: [x, y]}, run: 'echo {{ item }}'}
  - {id: b, foreach: {items: [x, y]}, run: 'echo {{ item.name }}'}
";
    let town = Town::with("each", text);
    let said = town.nightrun("dry-run each").out;
    assert_eq!(said.matches("known only in a run").count(), 1, "{said}");
    assert!(!said.contains("not defined") && !said.contains("rendered only when"), "{said}");
    let said = town.nightrun("dry-run each --json").json();
    assert_eq!(said[1]["unrendered"], "the item of a `foreach` is known only in a run", "{said}");
}

#[test]
fn values_of_items_are_told_one_by_one_beside_the_lists() {
    let script = "[ {{ item }} != b ] || exit 0; nightrun output size 3 --json";
    let text = format!("tasks: [{{id: each, foreach: {{items: [a, b]}}, run: '{script}'}}]");
    let town = Town::with("each", &text);
    town.does("run each --data .nightrun -q");
    town.nightrun("xcom 1").prints(" TASK     KEY   VALUE\n each     size  [3,null]\n each[0]  size  3");
    town.nightrun("xcom 1 each[0] size").prints("3");
    assert_eq!(
        town.nightrun("xcom 1 each --json").json(),
        json!({"each": {"size": [3, null]}, "each[0]": {"size": 3}, "each[1]": {}})
    );
    let server = town.serve();
    let told = server.get("/api/v1/runs/1/outputs");
    assert_eq!(told, json!({"each": {"size": [3, null]}, "each[0]": {"size": 3}}));
    server.stop();
}
