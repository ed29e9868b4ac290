//! A pool names who holds its slots and who waits for them.

use std::time::Duration;

use nightrun_core::decide::{Reason, TaskState, Transition};
use nightrun_core::id::{InstanceId, TaskIndex};
use nightrun_core::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::history::{End, History, Story};
use crate::scenes::NOW;
use crate::visit::Visit;

const LOADS: &str = "id: loads
tasks:
  - {id: load, run: sleep 9, pool: warehouse}
  - {id: next, depends_on: [free], run: sleep 9, pool: warehouse}
  - {id: last, depends_on: [free], run: sleep 9}
  - {id: free, run: sleep 9}
";

fn ago(minutes: u64) -> Timestamp {
    Timestamp::parse(NOW).unwrap().minus(Duration::from_secs(minutes * 60))
}

fn names(list: &Json) -> Vec<(&str, &Json)> {
    list.as_array().unwrap().iter().map(|it| (it["task"].as_str().unwrap(), &it["slots"])).collect()
}

#[tokio::test]
async fn a_pool_names_who_holds_its_slots_and_who_waits_for_how_many() {
    let root = tempfile::tempdir().unwrap();
    let mut past = History::new(root.path());
    past.dag(ago(60), "loads.yaml", LOADS);
    let run =
        past.run("loads", ago(10), false, |_| Story { attempts: vec![(999, End::Never)], ..Story::well(0) });
    for (task, reason) in [(1, Reason::Pool { pool: "warehouse".into() }), (2, Reason::Slots)] {
        let (from, to) = (TaskState::Waiting, TaskState::Queued);
        let instance = InstanceId::whole(run, TaskIndex(task));
        past.say(ago(5), Transition::TaskMoved { instance, from, to, reason });
    }
    past.write().await;
    let visit = Visit::over(root);

    let told = visit.get("/api/v1/pools/warehouse").await.json();
    let one = json!(1);
    assert_eq!((&told["slots"], &told["taken"], &told["cut"]), (&one, &one, &json!(false)));
    assert_eq!(names(&told["holders"]), [("load", &one)], "{told}");
    assert_eq!(names(&told["waiters"]), [("next", &one)], "{told}");
    let holder = &told["holders"][0];
    assert_eq!(
        (&holder["run_id"], &holder["dag"], &holder["item"]),
        (&json!("1"), &json!("loads"), &Json::Null)
    );
    let reason = told["waiters"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("warehouse"), "{reason}");

    let executor = visit.get("/api/v1/pools/executor").await.json();
    assert_eq!(names(&executor["holders"]), [("load", &one), ("free", &one)], "one slot of the server each");
    assert_eq!((&executor["slots"], names(&executor["waiters"])), (&json!(4), vec![("last", &one)]));
    assert_eq!(visit.get("/api/v1/pools/nope").await.status, 404);
}
