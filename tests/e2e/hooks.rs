//! Hooks and deadlines: who is told what, how often, and what a crash does to it.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value as Json;
use sha2::Sha256;

use crate::sink;
use crate::town::{Town, same, signal, wait_for};

/// The hooks of a run as `task on action state tries`.
fn hooks(run: &Json) -> Vec<String> {
    let text = |value: &Json| value.as_str().unwrap_or("-").to_owned();
    let hooks = run["hooks"].as_array().unwrap().iter();
    hooks
        .map(|it| {
            let [task, on, action, state] = ["task", "on", "action", "state"].map(|key| text(&it[key]));
            format!("{task} {on} {action} {state} {}", it["tries"])
        })
        .collect()
}

#[test]
fn a_webhook_is_signed_and_says_what_failed_and_not_what_was_blocked() {
    let web = sink::web(0);
    let town = Town::with(
        "night",
        "on_failure: {notify: {webhook: pager, include: [log_tail, graph_link]}}
defaults: {on_failure: {notify: {webhook: pager}}}
tasks:
- {id: extract, run: 'echo the disk is full; exit 3'}
- {id: load, run: echo, depends_on: [extract]}
- {id: report, run: echo, depends_on: [load]}
",
    );
    let address = format!("http://127.0.0.1:{}/T0/secret", web.port);
    town.write(
        "nightrun.yaml",
        &format!(
            "url: https://night.example.com/\nnotify: {{pager: {{webhook: '{address}', secret: s3cret}}}}"
        ),
    );
    let run = town.run("night");
    assert_eq!(hooks(&run), ["extract on_failure webhook delivered 1", "- on_failure webhook delivered 1"]);
    let heard = web.hears(2);
    assert_eq!(heard.len(), 2, "one alert for the task and one for the run");
    for request in &heard {
        assert_eq!(request.path, "/T0/secret");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
        mac.update(format!("{}.{}", request.header("X-Nightrun-Timestamp"), request.body).as_bytes());
        let signature = request.header("X-Nightrun-Signature").strip_prefix("sha256=").unwrap();
        let bytes = (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16));
        mac.verify_slice(&bytes.collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
    }
    let whole = heard.iter().map(sink::Request::json).find(|it| it["links"]["graph"].is_string()).unwrap();
    assert_eq!(whole["event"], "on_failure");
    assert_eq!(whole["error"], "task `extract` failed: exit code 3");
    assert_eq!(whole["failed"], serde_json::json!(["extract"]));
    assert_eq!(whole["log_tail"], "the disk is full");
    assert_eq!(whole["links"]["run"], "https://night.example.com/runs/1");
}

#[test]
fn a_chat_is_told_again_until_it_answers_and_its_address_stays_secret() {
    let web = sink::web(2);
    let town = Town::with(
        "night",
        &format!(
            "on_exit: {{notify: {{slack: 'http://127.0.0.1:{}/T0/secret', message: '{{{{ dag.id }}}} is {{{{ run.state }}}}'}},
          retry_delay: 50ms}}
tasks: [{{id: a, run: echo}}]
",
            web.port
        ),
    );
    let said = town.nightrun("run dags/night.yaml --data d --json");
    assert_eq!(hooks(&said.json()), ["- on_exit slack delivered 3"]);
    let heard = web.hears(3);
    let text = heard[2].json()["text"].as_str().unwrap().to_owned();
    assert!(
        text.starts_with("*night ended: success*\nnight is success\nhttp://127.0.0.1:8080/runs/1"),
        "{text}"
    );
    assert!(said.err.contains("answered 503"), "{}", said.err);
    assert!(!said.err.contains("secret"), "{}", said.err);
}

#[test]
fn mail_goes_to_all_addresses_with_the_end_of_the_log() {
    let mail = sink::mail();
    let town = Town::with(
        "night",
        "on_failure: {notify: {email: [ops@example.com, team], include: [log_tail], subject: '{{ task.id }} broke'}}
tasks: [{id: a, run: 'echo no space left; exit 1'}]
",
    );
    town.write("nightrun.yaml", "notify: {team: {email: [ann@example.com, bob@example.com]}}");
    let mut command = town.command("run dags/night.yaml --json");
    command.env("NIGHTRUN_SMTP_URL", format!("smtp://127.0.0.1:{}", mail.port));
    command.env("NIGHTRUN_SMTP_FROM", "Nightrun <night@example.com>");
    let said = crate::town::Said::by(command.output().unwrap());
    assert_eq!(hooks(&said.json()), ["- on_failure email delivered 1"], "{said:?}");
    // Long lines are folded on the way.
    let text = mail.hears(1).join("\n").replace("=\n", "");
    for words in [
        "MAIL FROM:<night@example.com>",
        "RCPT TO:<ops@example.com>",
        "RCPT TO:<ann@example.com>",
        "RCPT TO:<bob@example.com>",
        "Subject: a broke",
        "task `a` failed: exit code 1",
        "no space left",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
}

#[test]
fn hooks_never_change_their_run_and_what_failed_is_listed() {
    let town = Town::with(
        "night",
        "on_success:
- {run: 'echo cannot tidy up; exit 4', retries: 1, retry_delay: 10ms}
- {run: [sleep, '60'], timeout: 200ms}
- {notify: {command: [sh, -c, 'cat > told.json']}}
- {run: 'echo {{ tasks.a.outputs.rows }} {{ run.state }} > ran', env: {LEVEL: '{{ run.id }}'}}
tasks: [{id: a, run: 'echo rows=7 >> $NIGHTRUN_OUTPUT'}]
",
    );
    let said = town.nightrun("run dags/night.yaml --data .nightrun");
    assert_eq!(said.code, 0, "the run succeeded: {}", said.err);
    assert_eq!(town.read("dags/ran"), "7 success\n");
    let told: Json = serde_json::from_str(&town.read("dags/told.json")).unwrap();
    assert_eq!((&told["event"], &told["state"]), (&"on_success".into(), &"success".into()));
    let failed = town.nightrun("hooks --failed");
    assert_eq!(failed.code, 0);
    let table: Vec<&str> = failed.out.lines().map(str::trim).collect();
    assert_eq!(table.len(), 3, "{}", failed.out);
    assert!(failed.out.contains("exit code 4: cannot tidy up"), "{}", failed.out);
    assert!(failed.out.contains("timed out after 200ms"), "{}", failed.out);
    town.nightrun("db check").prints(".nightrun/nightrun.db is sound, and agrees with its log");
}

#[test]
fn a_killed_server_delivers_what_was_due_after_it_starts_again() {
    let web = sink::web(1);
    let town = Town::with(
        "night",
        &format!(
            "on_exit:
- {{notify: {{webhook: 'http://127.0.0.1:{}/'}}, retry_delay: 1s}}
- {{run: 'echo x >> begun; test -e open || sleep 60'}}
tasks: [{{id: a, run: echo}}]
",
            web.port
        ),
    );
    let server = town.serve();
    town.does("trigger night");
    town.wait_for_run("1", "success");
    // The webhook was refused once, the script is on its way.
    web.hears(1);
    wait_for("the script", || (town.read("dags/begun") == "x\n").then_some(()));
    server.kill();
    town.write("dags/open", "");
    let server = town.serve();
    let run = wait_for("both hooks", || {
        let run = town.nightrun("runs show 1 --json").json();
        hooks(&run).iter().all(|hook| hook.contains("delivered")).then_some(run)
    });
    assert_eq!(run["hooks"].as_array().unwrap().len(), 2);
    assert_eq!(town.read("dags/begun"), "x\nx\n");
    let heard = web.hears(2);
    let ids: Vec<&str> = heard.iter().map(|it| it.header("X-Nightrun-Delivery")).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "a receiver can tell that it has it: {ids:?}");
    assert_eq!(server.get("/api/v1/runs/1/hooks").as_array().unwrap().len(), 2);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_late_run_is_told_once_also_when_the_server_starts_again() {
    let town = Town::with(
        "night",
        "deadline: {start_within: 1h, finish_by: 1s, warn_before: 500ms}
on_late: {run: 'echo {{ late.kind }} >> late'}
tasks:
- {id: a, run: 'sleep 60', deadline: {finish_within: 700ms}, on_late: {run: 'echo task {{ task.id }} {{ late.kind }} >> late'}}
",
    );
    let server = town.serve();
    town.does("trigger night");
    let all = "late_finish\ntask a late_finish\nwarning";
    let sorted = || {
        let text = town.read("dags/late");
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    wait_for("three alerts", || (sorted() == all).then_some(()));
    let why = town.nightrun("why 1");
    assert!(why.out.contains("late_finish: it had not ended by"), "{}", why.out);
    assert!(town.nightrun("runs").out.contains("running, late"));
    signal(server.pid(), "TERM");
    server.stop();
    let server = town.serve();
    town.does("cancel 1");
    let run = town.wait_for_run("1", "canceled");
    let kinds =
        |late: &Json| late.as_array().unwrap().iter().map(|it| it["kind"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&run["late"]), ["warning", "late_finish"]);
    assert_eq!(kinds(&run["tasks"][0]["late"]), ["late_finish"]);
    assert_eq!(sorted(), all, "nothing is told twice");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_destination_without_its_variable_is_told_at_once() {
    let town = Town::with("night", "tasks: [{id: a, run: echo}]\n");
    town.write("nightrun.yaml", "notify: {ops: {slack: $OPS_SLACK}}");
    let said = town.nightrun("validate");
    assert_eq!(said.code, 2);
    same(&said.err, "error: nightrun.yaml: the environment variable OPS_SLACK is not set");
}

#[test]
fn a_hook_knows_vars_and_the_item_it_is_about() {
    let town = Town::with(
        "night",
        "vars: {team: nobody, never_set: none}
on_failure: {run: 'echo {{ vars.team }} $LEVEL > told', env: {LEVEL: '{{ vars.team }}'}}
tasks:
- id: load
  foreach: {items: [{shop: north}, {shop: south}], key: '{{ item.shop }}', as: it}
  run: exit 1
  env: {SHOP: '{{ it.shop }}'}
  retries: 1
  retry_delay: 0s
  on_retry: {run: 'echo {{ it.shop }} {{ item.shop }} {{ task.item }} {{ task.key }} $SHOP >> retried'}
  on_exit: {run: 'echo {{ task.state }} ${SHOP:-none} > ended'}
",
    );
    assert_eq!(town.nightrun("vars set team ops --data d").code, 0);
    let run = town.nightrun("run dags/night.yaml --data d --json").json();
    let of_task = ["load on_retry run delivered 1"; 2];
    let ends = ["load on_exit run delivered 1", "- on_failure run delivered 1"];
    assert_eq!(hooks(&run), [&of_task[..], &ends].concat());
    let told = |file: &str| std::fs::read_to_string(town.path(&format!("dags/{file}"))).unwrap();
    let mut retried: Vec<String> = told("retried").lines().map(str::to_owned).collect();
    retried.sort_unstable();
    assert_eq!(retried, ["north north 0 north north", "south south 1 south south"]);
    assert_eq!((told("ended").trim(), told("told").trim()), ("failed none", "ops ops"));
}
