//! Setups and teardowns on a rerun: what runs again finds made ready what it needs.

use crate::town::{Town, states, task};

const CLUSTER: &str = "
tasks:
  - {id: create, setup: true, run: touch ../cluster}
  - {id: load, depends_on: [create], run: test -e ../cluster && test -e ../mended}
  - {id: remove, teardown: true, depends_on: [create, load], run: rm ../cluster}
  - {id: after, depends_on: [load], run: echo after}
";

#[test]
fn a_rerun_makes_its_cluster_again_and_takes_it_down() {
    let town = Town::with("cluster", CLUSTER);
    assert_eq!(town.nightrun("run cluster --data .nightrun -q").code, 1);
    town.write("mended", "");
    town.nightrun("rerun 1 --dry-run").prints(
        " TASK    IS               BECOMES  WHY
 create  success          waiting  setup of `load`
 load    failed           waiting  failed
 remove  success          waiting  teardown of `create`
 after   upstream_failed  waiting  blocked by `load`
run 1: failed → queued; this was a dry run, nothing has changed",
    );
    town.nightrun("rerun 1 --without-setups --dry-run").prints(
        " TASK   IS               BECOMES  WHY
 load   failed           waiting  failed
 after  upstream_failed  waiting  blocked by `load`
run 1: failed → queued; this was a dry run, nothing has changed",
    );
    town.does("rerun 1");
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(states(&run), "create success, load success, remove success, after success");
    assert!(!town.path("cluster").exists());
    // The same for a part of a new run.
    town.does("run cluster --data .nightrun -q --only load");
    let run = town.nightrun("runs show 2 --json").json();
    assert_eq!(states(&run), "create success, load success, remove success, after skipped");
    town.does("db check");
}

#[test]
fn of_a_foreach_only_what_failed_has_its_setup_again() {
    let text = "
groups: [{id: part, foreach: {items: [0, 1, 2]}}]
tasks:
  - {id: room, setup: true, run: echo room}
  - {id: create, group: part, depends_on: [room], setup: true, run: 'echo {{ item }}'}
  - {id: load, group: part, depends_on: [create], run: 'test {{ item }} != 1 || test -e ../mended'}
  - {id: remove, group: part, teardown: true, depends_on: [create, load], run: echo removed}
  - {id: leave, teardown: true, depends_on: [room, part], run: echo left}
";
    let town = Town::with("parts", text);
    assert_eq!(town.nightrun("run parts --data .nightrun -q").code, 1);
    town.write("mended", "");
    town.does("rerun 1");
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(states(&run), "room success, create success, load success, remove success, leave success");
    for id in ["create", "load", "remove"] {
        let items = task(&run, id)["items"].as_array().unwrap().clone();
        let tries: Vec<_> = items.iter().map(|it| it["attempts"].as_array().unwrap().len()).collect();
        assert_eq!(tries, [1, 2, 1], "{id}");
    }
    town.does("db check");
}
