//! Users, tokens and a server that other machines can reach, with the real binary.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::town::{Said, Server, Town, wait_for};

const BEAT: &str =
    "params:\n  greeting: {default: hello}\ntasks:\n  - id: say\n    run: echo \"{{ params.greeting }}\"\n";

/// What a server answers: status, the headers asked for, the body.
struct Got {
    status: u16,
    location: String,
    cookie: String,
    body: String,
}

fn ask(server: &Server, path: &str, headers: &[(&str, &str)], form: Option<&str>) -> Got {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build().into();
    let url = format!("http://{}{path}", server.address().replace("0.0.0.0", "127.0.0.1"));
    let mut response = if let Some(form) = form {
        let request = agent.post(&url).header("content-type", "application/x-www-form-urlencoded");
        headers.iter().fold(request, |it, (name, value)| it.header(*name, *value)).send(form).unwrap()
    } else {
        headers.iter().fold(agent.get(&url), |it, (name, value)| it.header(*name, *value)).call().unwrap()
    };
    let header = |name: &str| {
        response.headers().get(name).map_or_else(String::new, |it| it.to_str().unwrap().to_owned())
    };
    let (location, cookie) = (header("location"), header("set-cookie"));
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    Got { status, location, cookie, body: response.body_mut().read_to_string().unwrap() }
}

/// A verb that speaks to a server as if from elsewhere.
fn there(town: &Town, server: &Server, token: &str, args: &str) -> Said {
    let url = server.address().replace("0.0.0.0", "127.0.0.1");
    let mut command = town.command(&format!("{args} --server http://{url}"));
    let command = command.env("NIGHTRUN_TOKEN", token).env("NIGHTRUN_DATA", "/nonexistent");
    Said::by(command.stdin(Stdio::null()).output().unwrap())
}

fn add(town: &Town, args: &str, password: &str) {
    let said = town.nightrun_reading(&format!("user add {args}"), &format!("{password}\n"));
    assert_eq!(said.code, 0, "{said:?}");
}

/// Open by default is what has cost others dear: Airflow CVE-2020-13927, Dagu GHSA-6qr9-g2xw-cw92.
#[test]
fn a_server_that_others_reach_needs_somebody_to_log_in() {
    let town = Town::with("beat", BEAT);
    let refused = town.nightrun("serve --listen 0.0.0.0:0");
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("0.0.0.0:0 is not this machine alone"), "{}", refused.err);
    assert!(refused.err.contains("nightrun user add NAME --role admin"), "{}", refused.err);

    add(&town, "ana --role admin", "a long password");
    let server = town.serve_all();
    assert_eq!(ask(&server, "/dags", &[("accept", "text/html")], None).location, "/login?next=/dags");
    assert_eq!(ask(&server, "/api/v1/dags", &[], None).status, 401);
    let health = ask(&server, "/health", &[], None);
    assert_eq!((health.status, health.body.as_str()), (200, r#"{"status":"ok"}"#));
    let wrong = ask(&server, "/login", &[], Some("name=ana&password=wrong"));
    assert_eq!((wrong.status, wrong.cookie.as_str()), (401, ""));
    let form = "name=ana&password=a+long+password&next=%2Fruns";
    let login = ask(&server, "/login", &[], Some(form));
    assert_eq!((login.status, login.location.as_str()), (303, "/runs"));
    let cookie = [("cookie", login.cookie.as_str()), ("accept", "text/html")];
    let page = ask(&server, "/dags/beat/trigger", &cookie, None);
    let csrf =
        page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let forged = ask(&server, "/dags/beat/trigger", &cookie, Some("param.greeting=hi"));
    assert_eq!(forged.status, 403);
    let pressed =
        ask(&server, "/dags/beat/trigger", &cookie, Some(&format!("param.greeting=hi&csrf={csrf}")));
    assert_eq!(
        (pressed.status, pressed.location.as_str()),
        (303, "/runs/1?did=triggered"),
        "{}",
        pressed.body
    );
    assert_eq!(town.wait_for_run("1", "success")["by"], "ana");

    // The owner of the data folder needs no login.
    let mut owner = town.command("pause beat");
    assert!(owner.env("USER", "otto").status().unwrap().success());
    let said = town.nightrun_reading("user password ana", "another password\n");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ask(&server, "/runs", &cookie, None).status, 303, "logged out at once");
    let audit = town.nightrun("audit --json").json();
    let deeds: Vec<String> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {} {}", it["by"], it["verb"], it["target"]).replace('"', ""))
        .collect();
    let expected = [
        "cli:tess user password user ana",
        "cli:otto pause DAG beat",
        "ana trigger run 1",
        "ana login user ana",
        "cli:tess user add user ana",
    ];
    assert_eq!(deeds, expected);
    town.does("user remove ana");
    let closed = ask(&server, "/api/v1/dags", &[], None).status;
    assert_eq!(closed, 401, "no user does not mean no login");
    server.stop();
    town.does("db check");
}

#[test]
fn who_is_limited_to_a_dag_does_not_see_who_called_it_nor_whom_it_calls() {
    let town = Town::with("inner", BEAT);
    town.write("dags/outer.yaml", "tasks: [{id: hushtask, type: dag, with: {dag: inner}}]");
    let token = |dag: &str| town.nightrun(&format!("token create {dag} --role viewer --dag {dag}")).out;
    let (inner, outer) = (token("inner"), token("outer"));
    let server = town.serve();
    town.does("trigger outer");
    town.wait_for_run("1", "success");
    let called = there(&town, &server, inner.trim(), "runs show 2 --json");
    assert_eq!(
        (&called.json()["parent"], &called.json()["by"]),
        (&Json::Null, &json!("a task of another DAG"))
    );
    let agent = ureq::Agent::new_with_defaults();
    let ask = |path: &str, accept: &str| {
        let bearer = format!("Bearer {}", inner.trim());
        let request = agent.get(format!("http://{}{path}", server.address())).header("accept", accept);
        request.header("authorization", bearer).call().unwrap().body_mut().read_to_string().unwrap()
    };
    let events = ask("/api/v1/runs/2/events", "application/json");
    assert!(events.contains("run_created") && events.contains("a task of another DAG"), "{events}");
    for told in [called.out, events, ask("/runs/2/events", "text/html")] {
        for name in ["outer", "hushtask", "of run 1", "\"parent\":{"] {
            assert!(!told.contains(name), "{name}: {told}");
        }
    }
    let caller = there(&town, &server, outer.trim(), "runs show 1 --json");
    assert_eq!(caller.json()["children"], json!([]));
    assert_eq!(town.nightrun("runs show 1 --json").json()["children"][0]["dag"], "inner");
}

#[test]
fn verbs_speak_to_a_server_elsewhere_with_a_token() {
    let town = Town::with("beat", BEAT);
    town.write("dags/other.yaml", BEAT);
    add(&town, "ana --role admin", "a long password");
    let made = town.nightrun("token create ci --role operator --dag beat --expires 90d");
    let token = made.out.trim().to_owned();
    assert!(made.code == 0 && token.starts_with("nrt_") && made.err.contains("not shown again"), "{made:?}");
    let server = town.serve();
    let go = |args: &str| there(&town, &server, &token, args);

    there(&town, &server, "", "dags").fails(
        1,
        "error: log in, or send a token\n  = help: set NIGHTRUN_TOKEN to a token: `nightrun token create NAME` makes one on the server",
    );
    go("trigger beat -p greeting=servus --at 2026-11-20")
        .prints("run 1 of beat; look at it with: nightrun runs show 1");
    go("trigger beat -p greting=servus")
        .fails(2, "error: DAG `beat` has no param `greting`\n  = help: it has greeting");
    go("trigger other")
        .fails(1, "error: this is about DAGs that are not granted to you; an admin can grant them");
    let run = wait_for("the run", || {
        let run = go("runs show 1 --json").json();
        (run["state"] == "success").then_some(run)
    });
    assert_eq!((&run["by"], &run["params"]), (&json!("token:ci"), &json!({ "greeting": "servus" })));
    go("runs show 1").prints(
        "✓ run 1 of beat: success, done\n  manual, asked for by token:ci, logical date TIME\n  from TIME to TIME (UTC), took TOOK\n\n TASK  STATE  TRIES  TOOK  WHY\n ✓ say  success  1  TOOK  done",
    );
    go("runs --dag beat --state success").prints(
        " RUN  DAG  STATE  TYPE  LOGICAL DATE  STARTED  TOOK\n 1  beat  ✓ success  manual  TIME  TIME  TOOK",
    );
    assert_eq!(go("runs --json").json()[0]["run_id"], "1");
    go("dags").prints(" DAG  SCHEDULE  NEXT  LAST RUNS\n beat  -  -  ✓");
    go("pause beat").prints("beat is paused");
    go("unpause beat").prints("beat is not paused any more");
    assert_eq!(go("rerun 1 --task say --wait --json").json()["verdict"], "success");
    go("mark 1 say failed")
        .prints(" TASK  IS  BECOMES  WHY\n say  success  failed  marked\nrun 1: success → failed");
    go("note 1 hello").prints("noted; `nightrun runs show 1` shows it");
    go("cancel 1").fails(1, "error: there is no active run 1");
    go("user list").fails(1, "error: this takes the role `admin`; an admin can grant it");

    let tokens: Json = town.nightrun("token list --json").json();
    assert_eq!((&tokens[0]["token"], &tokens[0]["dags"]), (&json!("ci"), &json!(["beat"])));
    assert!(tokens[0]["used_at"].is_string() && !tokens.to_string().contains(&token));
    town.nightrun("token revoke ci").prints("ci is no good any more");
    assert!(go("dags").err.contains("this token is unknown, revoked or expired"));
    server.stop();
    town.does("db check");
    assert!(!town.types("strings .nightrun/nightrun.db || cat .nightrun/nightrun.db").out.contains(&token));
}

/// Files that anybody may write (Airflow CVE-2022-38170), and hashes where they do not belong.
#[test]
fn what_is_kept_is_for_the_owner_alone() {
    let town = Town::with("beat", BEAT);
    add(&town, "ana --role admin", "a long password");
    let server = town.serve();
    for (path, mode) in [(".nightrun", 0o700), (".nightrun/nightrun.sock", 0o600)] {
        let found = std::fs::metadata(town.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
    assert!(!server.log().contains("argon2"));
    for args in ["audit --json", "user list --json", "user list", "token list", "config"] {
        let said = town.nightrun(args);
        assert!(said.code == 0 && !said.out.contains("argon2"), "{args}: {said:?}");
    }
    server.stop();
}

#[test]
fn what_cannot_be_is_refused_with_and_without_a_server() {
    let town = Town::with("beat", BEAT);
    let add = |args: &str, password: &str| town.nightrun_reading(&format!("user add {args}"), password);
    let check = || {
        add("ana", "short").fails(2, "error: a password has at least 10 characters");
        add("Ana", "a long password").fails(
            1,
            "error: `Ana` is no name: lower-case letters, digits and `._-@`, a letter or digit first, at most 64 long",
        );
        add("bo --role admin --dag beat", "a long password")
            .fails(1, "error: an admin cannot be limited to DAGs: whoever keeps users could lift the limit");
        town.nightrun("user remove nope")
            .fails(1, "error: there is no user `nope`; `nightrun user list` shows them");
        town.nightrun("token revoke nope")
            .fails(1, "error: there is no token `nope`; `nightrun token list` shows them");
    };
    check();
    let server = town.serve();
    check();
    server.stop();
}
