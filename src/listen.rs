//! Listens: on TCP for all who reach us, on the socket of the data folder for its owner.
//!
//! Whoever connects holds an open file, and runs need them too. So there are places: when those of TCP are
//! taken, who comes is turned away; the socket has places of its own, and who comes there waits for one.
//! Nobody keeps a place for nothing: a request, and each part of its body, has to come in time, and what is answered
//! has to be read.

mod patient;
mod seldom;

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;
use tower_http::timeout::RequestBodyTimeoutLayer;

use patient::Patient;
use seldom::Seldom;

/// Longest from the opening of a connection, or from the last answer on it, to the end of a request's headers.
const HEADERS: Duration = Duration::from_secs(10);

/// Longest pause between two parts of a request's body.
const BODY: Duration = Duration::from_secs(30);

/// Longest that somebody takes nothing of an answer that is being sent.
const READER: Duration = Duration::from_mins(2);

/// How long nothing is accepted after the system refused it.
const PAUSE: Duration = Duration::from_secs(1);

/// Open files that are kept for tasks, the store and logs where the limit allows it.
const KEPT: usize = 256;

/// Connections at once, however many files may be open.
const MOST: usize = 4_096;

/// What they hear for whom there is no place.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\n\
    Content-Type: text/plain\r\nContent-Length: 30\r\n\r\ntoo many connections are open\n";

/// How many connections may be open at once.
#[derive(Debug, PartialEq)]
pub(crate) struct Places {
    /// On TCP.
    pub(crate) all: usize,
    /// On the socket of the data folder.
    pub(crate) owner: usize,
}

impl Places {
    /// For a process that may have `files` open: at least half are kept for its work, and `KEPT` as long as
    /// that leaves a quarter.
    pub(crate) fn of(files: u64) -> Self {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let kept = (files / 2).max(KEPT.min(files / 4 * 3));
        let places = (files - kept).clamp(8, MOST);
        Self { all: places - places / 4, owner: places / 4 }
    }
}

/// Answers whoever connects by TCP, as long as there are places.
pub(crate) async fn to_all(listener: TcpListener, router: Router, places: usize) {
    let router = ready(router);
    let free = Arc::new(Semaphore::new(places));
    let (mut full, mut refused) = (Seldom::default(), Seldom::default());
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(fault) => {
                rest_after(&fault, &mut refused).await;
                continue;
            }
        };
        if let Ok(place) = free.clone().try_acquire_owned() {
            tokio::spawn(attend(stream, router.clone(), Some(ConnectInfo(peer)), place));
            continue;
        }
        turn_away(stream);
        if full.is_time() {
            tracing::warn!(
                "{places} connections are open: more are turned away; a higher `ulimit -n` allows more"
            );
        }
    }
}

/// Answers the owner of the data folder; who finds no place waits for one.
pub(crate) async fn to_owner(listener: UnixListener, router: Router, places: usize) {
    let router = ready(router);
    let free = Arc::new(Semaphore::new(places));
    let mut refused = Seldom::default();
    while let Ok(place) = free.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(attend(stream, router.clone(), None, place));
            }
            Err(fault) => rest_after(&fault, &mut refused).await,
        }
    }
}

/// The routes, made once for all connections.
fn ready(router: Router) -> Router {
    router.layer(RequestBodyTimeoutLayer::new(BODY)).with_state(())
}

/// Serves one connection to its end.
async fn attend<S>(
    stream: S,
    router: Router,
    peer: Option<ConnectInfo<SocketAddr>>,
    place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if let Err(fault) = served(Patient::new(stream, READER), router, peer).await {
        tracing::trace!("a connection ended: {fault}");
    }
    drop(place);
}

async fn served<S>(
    stream: Patient<S>,
    router: Router,
    peer: Option<ConnectInfo<SocketAddr>>,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { answer.await.map_err(|never: Infallible| never) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// Says that there is no place, as far as the other side listens.
fn turn_away(stream: TcpStream) {
    // As a plain socket, which does not wait to be told that it is ready.
    if let Ok(mut stream) = stream.into_std() {
        // What was sent but never read would take our answer away with it.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write(FULL);
    }
}

/// Waits when the system refuses connections; one that was gone before we came is no reason to.
async fn rest_after(fault: &io::Error, refused: &mut Seldom) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(fault.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    if refused.is_time() {
        tracing::error!("no connection can be accepted: {fault}; it is tried again each second");
    }
    tokio::time::sleep(PAUSE).await;
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::get;
    use futures_util::stream::{repeat_with, unfold};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    /// A log without an end.
    fn endless() -> Router {
        let block = || Ok::<_, Infallible>(vec![b'x'; 1 << 16]);
        ready(Router::new().route("/", get(move || async move { Body::from_stream(repeat_with(block)) })))
    }

    #[tokio::test]
    async fn who_never_reads_an_answer_is_broken_off() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        client.write_all(ASK).await.unwrap();
        let patience = Duration::from_millis(200);
        let begun = Instant::now();
        let end = served(Patient::new(server, patience), endless(), None).await;
        assert!(end.is_err() && begun.elapsed() >= patience, "{end:?} {:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn who_reads_slowly_is_served_on() {
        let (mut client, server) = tokio::io::duplex(1 << 10);
        client.write_all(ASK).await.unwrap();
        let patience = Duration::from_secs(2);
        let end = tokio::spawn(served(Patient::new(server, patience), endless(), None));
        let begun = Instant::now();
        while begun.elapsed() < patience * 3 / 2 {
            tokio::time::sleep(patience / 10).await;
            client.read_exact(&mut [0; 100]).await.unwrap();
        }
        assert!(!end.is_finished());
        drop(client);
        assert!(end.await.unwrap().is_err(), "it was sent on to the end");
    }

    #[tokio::test]
    async fn a_stream_may_be_quiet_for_long() {
        let patience = Duration::from_millis(20);
        let words = move || {
            unfold(0, move |said: u32| async move {
                tokio::time::sleep(patience * 10).await;
                (said < 3).then(|| (Ok::<_, Infallible>(format!("word {said}\n")), said + 1))
            })
        };
        let router = Router::new().route("/", get(move || async move { Body::from_stream(words()) }));
        let (mut client, server) = tokio::io::duplex(1 << 10);
        client.write_all(ASK).await.unwrap();
        tokio::spawn(served(Patient::new(server, patience), ready(router), None));
        let mut text = String::new();
        while !text.contains("word 2") {
            let mut block = [0; 1 << 10];
            let read = client.read(&mut block).await.unwrap();
            assert!(read > 0, "it was broken off: {text}");
            text.push_str(&String::from_utf8_lossy(&block[..read]));
        }
    }

    #[tokio::test]
    async fn a_real_connection_is_broken_off_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let begun = Instant::now();
        let mut patient = Patient::new(stream, Duration::from_millis(200));
        let block = vec![0; 1 << 16];
        let fault = loop {
            match patient.write(&block).await {
                Ok(_) => {}
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(200));
    }

    #[test]
    fn places_leave_the_work_its_files() {
        for (files, all, owner) in [
            (0, 6, 2),
            (64, 12, 4),
            (256, 48, 16),
            (400, 108, 36),
            (1_024, 384, 128),
            (65_536, 3_072, 1_024),
            (u64::MAX, 3_072, 1_024),
        ] {
            assert_eq!(Places::of(files), Places { all, owner }, "{files}");
        }
    }

    #[test]
    fn who_is_turned_away_hears_a_whole_answer() {
        let text = String::from_utf8_lossy(FULL);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
    }
}
