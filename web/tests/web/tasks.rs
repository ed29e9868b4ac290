//! The pages of a run and of its tasks: what it waited for, what made it slow, where the log says so.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nightrun_core::dag::spec::FanIndex;
use nightrun_core::decide::{Item, Reason, TaskState, Transition};
use nightrun_core::id::{AttemptId, InstanceId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_engine::logs::LogPaths;
use serde_json::json;

use crate::history::{End, History, Story};
use crate::scenes::NOW;
use crate::visit::{Got, Visit};

fn ago(seconds: u64) -> Timestamp {
    Timestamp::parse(NOW).unwrap().minus(Duration::from_secs(seconds))
}

fn says(got: &Got, words: &[&str]) {
    assert_eq!(got.status, 200, "{}", got.text);
    assert!(got.text.ends_with("</html>"), "{}", got.text);
    for word in words {
        assert!(got.text.contains(word), "no `{word}` in {}", got.text);
    }
}

/// The file of the only log of a task's first try.
fn file(root: &Path, run: i64, task: u32, which: fn(&LogPaths, AttemptId) -> PathBuf) -> PathBuf {
    let instance = InstanceId { run: RunId(run), task: TaskIndex(task), item: 0 };
    which(&LogPaths::new(&root.join("data")), AttemptId { instance, number: 1 })
}

#[tokio::test]
async fn a_run_says_what_was_waited_for_and_what_made_it_slow() {
    let visit = Visit::usual().await;
    let run = visit.page("/runs/17").await;
    says(
        &run,
        &[
            "at work 4m2s of 5m8s",
            "45 %: 4m38s of work in 5m8s, at most 2 tasks at once",
            "fill=\"url(#wait-slot)\"",
            "waited for a slot, 30s",
            "fill=\"url(#wait-retry)\"",
            "waited for its next try, 30s",
            "waited for upstream tasks",
            "On the critical path",
        ],
    );
    assert!(!run.text.contains("url(#wait-pool)"), "the legend tells only what there is");
    says(&visit.page("/runs/17/graph").await, &["failed critical", "on the critical path"]);
    let waits = "waits for its upstream tasks: <code>copy_stock</code> (running)";
    says(&visit.page("/runs/38").await, &[waits, "1 of 4 ended", "<progress max=\"4\" value=\"1\">"]);
}

#[tokio::test]
async fn tasks_are_filtered_by_state_without_a_script() {
    let visit = Visit::usual().await;
    let failed = visit.page("/runs/17?state=failed").await;
    says(&failed, &["id=\"task-load_orders\"", "aria-current=\"true\"><span class=\"state failed\">"]);
    assert!(!failed.text.contains("id=\"task-extract\""));
    says(&visit.page("/runs/17?state=running").await, &["No task is in that state"]);
    says(&visit.page("/runs/17?state=nonsense&after=x.y").await, &["id=\"task-extract\""]);
}

#[tokio::test]
async fn a_run_stands_beside_the_last_that_went_well() {
    let visit = Visit::usual().await;
    let beside = visit.page("/runs/17/compare").await;
    says(
        &beside,
        &["Run 16</a>", "this one 5m8s", "class=\"differs\"", "−22s", "extract.rows", "version 2</a>"],
    );
    says(&visit.page("/runs/17/compare?with=11").await, &["Run 11</a>"]);
    for (path, words) in [
        ("/runs/38/compare", "It is the only run of its DAG"),
        ("/runs/17/compare?with=38", "Nothing to compare with"),
        ("/runs/17/compare?with=999", "Nothing to compare with"),
        ("/runs/1/compare", "No earlier run of this DAG succeeded"),
    ] {
        says(&visit.page(path).await, &[words]);
    }
}

#[tokio::test]
async fn the_events_of_a_run_are_told_in_sentences() {
    let visit = Visit::usual().await;
    let events = visit.page("/runs/38/events").await;
    says(
        &events,
        &[
            "the run is made by web",
            "try 1 starts as process 4242",
            "try 1 ends, failed: exit code 75",
            "running → up for retry: will be tried again",
            "hook <code>on_late</code> is due: slack",
            "puts out 1 value",
        ],
    );
    says(&visit.page("/runs/38/events?after=999999").await, &["Nothing more", "From the beginning"]);
}

#[tokio::test]
async fn a_task_says_why_and_leads_to_what_it_hangs_on() {
    let visit = Visit::usual().await;
    let blocked = visit.page("/runs/17/tasks/publish").await;
    says(
        &blocked,
        &[
            "it began with <code>load_orders</code> (exit code 1)",
            "/runs/17/tasks/load_orders",
            "Upstream",
            "Downstream",
            "It did not run",
            "/runs/17/rerun?which=tasks&amp;task=publish",
            "/runs/17/mark?task=publish",
        ],
    );
    let waiting = visit.page("/runs/38/tasks/join").await;
    says(
        &waiting,
        &["waits for its upstream tasks", "<span class=\"state running\">copy_stock", "It has not begun"],
    );
    says(
        &visit.page("/runs/38/tasks/copy_stock").await,
        &["12 of 400", "<progress max=\"100\" value=\"3\">"],
    );
    let old = visit.page("/runs/17/tasks/load_orders/attempts/2").await;
    assert_eq!((old.status.as_u16(), old.header("location")), (308, "/runs/17/tasks/load_orders?attempt=2"));
}

#[tokio::test]
async fn a_log_is_searched_on_the_server() {
    let visit = Visit::usual().await;
    let found = visit.page("/runs/17/tasks/load_orders?attempt=3&find=integrityERROR").await;
    says(
        &found,
        &["UNIQUE constraint failed", "Back to the log", "&amp;line=", "<mark>IntegrityError</mark>"],
    );
    assert!(!found.text.contains("header has 11 columns"), "only lines with the word");
    says(&visit.page("/runs/17/tasks/load_orders?find=nope").await, &["No line has <code>nope</code> in it"]);
    says(&visit.page("/runs/17/tasks/load_orders?find=").await, &["header has 11 columns"]);
}

#[tokio::test]
async fn a_log_of_a_gigabyte_opens_at_its_end_and_pages_back() {
    let visit = Visit::usual().await;
    let mut log =
        fs::OpenOptions::new().write(true).open(file(visit.root.path(), 39, 0, LogPaths::log)).unwrap();
    log.write_all(b"the first line\n").unwrap();
    // Sparse: it takes no room on the disk.
    log.seek(SeekFrom::Start(1 << 30)).unwrap();
    for line in 0..10_000 {
        writeln!(log, "line {line} of the end").unwrap();
    }
    let begun = std::time::Instant::now();
    let end = visit.page("/runs/39/tasks/only").await;
    says(&end, &["line 9999 of the end", "1.1 GB", "↑ Earlier"]);
    assert!(!end.text.contains("the first line") && end.text.len() < 400_000);
    let earlier = end.text.split("&amp;before=").nth(1).unwrap().split(['#', '"']).next().unwrap();
    let before = visit.page(&format!("/runs/39/tasks/only?attempt=1&before={earlier}")).await;
    says(&before, &["↓ Later", "To the end"]);
    let first =
        |page: &Got| page.text.split("of the end").next().unwrap().rsplit("line ").next().unwrap().to_owned();
    let number = |text: String| text.trim().parse::<u32>().unwrap();
    let last = before.text.rsplit(" of the end").nth(1).unwrap().rsplit("line ").next().unwrap().to_owned();
    assert_eq!(number(last) + 1, number(first(&end)), "no line is missing between two parts");
    says(&visit.page("/runs/39/tasks/only?from=0").await, &["the first line"]);
    says(&visit.page("/runs/39/tasks/only?from=99999999999").await, &["</pre>"]);
    let searched = visit.page("/runs/39/tasks/only?find=line+9998+of").await;
    says(&searched, &["<mark>line 9998 of</mark> the end", "not looked at yet"]);
    assert!(begun.elapsed() < Duration::from_mins(1), "nothing reads all of it");
}

#[tokio::test]
async fn a_hit_is_shown_in_its_place_with_the_one_before_and_the_one_after() {
    let visit = Visit::usual().await;
    let path = file(visit.root.path(), 39, 0, LogPaths::log);
    let lines = (1..=9_000).map(|n| match n {
        400 | 3_000 | 8_000 => format!("line {n}: \x1b[31mAn Error\x1b[0m, <b>bold</b>\n"),
        _ => format!("line {n} is well\n"),
    });
    fs::write(&path, lines.collect::<String>()).unwrap();
    let own = "/runs/39/tasks/only?attempt=1";
    let list = visit.page(&format!("{own}&find=error")).await;
    says(&list, &["3 lines with <code>error</code>", "<mark>Error</mark>", "&lt;b&gt;"]);
    let places: Vec<&str> =
        list.text.split("&amp;line=").skip(1).map(|it| it.split('#').next().unwrap()).collect();
    assert_eq!(places, ["400", "3000", "8000"]);
    says(&list, &[">line 400</a>"]);
    let second = visit.page(&format!("{own}&find=error&line={}", places[1])).await;
    says(
        &second,
        &[
            "<b>2 of 3</b>",
            "class=\"l here\" id=\"L3000\"",
            "<span class=\"f1\">An </span><mark class=\"f1\">Error</mark>, &lt;b&gt;",
        ],
    );
    for (way, place) in [("prev", places[0]), ("next", places[2])] {
        let link = second.text.split(&format!("rel=\"{way}\"")).nth(1).unwrap();
        let link = link.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        let link = link.replace("&amp;", "&").replace("&#x2f;", "/").replace("#hit", "");
        let there = format!("class=\"l here\" id=\"L{place}\"");
        says(&visit.page(&link).await, &[&there]);
    }
    says(
        &visit.page(&format!("{own}&find=error&line={}", places[0])).await,
        &["<b>1 of 3</b>", "rel=\"next\""],
    );
    let first = visit.page(&format!("{own}&jump=error")).await;
    says(&first, &["class=\"l here\" id=\"L400\"", "line 399 is well"]);
    let line = visit.page(&format!("{own}&line=8999")).await;
    says(
        &line,
        &["class=\"l here\" id=\"L8999\"", "href=\"?attempt=1&amp;line=8999#L8999\"", "line 9000 is well"],
    );
    for odd in ["line=9001", "line=x", "line=", "line=0", "line=99999999999999999999"] {
        says(&visit.page(&format!("{own}&{odd}")).await, &["There is no line", "line 9000 is well"]);
    }
    says(&visit.page(&format!("{own}&find=error&at=99999999")).await, &["<b>3 of 3</b>"]);
}

#[tokio::test]
async fn a_log_of_nothing_but_line_ends_stays_light() {
    let visit = Visit::usual().await;
    fs::write(file(visit.root.path(), 39, 0, LogPaths::log), "\n".repeat(1 << 20)).unwrap();
    for part in ["", "&from=0", "&line=500000"] {
        let page = visit.page(&format!("/runs/39/tasks/only?attempt=1{part}")).await;
        assert!(page.status == 200 && page.text.len() < 400_000, "{part}: {}", page.text.len());
    }
    says(&visit.page("/runs/39/tasks/only?attempt=1").await, &["id=\"L1048576\"", "↑ Earlier"]);
    says(&visit.page("/runs/39/tasks/only?attempt=1&jump=error").await, &["No line says <code>error</code>"]);
}

const GREET: &str = "id: greet
params: {name: world}
vars: {shop_token: null, depth: 3}
tasks:
  - id: ask
    run: 'true'
    outputs: [rows]
  - id: say
    depends_on: [ask]
    run: echo {{ params.name }} {{ tasks.ask.outputs.rows }} {{ vars.shop_token }} {{ vars.depth }}
";

#[tokio::test]
async fn a_command_is_shown_with_its_values_and_without_what_is_hidden() {
    let root = tempfile::tempdir().unwrap();
    let mut past = History::new(root.path());
    past.dag(ago(900), "greet.yaml", GREET);
    past.run("greet", ago(600), false, |task| match task {
        "ask" => Story::well(2).with(json!({ "rows": 42 })),
        _ => Story::well(3),
    });
    past.write().await;
    let visit = Visit::over(root);
    let bare = visit.page("/runs/1/tasks/say").await;
    says(&bare, &["As the file has it", "{{ params.name }}"]);
    let context = json!({
        "params": {"name": "<b>moon"}, "vars": {"shop_token": "hunter2", "depth": 3},
        "tasks": {"ask": {"state": "success", "outputs": {"rows": 42}}},
    });
    fs::write(file(visit.root.path(), 1, 1, LogPaths::context), context.to_string()).unwrap();
    let shown = visit.page("/runs/1/tasks/say").await;
    says(&shown, &["&quot;${NR_1}&quot;", "&lt;b&gt;moon", "<pre>42", "•••", "tasks.ask.outputs.rows"]);
    assert!(!shown.text.contains("hunter2"), "what the environment gives is never shown");
    says(&visit.page("/runs/1/tasks/ask").await, &["Values put out", "<code>rows</code>"]);
    fs::write(file(visit.root.path(), 1, 1, LogPaths::context), "no JSON").unwrap();
    says(&visit.page("/runs/1/tasks/say").await, &["As the file has it"]);
}

#[tokio::test]
async fn a_run_of_thousands_is_shown_a_page_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let mut past = History::new(root.path());
    let list: Vec<String> = (0..2_000).map(|task| format!("  - {{id: t{task:04}, run: 'true'}}\n")).collect();
    past.dag(ago(900), "wide.yaml", &format!("id: wide\ntasks:\n{}", list.concat()));
    past.run("wide", ago(600), false, |task| match task {
        "t1700" => Story { attempts: vec![(9, End::Exit(1))], ..Story::well(0) },
        _ => Story::well(3),
    });
    let each = "id: each\ntasks:\n  - {id: list, run: 'true'}\n  - {id: part, depends_on: [list], foreach: {items: [a]}, run: 'true'}\n";
    past.dag(ago(500), "each.yaml", each);
    let run =
        past.run("each", ago(400), false, |_| Story { attempts: vec![(9, End::Never)], ..Story::well(0) });
    let items = (0..2_500).map(|at| Item { key: Some(format!("key {at}")), value: json!(at) }).collect();
    let part = TaskIndex(1);
    past.say(ago(300), Transition::Expanded { run, fan: FanIndex(0), tasks: vec![part], items });
    let item = InstanceId { run, task: part, item: 2_001 };
    let (from, to) = (TaskState::Waiting, TaskState::Queued);
    past.say(ago(200), Transition::TaskMoved { instance: item, from, to, reason: Reason::Slots });
    past.write().await;
    let visit = Visit::over(root);

    let first = visit.page("/runs/1").await;
    says(&first, &["id=\"task-t0199\"", "after=199.", "id=\"task-t0000\""]);
    assert!(!first.text.contains("id=\"task-t0200\""));
    says(&visit.page("/runs/1?after=199.").await, &["id=\"task-t0200\"", "First"]);
    says(&visit.page("/runs/1?state=failed").await, &["id=\"task-t1700\""]);
    let whole = visit.page("/runs/2/tasks/part").await;
    says(&whole, &["All 2500", "part[199]", "items_from=200", "key 199"]);
    assert!(!whole.text.contains(">part[200]<"));
    says(&visit.page("/runs/2/tasks/part?state=queued").await, &["part[2000]"]);
    says(&visit.page("/runs/2/tasks/part?item=2000").await, &["key 2000", "waits for a free slot"]);
    says(&visit.page("/runs/2").await, &["2400 of its items are not shown here"]);
    for path in [
        "/runs/1",
        "/runs/2",
        "/runs/2?state=waiting",
        "/runs/2/tasks/part",
        "/runs/1/compare",
        "/runs/1/events",
    ] {
        let zipped = visit.send("GET", path, &[("accept-encoding", "gzip")], "").await;
        assert!(zipped.status == 200 && zipped.text.len() < 100_000, "{path}: {} bytes", zipped.text.len());
    }
}
