//! Whoever can reach the port can open connections. They take no files from tasks, no answers from the
//! owner, and do not stay for nothing.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use crate::town::{PATIENCE, Server, Town, wait_for};

/// More than a server finds places for that may have 256 files open, and than its files.
const MANY: usize = 300;

const HELLO: &str = "tasks: [{id: hello, run: echo hello}]";

/// Connects and begins to ask, but never ends.
fn half_open(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Whoever is turned away at once cannot say it all.
    let _ = stream.write_all(b"GET / HT");
    stream
}

/// All that somebody hears until the connection is closed.
fn heard(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    if let Err(fault) = stream.read_to_end(&mut bytes) {
        assert_eq!(fault.kind(), std::io::ErrorKind::ConnectionReset, "still open: {fault}");
    }
    String::from_utf8(bytes).unwrap()
}

/// What `GET path` by the socket of the data folder is answered.
fn asked_by_socket(town: &Town, path: &str) -> String {
    let mut stream = UnixStream::connect(town.path(".nightrun/nightrun.sock")).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    heard(stream)
}

#[test]
fn idle_strangers_take_no_files_from_runs_and_do_not_stay() {
    let town = Town::with("hello", HELLO);
    let server = town.serve_after("ulimit -n 256");
    let mut listener = TcpStream::connect(server.address()).unwrap();
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    listener.write_all(request.as_bytes()).unwrap();
    listener.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut told = BufReader::new(listener).lines().map(Result::unwrap);
    assert_eq!(told.next().unwrap(), "HTTP/1.1 200 OK");

    let strangers: Vec<TcpStream> = (0..MANY).map(|_| half_open(&server)).collect();
    wait_for("the warning", || server.log().contains("more are turned away").then_some(()));
    town.does("trigger hello");
    town.wait_for_run("1", "success");
    town.does("runs");
    let health = asked_by_socket(&town, "/health");
    assert!(health.starts_with("HTTP/1.1 200 OK"), "{health}");

    let answers: Vec<String> = strangers.into_iter().map(heard).collect();
    let turned_away = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 503")).count();
    assert!((MANY / 2..MANY).contains(&turned_away), "{turned_away} of {MANY} were turned away");
    wait_for("a place", || {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let request =
            format!("GET /health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address());
        let _ = stream.write_all(request.as_bytes());
        heard(stream).starts_with("HTTP/1.1 200 OK").then_some(())
    });
    assert_eq!(server.log().matches("more are turned away").count(), 1, "{}", server.log());
    assert!(!server.log().contains("open files"), "{}", server.log());

    town.does("trigger hello");
    town.wait_for_run("2", "success");
    let second = told.any(|line| line.starts_with("data:") && line.contains(r#""runs":[2]"#));
    assert!(second, "who listens is no stranger, however long nothing was said");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_connection_that_asks_nothing_more_is_closed() {
    let town = Town::with("hello", HELLO);
    let server = town.serve();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    stream.write_all(request.repeat(2).as_bytes()).unwrap();
    assert_eq!(heard(stream).matches("HTTP/1.1 200 OK").count(), 2);
}

#[test]
fn the_server_takes_all_files_it_may_have_and_its_tasks_as_many_as_it_was_given() {
    let town = Town::with("limit", "tasks: [{id: a, run: 'until [ $(ulimit -S -n) = 200 ]; do :; done'}]");
    let server = town.serve_after("ulimit -S -n 200; ulimit -H -n 400");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["400", "400"]);
    town.does("trigger limit");
    town.wait_for_run("1", "success");
}
