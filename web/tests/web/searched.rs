//! Long logs that many search at once: others do not notice.

use std::fs::OpenOptions;

use nightrun_core::id::{AttemptId, InstanceId, RunId, TaskIndex};
use nightrun_engine::logs::LogPaths;

use crate::visit::{Visit, send};

/// More than is looked at without a turn.
const LONG: u64 = 6 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_searched_pages_and_health_answer_at_once() {
    let visit = Visit::usual().await;
    let instance = InstanceId { run: RunId(39), task: TaskIndex(0), item: 0 };
    let path = LogPaths::new(&visit.root.path().join("data")).log(AttemptId { instance, number: 1 });
    // Sparse: it takes no room on the disk.
    OpenOptions::new().write(true).open(path).unwrap().set_len(LONG).unwrap();
    let lines = "/api/v1/runs/39/tasks/only/attempts/1/lines?q=zzz";
    let page = "/runs/39/tasks/only?attempt=1";
    let asked: Vec<String> = (0..20)
        .flat_map(|_| [lines.to_owned(), format!("{page}&find=zzz"), format!("{page}&jump=error")])
        .collect();
    let searches: Vec<_> = asked
        .into_iter()
        .map(|path| {
            let router = visit.router.clone();
            tokio::spawn(async move { send(router, "GET", &path, &[], "").await })
        })
        .collect();
    while !searches.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    for path in ["/health", "/api/v1/runs", "/dags", "/runs/39", page] {
        assert_eq!(visit.page(path).await.status, 200, "{path}");
    }
    let at_work = searches.iter().filter(|it| !it.is_finished()).count();
    assert!(at_work > 0, "nobody had to wait for the end of the searches");
    let (mut found, mut refused) = (0, 0);
    for search in searches {
        let got = search.await.unwrap();
        match got.status.as_u16() {
            200 => found += 1,
            429 => {
                assert_eq!((got.header("retry-after"), got.json()["code"].as_str()), ("5", Some("too_many")));
                refused += 1;
            }
            other => panic!("{other}: {}", got.text),
        }
    }
    assert!(found >= 10 && refused > 0, "{found} were answered, {refused} refused");
    assert_eq!(visit.get(lines).await.status, 200, "afterwards there is room again");
}
