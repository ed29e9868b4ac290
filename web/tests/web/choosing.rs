//! Forms that show what would happen before it does: a trigger, and the boxes of a rerun.

use crate::people::{FORM, Town};
use crate::visit::{Visit, send};

const PRESSED: [(&str, &str); 2] = [("accept", "text/html"), ("content-type", FORM)];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trigger_would_run_is_shown_and_nothing_runs() {
    let Visit { router, scheduler, root: _root } = Visit::usual().await;
    let handle = scheduler.handle();
    let work = tokio::spawn(scheduler.run(vec![]));
    let press =
        async |form: &str| send(router.clone(), "POST", "/dags/nightly_sales/trigger", &PRESSED, form).await;
    let get = async |path: &str| send(router.clone(), "GET", path, &[], "").await;
    let seen =
        press("look=true&param.region=us&logical_date=2026-11-20T01%3A30&from=aggregate&skip=publish").await;
    assert_eq!(seen.status, 200);
    assert!(!seen.text.contains("data-seq"), "the page would be asked for again, and be another one");
    for words in [
        "<b>3 tasks</b>, 6 left out",
        "=2026-11-20</code>",
        "value=\"2026-11-20T01:30\"",
        "<option selected>us</option>",
        "<details open>",
    ] {
        assert!(seen.text.contains(words), "{words}: {}", seen.text);
    }
    assert_eq!(get("/runs/40").await.status, 404, "nothing runs yet");
    for (form, status, words) in [
        ("look=true&only=nobody", 404, "has no task <code>nobody</code>"),
        ("look=true&param.limit=many", 422, "which <code>many</code> is not"),
        ("logical_date=noon", 422, "<code>noon</code> is no time"),
        ("look=true&skip=extract", 200, "load.sh orders"),
    ] {
        let got = press(form).await;
        assert_eq!((got.status.as_u16(), got.text.contains(words)), (status, true), "{form}: {}", got.text);
    }
    let made = press("only=report&force=true&note=asked+for+by+finance").await;
    assert_eq!(
        (made.status.as_u16(), made.header("location")),
        (303, "/runs/40?did=triggered"),
        "{}",
        made.text
    );
    let run = get("/api/v1/runs/40").await.json();
    assert_eq!(run["notes"][0]["text"], "asked for by finance");
    let left_out = run["tasks"].as_array().unwrap().iter().filter(|it| it["state"] == "skipped").count();
    assert_eq!(left_out, 8);
    handle.stop(false);
    work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_offers_all_that_the_command_line_knows() {
    let town = Town::usual().await;
    let form = "which=all&without_setups=true&with_waiters=true&latest=true";
    let ana = town.login("ana").await;
    let page = ana.get(&format!("/runs/17/rerun?{form}")).await.text;
    for name in ["upstream", "downstream", "only", "without_setups", "with_waiters", "latest", "force"] {
        assert!(page.contains(&format!("type=\"checkbox\" name=\"{name}\"")), "{name}");
    }
    for name in ["without_setups", "with_waiters", "latest"] {
        assert!(page.contains(&format!("type=\"hidden\" name=\"{name}\" value=\"true\"")), "{name} is sent");
    }
    let olga = town.login("olga").await;
    let page = olga.get("/runs/17/rerun?which=all").await.text;
    assert!(!page.contains("name=\"with_waiters\""), "those limited to some DAGs do not reach others");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_twice_counts_once() {
    let Visit { router, scheduler, root: _root } = Visit::usual().await;
    let handle = scheduler.handle();
    let work = tokio::spawn(scheduler.run(vec![]));
    let press = async |path: &str, form: String| send(router.clone(), "POST", path, &PRESSED, &form).await;
    let get = async |path: &str| send(router.clone(), "GET", path, &[], "").await;
    let key = async |path: &str| {
        let page = get(path).await.text;
        let (_, rest) = page.split_once("name=\"once\" value=\"").unwrap_or_else(|| panic!("{path}: {page}"));
        rest.split('"').next().unwrap().to_owned()
    };
    let path = "/dags/heartbeat/trigger";
    let once = key(path).await;
    assert_ne!(once, key(path).await, "each form has its own");
    let form = format!("once={once}&force=true&note=twice");
    let (one, other) = tokio::join!(press(path, form.clone()), press(path, form.clone()));
    let mut went = [one.header("location"), other.header("location")];
    went.sort_unstable();
    assert_eq!(went, ["/runs/40?did=triggered", "/runs/40?did=triggered-before"]);
    assert_eq!(get("/api/v1/runs/40").await.json()["notes"].as_array().map(Vec::len), Some(1));
    let changed = press(path, format!("once={once}&force=true&note=another")).await;
    assert_eq!(changed.header("location"), "/runs/41?did=triggered", "what is typed anew is meant anew");

    let path = "/holds";
    let form = format!("once={}&which=all&to=2h&why=disks", key(path).await);
    for _ in 0..2 {
        assert_eq!(press(path, form.clone()).await.header("location"), "/holds?did=held");
    }
    assert_eq!(get("/api/v1/holds").await.json()["holds"].as_array().map(Vec::len), Some(1));

    let path = "/runs/17/rerun?force=true";
    let page = get(path).await.text;
    let seen = page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("once={}&force=true&seen={seen}&why=just+once", key(path).await);
    let (one, other) =
        tokio::join!(press("/runs/17/rerun", form.clone()), press("/runs/17/rerun", form.clone()));
    assert!([&one, &other].iter().any(|got| got.header("location") == "/runs/17?did=rerun"), "{}", one.text);
    assert_eq!(get("/audit").await.text.matches("just once").count(), 1);

    let form = format!("once={}&text=called+the+owner", key("/runs/40").await);
    for _ in 0..2 {
        assert_eq!(press("/runs/40/note", form.clone()).await.header("location"), "/runs/40?did=noted");
    }
    assert_eq!(get("/api/v1/runs/40").await.json()["notes"].as_array().map(Vec::len), Some(2));
    handle.stop(false);
    work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_of_several_runs_runs_again_once_it_was_seen() {
    let Visit { router, scheduler, root: _root } = Visit::usual().await;
    let handle = scheduler.handle();
    let work = tokio::spawn(scheduler.run(vec![]));
    let press = async |form: &str| send(router.clone(), "POST", "/runs/rerun", &PRESSED, form).await;
    let get = async |path: &str| send(router.clone(), "GET", path, &[], "").await;
    let list = get("/runs?state=failed").await.text;
    assert!(
        list.contains("name=\"run\" value=\"17\"") && list.contains("name=\"run\" value=\"6\""),
        "{list}"
    );
    let running = get("/runs?state=running").await.text;
    assert!(!running.contains("name=\"run\""), "what is at work is not offered");

    let chosen = "run=17&run=6&run=39&run=9999&force=true";
    let seen = get(&format!("/runs/rerun?{chosen}")).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    for words in ["of 2 runs would run again", "load_orders", "no task of it failed", "no run"] {
        assert!(seen.text.contains(words), "{words}: {}", seen.text);
    }
    let failed = async |run: u32| get(&format!("/api/v1/runs/{run}")).await.json()["state"] == "failed";
    assert!(failed(17).await && failed(6).await, "nothing has been changed");

    let unseen = press(chosen).await;
    assert_eq!(unseen.status, 409, "{}", unseen.text);
    assert!(failed(17).await && failed(6).await, "only what was seen is done");
    let seal =
        unseen.text.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let done = press(&format!("{chosen}&seen={seal}&why=disk+was+full")).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/runs?did=reruns"), "{}", done.text);
    assert!(!failed(17).await && !failed(6).await);
    let audit = get("/audit").await.text;
    assert_eq!(audit.matches("disk was full").count(), 2, "{audit}");
    let again = press(&format!("{chosen}&seen={seal}")).await;
    assert_eq!(again.status, 409, "a second press finds another state of things");
    for none in ["/runs/rerun", "/runs/rerun?run=nobody"] {
        assert!(get(none).await.text.contains("No run is chosen"), "{none}");
    }
    assert_eq!(press("why=nothing").await.status, 422);
    handle.stop(false);
    work.await.unwrap();
}
