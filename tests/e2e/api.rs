//! The API of a real server: the lines of its chapter, and keys that outlive a crash.

use serde_json::Value as Json;

use crate::town::{Server, Town, sources, wait_for};

const HELLO: &str = "owner: data
tags: [nightly]
enabled: true
schedule: '@daily'
tasks:
  - id: greet
    run: echo hello
";

/// What came back: status and body.
type Got = (u16, String);

/// Does what a line with `curl` says.
fn curl(server: &Server, line: &str) -> Got {
    let words = words(line);
    assert_eq!(words[0], "curl", "{line}");
    let (mut method, mut body, mut headers, mut url) = (None, None, Vec::new(), None);
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-X" => method = rest.next().cloned(),
            "--json" => body = rest.next().cloned(),
            "-H" => headers.push(rest.next().unwrap().clone()),
            address => url = Some(address.replace("$URL", &format!("http://{}", server.address()))),
        }
    }
    let posts = body.is_some() || method.as_deref() == Some("POST");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = url.expect("an address");
    let mut response = if posts {
        let mut request = agent.post(url);
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        match body {
            Some(body) => request.content_type("application/json").send(body).unwrap(),
            None => request.send_empty().unwrap(),
        }
    } else {
        agent.get(url).call().unwrap()
    };
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// Words of a line, as a shell parts them: quotes keep blanks together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(end)) if c == end => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn open() -> (Town, Server) {
    let town = Town::new();
    town.write("dags/hello.yaml", HELLO);
    let server = town.serve();
    (town, server)
}

#[test]
fn every_line_of_the_chapter_works() {
    let (town, server) = open();
    assert_eq!(curl(&server, "curl --json '{}' $URL/api/v1/dags/hello/runs?wait=1m").0, 201);
    town.wait_for_run("1", "success");
    let chapter = std::fs::read_to_string(sources().join("docs/api.md")).unwrap();
    let blocks = chapter.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let lines: Vec<&str> = blocks.flat_map(str::lines).collect();
    assert!(lines.len() > 20, "{lines:?}");
    for line in lines {
        let (status, body) = curl(&server, line);
        assert!((200..300).contains(&status), "{line}: {status} {body}");
    }
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_key_is_remembered_over_a_crash() {
    let (town, server) = open();
    let line = "curl -H 'idempotency-key: night-7' --json '{}' $URL/api/v1/dags/hello/runs";
    let first = curl(&server, line);
    assert_eq!(first.0, 201, "{}", first.1);
    server.kill();
    let server = town.serve();
    assert_eq!(curl(&server, line), first);
    let run: Json = serde_json::from_str(&first.1).unwrap();
    let run = run["run_id"].as_str().unwrap();
    wait_for("the run", || (server.get(&format!("/api/v1/runs/{run}"))["state"] == "success").then_some(()));
    assert_eq!(town.runs().len(), 1);
    assert_eq!(server.stop(), 0);
    town.does("db check");
}
