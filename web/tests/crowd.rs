//! Five hundred open pages: what they cost, alone in its process so that it can be weighed.

#[path = "web/history.rs"]
mod history;
#[path = "web/house.rs"]
mod house;
#[expect(dead_code, reason = "one scene of several is looked at here")]
#[path = "web/scenes.rs"]
mod scenes;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use futures_util::future::join_all;
use nightrun_core::decide::Event;
use nightrun_engine::run::Handle;
use serde_json::Value as Json;
use tower::ServiceExt;

const STREAMS: usize = 500;

async fn listen(router: &Router, path: &str) -> BodyDataStream {
    let request = Request::builder().uri(path).header("host", "localhost").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body().into_data_stream()
}

/// The next message: its number, and what it says.
async fn next(stream: &mut BodyDataStream) -> (i64, Json) {
    let chunk = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap();
    let text = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    (line("id:").parse().unwrap(), serde_json::from_str(line("data:")).unwrap())
}

async fn until(stream: &mut BodyDataStream, seq: i64) -> usize {
    let mut messages = 0;
    loop {
        messages += 1;
        if next(stream).await.0 >= seq {
            return messages;
        }
    }
}

async fn set(handle: &Handle, value: u32) {
    let (name, value) = ("n".to_owned(), Some(value.into()));
    handle.request(Event::VarSet { name, value, by: "test".into() }).await.unwrap();
}

/// Processor time of this process in milliseconds, and its memory in KiB.
fn cost() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (ticks * 10, memory.split_whitespace().next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_open_pages_cost_little_and_miss_nothing() {
    let root = tempfile::tempdir().unwrap();
    scenes::usual(root.path()).await;
    let (app, scheduler) = house::app(root.path(), false);
    let (router, handle, reader) = (nightrun_web::router(app.clone()), scheduler.handle(), app.reader);
    let last = || reader.read_now(nightrun_engine::store::Page::last_seq).unwrap();
    let work = tokio::spawn(scheduler.run(vec![]));
    handle.begun().await;
    let (_, before) = cost();
    let mut streams = join_all((0..STREAMS).map(|_| listen(&router, "/events"))).await;
    let (begun, after) = cost();
    assert!(after - before < 64 << 10, "500 streams take {} KiB", after - before);
    for value in 0..1_000 {
        set(&handle, value).await;
    }
    let end = last();
    let messages = join_all(streams.iter_mut().map(|stream| until(stream, end))).await;
    let (ended, memory) = cost();
    eprintln!(
        "500 streams: {} KiB, then {} ms for 1000 commits, {memory} KiB",
        after - before,
        ended - begun
    );
    // All were told the same, gathered: far fewer messages than commits.
    assert!(messages.iter().all(|count| *count < 200), "{:?}", messages.iter().max());
    assert!(
        ended - begun < 20_000,
        "1000 commits for 500 streams took {} ms of the processor",
        ended - begun
    );
    drop(streams);

    // A laptop is closed while much happens; when it opens, one message says it all.
    let mut laptop = listen(&router, "/events").await;
    for value in 0..20 {
        set(&handle, value).await;
        tokio::time::sleep(Duration::from_millis(210)).await;
    }
    let end = last();
    let told = next(&mut laptop).await;
    assert!(told.1["all"] == true && told.0 >= end - 1, "{told:?} of {end}");
    drop(laptop);

    // One who comes back is told by name what the store remembers, or "all" when that is too much.
    let pause = |dag: &str| Event::PauseRequested {
        dag: Some(dag.into()),
        paused: true,
        by: "test".into(),
        why: None,
    };
    handle.request(pause("heartbeat")).await.unwrap();
    let (seq, told) = next(&mut listen(&router, &format!("/events?since={end}")).await).await;
    assert_eq!(
        (seq, &told["all"], &told["dags"]),
        (end + 1, &false.into(), &serde_json::json!(["heartbeat"]))
    );
    let (_, told) = next(&mut listen(&router, &format!("/events?since={}", end + 1_000_000)).await).await;
    assert_eq!(told["all"], true);

    // There is an end to how many may listen.
    let all = join_all((0..1_000).map(|_| listen(&router, "/api/v1/events"))).await;
    for path in ["/events", "/runs/1/tasks/beat/attempts/1/follow"] {
        let request = Request::builder().uri(path).header("host", "localhost").body(Body::empty()).unwrap();
        let refused = router.clone().oneshot(request).await.unwrap();
        let told = (refused.status().as_u16(), &refused.headers()["retry-after"]);
        assert_eq!(told, (429, &"5".parse().unwrap()), "{path}");
    }
    drop(all);
    drop(listen(&router, "/events").await);
    handle.stop(false);
    work.await.unwrap();
}
