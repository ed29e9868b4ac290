//! Every verb says the same of a server elsewhere as of the data folder, and what goes wrong on the way is told with
//! its cure.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use crate::town::{Said, Server, Town, masked, wait_for};

const GOOD: &str = "description: counts
owner: data
tags: [nightly]
schedule: {cron: '30 1 * * mon-fri', calendar: town, on_holiday: skip}
timezone: Europe/Paris
enabled: true
catchup: latest
params:
  region: {type: string, default: eu}
on_success: {run: 'true'}
tasks:
  - id: count
    run: \"echo 3; echo counting >&2\"
    capture: json
  - id: each
    depends_on: [count]
    foreach: {items: [a, b]}
    run: echo item {{ item }}
";

const BAD: &str = "enabled: true
defaults: {retries: 1, retry_delay: 10ms}
tasks:
  - id: boom
    run: echo no room left; exit 3
  - id: after
    depends_on: [boom]
    run: echo x
";

/// Verbs that look, and some that only say what they would do.
const LOOKS: &[&str] = &[
    "dags",
    "dags show good",
    "dags show good --version 1",
    "dags show nope",
    "dags show good --version 99",
    "dags history good",
    "dags diff good",
    "dags diff good 1 2",
    "dags diff bad",
    "dags diff good 1 99",
    "runs",
    "runs -n 1",
    "runs --dag bad --state failed",
    "runs --state nope",
    "runs show 1",
    "runs show 2",
    "runs show 99",
    "tasks 1",
    "hooks",
    "hooks 1",
    "hooks --failed",
    "pools",
    "pools show executor",
    "pools show nope",
    "xcom 1",
    "xcom 1 count return_value",
    "xcom 1 count nope",
    "xcom 1 nope",
    "why 2",
    "why 2 after",
    "why 2 nope",
    "why good",
    "why bad",
    "why good 2026-11-20",
    "why good nonsense",
    "why nope",
    "hold list",
    "vars list",
    "vars get sizes",
    "vars get nope",
    "backfill list",
    "backfill list --dag bad",
    "backfill show 1",
    "backfill show 99",
    "audit",
    "audit -n 2",
    "user list",
    "token list",
    "next good -n 3 --after 2029-12-27T00:00:00Z",
    "next bad",
    "calendar show town --year 2030",
    "db prune --dry-run",
    "db prune --dry-run --keep-runs 1",
    "db prune --dry-run --dag nope",
    "trigger good --dry-run -p region=us",
    "trigger good --dry-run --only count --at 2026-11-20",
    "trigger bad --dry-run",
    "trigger good --dry-run --only nope",
    "trigger nope --dry-run",
    "rerun 2 --dry-run",
    "rerun 99 --dry-run",
    "mark 2 boom success --dry-run",
    "mark 2 nope success --dry-run",
    "backfill good --from 2026-11-02 --to 2026-11-04 --dry-run",
    "backfill nope --from 2026-11-02 --to 2026-11-04 --dry-run",
];

/// A verb that speaks to a server as if from elsewhere: no data folder is in reach.
fn there(town: &Town, url: &str, token: &str, args: &str) -> Said {
    let mut command = town.command(&format!("{args} --server {url}"));
    let command = command.env("NIGHTRUN_TOKEN", token).env("NIGHTRUN_DATA", "/nonexistent");
    Said::by(command.stdin(Stdio::null()).output().unwrap())
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address())
}

/// A town with some history, and its server.
fn lived_in() -> (Town, Server) {
    let town = Town::with("good", GOOD);
    town.write(
        "dags/calendars/town.yaml",
        "description: The town's\nweekend: [sat, sun]\nholidays:\n  - {date: 2030-01-01, name: New Year}\n",
    );
    town.write("dags/bad.yaml", BAD);
    let server = town.serve();
    for args in [
        "vars set warehouse postgres://db",
        "vars set sizes [1,2] --json",
        "trigger good -p region=us --at 2026-11-20",
        "trigger bad",
        "note 1 checked",
    ] {
        town.does(args);
    }
    town.wait_for_run("1", "success");
    town.wait_for_run("2", "failed");
    town.write("dags/good.yaml", &GOOD.replace("echo item", "echo the item"));
    wait_for("the second version", || {
        (town.nightrun("dags history good --json").json().as_array()?.len() == 2).then_some(())
    });
    for args in [
        "backfill good --from 2026-11-02 --to 2026-11-03 --wait",
        "hold add --dag good --from 2030-01-01T00:00:00Z --to 2030-01-02T00:00:00Z --why disks",
        "skip good --next --why holiday",
        "pause bad",
    ] {
        town.does(args);
    }
    (town, server)
}

#[test]
fn what_is_looked_at_is_the_same_here_and_there() {
    let (town, server) = lived_in();
    for args in LOOKS {
        for args in [(*args).to_owned(), format!("{args} --json")] {
            let (here, there) = (town.nightrun(&args), there(&town, &url(&server), "", &args));
            assert_eq!(here.code, there.code, "{args}: {here:?} {there:?}");
            assert_eq!(masked(&here.out), masked(&there.out), "{args}");
            assert_eq!(masked(&here.err), masked(&there.err), "{args}");
            let text = format!("{}{}", here.out, here.err);
            assert!(!text.contains("unexpected argument"), "{args}: {text}");
        }
    }
    for args in [
        "logs 1",
        "logs 1 count",
        "logs 2",
        "logs 2 boom --try 1",
        "logs 2 boom --try 9",
        "logs 2 after",
        "logs 1 each[1]",
        "logs 1 --follow",
        "logs 99",
    ] {
        let (here, there) = (town.nightrun(args), there(&town, &url(&server), "", args));
        assert_eq!((here.code, here.out, here.err), (there.code, there.out, there.err), "{args}");
    }
    let all = town.nightrun("logs 1").out;
    assert!(all.contains("counting") && all.contains("3\n") && all.contains("item a"), "{all}");
    server.stop();
}

/// An act here, the same there, and both again to take it back.
#[test]
fn what_is_done_is_the_same_here_and_there() {
    let (town, server) = lived_in();
    let without_numbers = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "N");
    for args in [
        "pause good",
        "unpause good",
        "unpause bad",
        "pause --all --why disks",
        "unpause good",
        "unpause --all",
        "hold add --all --from 2031-01-01T00:00:00Z --to 2h --why disks --json",
        "hold remove 99",
        "skip good 2030-02-01T00:30:00Z --why fair",
        "move good 2030-02-04T00:30:00Z --to 2030-02-04T03:30:00Z",
        "skip nope --next",
        "vars set colour green",
        "vars set 9 green",
        "note 2 looked --task boom",
        "note 99 looked",
        "cancel 1",
        "trigger good -p region=us",
        "trigger good -p nope=us",
        "trigger nope",
        "mark 2 boom failed",
        "rerun 1 --task count --wait",
        "backfill pause 1",
        "backfill cancel 99",
        "backfill good --from 2026-11-05 --to 2026-11-05 --all --wait",
        "token revoke nope",
        "user remove nope",
    ] {
        let (here, there) = (town.nightrun(args), there(&town, &url(&server), "", args));
        let told = |said: &Said| {
            (said.code, without_numbers(&masked(&said.out)), without_numbers(&masked(&said.err)))
        };
        assert_eq!(told(&here), told(&there), "{args}");
    }
    let undone = "the tick of good at TIME (UTC) fires as the schedule has it";
    there(&town, &url(&server), "", "skip good 2030-02-01T00:30:00Z --undo").prints(undone);
    there(&town, &url(&server), "", "move good 2030-02-04T00:30:00Z --undo").prints(undone);
    there(&town, &url(&server), "", "vars delete colour").prints("");
    town.nightrun("vars delete colour")
        .fails(1, "error: there is no var `colour` in the store\n  = help: `nightrun vars list` shows them");
    there(&town, &url(&server), "", "hold remove 2").prints("maintenance window 2 is over");
    there(&town, &url(&server), "", "hold add --all --to 2031-01-01T03:00 --why x").fails(
        2,
        "error: `2031-01-01T03:00` says no offset, and so no instant\n  = help: write 2026-11-21T01:30:00Z, or a length such as 2h",
    );
    server.stop();
}

#[test]
fn a_log_is_followed_from_elsewhere_until_its_end() {
    let town = Town::with(
        "slow",
        "enabled: true\ntasks: [{id: talk, run: 'echo one; while [ ! -e ../go ]; do sleep 0.02; done; echo two'}]\n",
    );
    let server = town.serve();
    town.does("trigger slow");
    wait_for("its first word", || town.nightrun("logs 1 talk").out.contains("one").then_some(()));
    let mut command = town.command(&format!("logs 1 talk --follow --server {}", url(&server)));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 4];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    town.write("go", "");
    assert_eq!(Said::by(child.wait_with_output().unwrap()).out, "two\n");
    assert_eq!(&first, b"one\n");
    server.stop();
}

/// Answers every request with one text, as something that is no Nightrun, or another one, may.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let health = String::from_utf8_lossy(&request[..read]).starts_with("GET /health");
            let body = if health { r#"{"status":"ok","version":"9.9.9"}"# } else { answer };
            let (head, body) = body.split_once("\n\n").unwrap_or(("HTTP/1.1 200 OK", body));
            let length = body.len();
            let _ = write!(
                stream,
                "{head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

#[test]
fn what_is_wrong_with_a_server_elsewhere_is_told_with_its_cure() {
    let town = Town::with("good", "enabled: true\ntasks: [{id: a, run: 'true'}]\n");
    let added = town.nightrun_reading("user add ana --role admin", "a long password\n");
    assert_eq!(added.code, 0, "{added:?}");
    let server = town.serve();
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let none = "error: URL cannot be reached: nothing listens there\n  = help: is `nightrun serve` running, and its port right?";
    let another = answering(r#"{"something": "else"}"#);
    let moved = answering("HTTP/1.1 308 Moved\r\nlocation: https://nightrun.example/\n\n");
    let stranger = answering("HTTP/1.1 404 Not Found\n\n<h1>nginx</h1>");
    for (url, token, code, expected) in [
        (url(&server), "", 1, "error: log in, or send a token\n  = help: set NIGHTRUN_TOKEN to a token: `nightrun token create NAME` makes one on the server".to_owned()),
        (url(&server), "nrt_wrong", 1, "error: this token is unknown, revoked or expired\n  = help: `nightrun token list` on the server lists the good ones; NIGHTRUN_TOKEN holds ours".to_owned()),
        (nobody.clone(), "", 1, none.replace("URL", &nobody)),
        (url(&server).replace("http", "https"), "", 1, format!("error: {} cannot be reached: its certificate is not trusted, or it does not speak TLS", url(&server).replace("http", "https"))),
        ("ftp://x".to_owned(), "", 2, "error: `ftp://x` is no address of a server\n  = help: it is written https://HOST or http://HOST:PORT".to_owned()),
        ("https://".to_owned(), "", 2, "error: `https://` is no address of a server\n  = help: it is written https://HOST or http://HOST:PORT".to_owned()),
        (another.clone(), "", 1, "error: the server's answer cannot be read: ".to_owned()),
        (moved.clone(), "", 1, format!("error: {moved} sends us on to https://nightrun.example/\n  = help: name that with --server")),
        (stranger.clone(), "", 1, format!("error: {stranger} does not answer as Nightrun does (404)\n  = help: that server is 9.9.9, this is")),
    ] {
        for args in ["runs", "cancel 1"] {
            // What an act is answered is not read where it went well.
            if url == another && args != "runs" {
                continue;
            }
            let said = there(&town, &url, token, args);
            assert_eq!(said.code, code, "{args}: {said:?}");
            assert!(said.err.starts_with(&expected), "{args}: {}\nexpected: {expected}", said.err);
            assert_eq!(said.out, "", "{args}");
        }
    }
    assert!(there(&town, &another, "", "runs").err.contains("= help: that server is 9.9.9, this is"));
    server.stop();
}

#[test]
fn a_list_that_leads_round_and_round_ends_with_an_error() {
    let town = Town::new();
    for (items, next) in [("[]", "/api/v1/hooks?before=7"), ("[{}]", "/api/v1/hooks?failed=false&limit=500")]
    {
        let page = format!(
            "HTTP/1.1 200 OK\r\nlink: <{next}>; rel=\"next\"\n\n{{\"items\": {items}, \"next\": \"7\"}}"
        );
        let url = answering(page.leak());
        let said = there(&town, &url, "", "hooks -n 1000 --json");
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        let expected = format!("error: the server's list does not end: it goes on at {next}\n");
        assert!(said.err.starts_with(&expected), "{}", said.err);
    }
}

#[test]
fn the_environment_names_a_server_and_a_data_folder_by_hand_comes_before_it() {
    let town = Town::with("good", "enabled: true\ntasks: [{id: a, run: 'true'}]\n");
    let server = town.serve();
    let run = |args: &str, address: &str| {
        Said::by(town.command(args).env("NIGHTRUN_SERVER", address).stdin(Stdio::null()).output().unwrap())
    };
    assert!(run("dags", &url(&server)).out.contains("good"));
    run("cancel 7", &url(&server)).fails(1, "error: there is no active run 7");
    let none = "http://127.0.0.1:1";
    assert!(run("dags", none).err.contains("cannot be reached"));
    assert!(run("dags --data .nightrun", none).out.contains("good"));
    assert!(run("dags --server=", none).out.contains("good"));
    assert_eq!(run("validate", none).code, 0, "it is about files");
    server.stop();
}

#[test]
fn a_verb_that_makes_no_sense_elsewhere_says_so() {
    let town = Town::with("good", "enabled: true\ntasks: [{id: a, run: 'true'}]\n");
    for args in [
        "serve",
        "run dags/good.yaml",
        "validate",
        "test",
        "schema",
        "example",
        "explain",
        "db check",
        "db migrate",
        "plan",
        "dry-run good",
        "config",
    ] {
        let verb = args.split_whitespace().take(if args.starts_with("db") { 2 } else { 1 });
        let verb = verb.collect::<Vec<_>>().join(" ");
        town.nightrun(&format!("{args} --server http://127.0.0.1:1")).fails(2, &format!(
            "error: `nightrun {verb}` works on this machine alone: it takes no --server\n  = help: `nightrun help {verb}` says what it takes; verbs that look at runs or act on them take a server"
        ));
    }
}
