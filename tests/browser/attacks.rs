//! Attacks that only a browser can show to fail: text that wants to be markup, pages of elsewhere that press our
//! buttons or put us into a frame, a log that wants to be a page.

use std::fmt::Write;

use axum::Router;
use axum::response::Html;
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use crate::door::{enter, house};
use crate::driver;
use crate::pages::crawl;
use crate::town::{Town, wait_for};
use crate::{Scene, scene};

/// What every free text says. Were it ever markup, it would be an element of the page, and the console would tell.
const EVIL: &str = r#"'"></script></title></textarea></pre><img src=x onerror=alert(1)><svg onload=alert(2)><script>window.owned=1</script><a href="javascript:alert(3)">x</a>"#;

/// Elements that only an attack has made.
const OWNED: &str = "return window.owned || document.querySelectorAll('[onerror], [onload], img[src=x], a[href^=javascript], main script').length";

/// A DAG of which every free text is an attack; its log, its output and its items are, too.
fn evil_dag() -> String {
    let quoted = serde_json::to_string(EVIL).unwrap();
    let mut text = format!(
        "id: evil\ndescription: {quoted}\nowner: {quoted}\ntags: [{quoted}]\ndoc_md: {quoted}\nschedule: '@daily'\nenv: {{NOISE: {quoted}}}\n"
    );
    write!(text, "params:\n  text: {{type: string, default: {quoted}, description: {quoted}}}\n  pick: {{type: string, enum: [{quoted}, other], default: {quoted}}}\n").unwrap();
    write!(text, "groups:\n  - {{id: grouped, label: {quoted}}}\n").unwrap();
    write!(
        text,
        "tasks:\n  - id: say\n    group: grouped\n    description: {quoted}\n    env: {{WHAT: {quoted}, GIVEN: '{{{{ params.text }}}}'}}\n    run: |\n      printf '%s\\n' \"$WHAT\" \"\x1b[31m$WHAT\x1b[0m\" \"$GIVEN\"\n      printf 'value=%s\\n' \"$WHAT\" >> \"$NIGHTRUN_OUTPUT\"\n    outputs: [value]\n"
    )
    .unwrap();
    write!(text, "  - id: each\n    depends_on: [say]\n    foreach: {{items: [{quoted}, two], as: part}}\n    run: [echo, '{{{{ part }}}}']\n").unwrap();
    write!(text, "  - id: fail\n    depends_on: [say]\n    run: |\n      # {EVIL}\n      echo '{{{{ tasks.say.outputs.value }}}}'; exit 7\n").unwrap();
    text + "on_failure: {run: 'echo {{ params.text }}; exit 1', retries: 0}\n"
}

/// Files whose every free text is the attack.
fn write_evil_files(town: &Town) {
    let quoted = serde_json::to_string(EVIL).unwrap();
    let faulty = format!("id: faulty\n{quoted}: 1\ntasks:\n  - {{id: a, run: b, pool: {quoted}}}\n");
    let calendar =
        format!("id: evil\ndescription: {quoted}\nholidays:\n  - {{date: 01-01, name: {quoted}}}\n");
    for (path, text) in [("evil", evil_dag()), ("faulty", faulty), ("calendars/evil", calendar)] {
        town.write(&format!("dags/{path}.yaml"), &text);
    }
}

#[test]
fn no_text_that_somebody_wrote_becomes_markup() {
    let Some(scene) = scene() else { return };
    let Scene { browser, town, .. } = &scene;
    write_evil_files(town);
    wait_for("the DAG", || town.nightrun("dags --json").out.contains("\"evil\"").then_some(()));
    let run = scene.has_run("evil", "failed");
    let says = |args: &[&str]| {
        let mut command = town.command("");
        let said = crate::town::Said::by(command.args(args).output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
    };
    says(&["note", &run, EVIL]);
    says(&["hold", "add", "--dag", "evil", "--to", "1h", "--why", EVIL]);
    says(&["vars", "set", "evil", EVIL]);
    says(&["backfill", "evil", "--from", "2026-01-01", "--to", "2026-01-02", "--why", EVIL]);
    says(&["trigger", "evil", "-p", &format!("text={EVIL}")]);
    let named = [
        "",
        "/rerun",
        "/mark?task=fail&state=success",
        "/mark?task=each&item=0&state=failed",
        "/tasks/say",
        "/tasks/each",
        "/tasks/each%5B0%5D",
        "/tasks/fail",
        &format!("/tasks/say?find={}", encoded(EVIL)),
    ]
    .map(|part| format!("/runs/{run}{part}"));
    let searched = ["/dags?q=", "/runs?dag=", "/runs?state=", "/audit?target=", "/vars?did="]
        .map(|path| format!("{path}{}", encoded(EVIL)));
    let house = ["/dags/evil", "/dags/evil/trigger", "/dags/evil/calendar", "/"].map(str::to_owned);
    let from: Vec<&str> = named.iter().chain(&searched).chain(&house).map(String::as_str).collect();
    let mut shown = 0;
    let visited = crawl(browser, &from, |path| {
        assert_eq!(browser.script(OWNED), 0, "{path} took text for markup");
        shown += u32::from(browser.text().contains("window.owned=1"));
    });
    assert!(shown > 15, "the attack was shown on {shown} pages only, of {visited:?}");
    scene.is_calm();
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02x}").unwrap();
        all
    })
}

/// A site of elsewhere with one page.
struct Elsewhere {
    address: String,
    _runtime: Runtime,
}

impl Elsewhere {
    fn with(page: String) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = Router::new().fallback(move || async move { Html(page) });
        runtime.spawn(async move { axum::serve(listener, site).await });
        Self { address: format!("127.0.0.1:{port}"), _runtime: runtime }
    }

    /// The same site by a name that shares nothing with ours; by its number it differs from us by its port alone, and
    /// so gets our cookies.
    fn far(&self) -> String {
        self.address.replace("127.0.0.1", "localhost")
    }
}

/// A house in which `ana` is logged in.
fn logged_in() -> Option<Scene> {
    if !driver::is_there() {
        return None;
    }
    let (town, server) = house();
    let browser = driver::open(&server.address())?;
    browser.visit("/login");
    enter(&browser, "ana");
    Some(Scene { browser, server, town })
}

/// What the admin has done so far, by the audit.
fn deeds(scene: &Scene) -> String {
    scene.town.nightrun("audit --json").out
}

/// CSRF to run commands: Airflow CVE-2019-0229.
#[test]
fn a_page_of_elsewhere_presses_no_button() {
    let Some(mut scene) = logged_in() else { return };
    let ours = scene.server.address();
    let before = (scene.town.runs().len(), deeds(&scene));
    for (act, kind) in [
        ("/dags/sales/trigger", "application/x-www-form-urlencoded"),
        ("/dags/sales/pause", "text/plain"),
        ("/pause", "multipart/form-data"),
        ("/logout", "application/x-www-form-urlencoded"),
        ("/api/v1/dags/sales/runs", "text/plain"),
    ] {
        let page = format!(
            "<title>elsewhere</title><form method=post action=\"http://{ours}{act}\" enctype=\"{kind}\"><input name=csrf value=guess><input name=back value=x></form>"
        );
        let elsewhere = Elsewhere::with(page);
        for from in [elsewhere.address.clone(), elsewhere.far()] {
            scene.browser.turns_to(&from);
            scene.browser.visit("/");
            scene.browser.script("document.forms[0].submit()");
            scene.browser.holds("document.title !== 'elsewhere' && document.readyState === 'complete'");
            let said = scene.browser.text();
            assert!(
                said.contains("another site") || said.contains("cross_site"),
                "{act} from {from}: {said}"
            );
        }
        // Without a page to look at: a script that does not even read the answer.
        scene.browser.turns_to(&elsewhere.address);
        scene.browser.visit("/");
        let sent = scene.browser.script_with(
            "return fetch(arguments[0], {method: 'POST', mode: 'no-cors', credentials: 'include', body: 'csrf=guess'}).then((it) => it.type, () => 'refused')",
            &serde_json::json!([format!("http://{ours}{act}")]),
        );
        assert!(sent == "opaque" || sent == "refused", "{act}: {sent}");
    }
    assert_eq!((scene.town.runs().len(), deeds(&scene)), before, "something was done");
    // Still logged in: not even that was done.
    scene.browser.turns_to(&ours);
    scene.browser.visit("/account");
    scene.browser.shows("Role: admin");
    let _ = scene.browser.complaints();
}

#[test]
fn a_page_of_elsewhere_neither_shows_our_pages_nor_reads_them() {
    let Some(mut scene) = logged_in() else { return };
    let ours = scene.server.address();
    let elsewhere = Elsewhere::with(format!(
        "<title>elsewhere</title><iframe src=\"http://{ours}/dags/sales\"></iframe>"
    ));
    scene.browser.turns_to(&elsewhere.address);
    scene.browser.visit("/");
    let complaints = wait_for("the browser to say that it shows no frame", || {
        let said = scene.browser.complaints().join("\n");
        (!said.is_empty()).then_some(said)
    });
    assert!(complaints.contains("frame-ancestors") || complaints.contains("X-Frame-Options"), "{complaints}");
    for path in ["/api/v1/runs", "/dags", "/events", "/api/v1/openapi.json"] {
        let read = scene.browser.script_with(
            "return fetch(arguments[0], {credentials: 'include'}).then(() => 'read', () => 'refused')",
            &serde_json::json!([format!("http://{ours}{path}")]),
        );
        assert_eq!(read, "refused", "{path}");
    }
}

#[test]
fn a_log_is_taken_away_as_a_file_and_never_opened_as_a_page() {
    let Some(scene) = scene() else { return };
    let page = "<!doctype html><script>window.owned=1</script>".to_owned();
    scene.town.write("dags/page.yaml", &format!("tasks:\n  - id: say\n    run: echo '{page}'\n"));
    wait_for("the DAG", || scene.town.nightrun("dags --json").out.contains("\"page\"").then_some(()));
    let run = scene.has_run("page", "success");
    let browser = &scene.browser;
    let log = format!("/runs/{run}/tasks/say/attempts/1/log");
    let (status, kind) = browser.head(&log);
    assert_eq!((status, &*kind), (200, "text/plain; charset=utf-8"));
    browser.visit(&format!("/runs/{run}/tasks/say"));
    let answer = browser.script_with(
        "return fetch(arguments[0]).then(async (it) => ({
           how: it.headers.get('content-disposition'), sniff: it.headers.get('x-content-type-options'), text: await it.text(),
         }))",
        &serde_json::json!([log]),
    );
    assert!(answer["how"].as_str().is_some_and(|how| how.starts_with("attachment")), "{answer}");
    assert_eq!(
        (&answer["sniff"], &answer["text"]),
        (&Json::from("nosniff"), &Json::from(format!("{page}\n")))
    );
    browser.press("Download");
    let file = wait_for("the file", || browser.downloads().into_iter().find(|it| it.ends_with(&page)));
    assert_eq!(file, page);
    browser.holds("document.querySelector('main h1')");
    assert_eq!(browser.script(OWNED), 0);
    assert_eq!(browser.path(), format!("/runs/{run}/tasks/say"));
    scene.is_calm();
}
