//! Who hooks speak to: a tiny HTTP server and a tiny SMTP server that keep what they are told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value as Json;

use crate::town::wait_for;

/// One request by HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What a server was told; it lives as long as the test program.
pub(crate) struct Sink<T> {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<T>>>,
}

impl<T: Clone + Send + 'static> Sink<T> {
    fn start(serve: impl Fn(TcpStream, usize) -> Option<T> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sink = Self { port: listener.local_addr().unwrap().port(), heard: Arc::default() };
        let heard = sink.heard.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = heard.lock().unwrap().len();
                heard.lock().unwrap().extend(serve(stream, number));
            }
        });
        sink
    }

    /// All it was told so far.
    pub(crate) fn heard(&self) -> Vec<T> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until it was told so much.
    pub(crate) fn hears(&self, count: usize) -> Vec<T> {
        wait_for("a message", || Some(self.heard()).filter(|heard| heard.len() >= count))
    }
}

/// Answers the first `refused` requests with 503 and the others with 200.
pub(crate) fn web(refused: usize) -> Sink<Request> {
    Sink::start(move |mut stream, number| {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut request = Request { path: first.split(' ').nth(1)?.to_owned(), headers, body: String::new() };
        let mut body = vec![0; request.header("content-length").parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        request.body = String::from_utf8(body).ok()?;
        let status = if number < refused { "503 Not Now" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).ok()?;
        Some(request)
    })
}

/// Takes every mail; what is kept is the whole dialogue of the sender.
pub(crate) fn mail() -> Sink<String> {
    Sink::start(|mut stream, _| {
        let reader = BufReader::new(stream.try_clone().ok()?);
        let mut said = String::new();
        let mut in_data = false;
        stream.write_all(b"220 sink\r\n").ok()?;
        for line in reader.lines() {
            let line = line.ok()?;
            said.push_str(&line);
            said.push('\n');
            let answer: &[u8] = match line.as_str() {
                "." if in_data => {
                    in_data = false;
                    b"250 taken\r\n"
                }
                _ if in_data => b"",
                "DATA" => {
                    in_data = true;
                    b"354 go on\r\n"
                }
                "QUIT" => {
                    let _ = stream.write_all(b"221 bye\r\n");
                    break;
                }
                _ => b"250 well\r\n",
            };
            stream.write_all(answer).ok()?;
            if !in_data && line == "." {
                break;
            }
        }
        Some(said)
    })
}
