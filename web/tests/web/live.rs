//! Streams: what changed, and logs as they are written; both go on where a browser left them.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use tower::ServiceExt;

use crate::visit::Visit;

async fn listen(router: &Router, path: &str, last: Option<&str>) -> BodyDataStream {
    let mut request = Request::builder().uri(path).header("host", "localhost");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

async fn next(stream: &mut BodyDataStream) -> Option<String> {
    let chunk = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap();
    chunk.map(|chunk| String::from_utf8_lossy(&chunk.unwrap()).into_owned())
}

#[tokio::test]
async fn a_log_that_is_over_is_told_from_where_it_was_left() {
    let visit = Visit::usual().await;
    let path = "/runs/39/tasks/only/attempts/1/follow";
    let mut whole = listen(&visit.router, path, None).await;
    let text = next(&mut whole).await.unwrap();
    assert!(
        text.contains("id: 55\n") && text.contains("[\"\",\"<script>alert(4)</script>\"],[\"\",\"\\n\"]"),
        "{text}"
    );
    assert!(text.contains("[\"f1\",\"red <b>not bold</b>\"]"), "{text}");
    assert!(next(&mut whole).await.unwrap().contains("event: end"));
    assert_eq!(next(&mut whole).await, None);
    let mut rest = listen(&visit.router, &format!("{path}?from=0"), Some("26")).await;
    assert!(!next(&mut rest).await.unwrap().contains("alert"));
    let mut nothing = listen(&visit.router, path, Some("55")).await;
    assert!(next(&mut nothing).await.unwrap().contains("event: end"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_grows_until_its_attempt_is_over() {
    let Visit { router, scheduler, root } = Visit::usual().await;
    let handle = scheduler.handle();
    let path = "/runs/38/tasks/copy_stock/attempts/1/follow?from=35";
    let mut log = listen(&router, path, None).await;
    let file = root.path().join("data/runs/38/2.0.1.log");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("13 of 400 pages\n");
    std::fs::write(&file, text).unwrap();
    assert!(next(&mut log).await.unwrap().contains("13 of 400 pages"));
    // The loop begins, and finds an attempt of another life: it is lost, and so over.
    let work = tokio::spawn(scheduler.run(vec![]));
    assert!(next(&mut log).await.unwrap().contains("event: end"));
    handle.stop(false);
    work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_named_and_none_is_missed() {
    let Visit { router, scheduler, root: _root } = Visit::usual().await;
    let handle = scheduler.handle();
    let mut behind = listen(&router, "/events?since=3", None).await;
    assert!(next(&mut behind).await.unwrap().contains("\"all\":true"));
    let work = tokio::spawn(scheduler.run(vec![]));
    let told = next(&mut behind).await.unwrap();
    assert!(told.contains("\"runs\":[38") && told.contains("\"all\":false"), "{told}");
    handle.stop(false);
    work.await.unwrap();
}

/// Whoever stands between closes a connection on which nothing is said for long.
#[tokio::test]
async fn a_stream_that_has_nothing_to_say_says_so() {
    let visit = Visit::usual().await;
    let mut stream = listen(&visit.router, "/events", None).await;
    assert_eq!(next(&mut stream).await.unwrap(), ":\n\n");
}
