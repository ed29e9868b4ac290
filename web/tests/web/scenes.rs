//! Scenes to look at and to test against: a usual night, one that broke, an empty house, a huge DAG.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use nightrun_core::decide::{
    BackfillItem, BackfillMode, BackfillOrder, BackfillState, Reason, Take, Transition, Values,
};
use nightrun_core::id::BackfillId;
use nightrun_core::time::Timestamp;
use serde_json::json;

use crate::history::{End, History, Story};

/// When the scenes are looked at.
pub(crate) const NOW: &str = "2026-11-21T02:47:30Z";

const SALES: &str = include_str!("scenes/nightly_sales.yaml");
const BROKEN_LOG: &str = include_str!("scenes/load.log");

fn ago(minutes: u64) -> Timestamp {
    Timestamp::parse(NOW).unwrap().minus(Duration::from_secs(minutes * 60))
}

/// A house in use: nights of sales of which the last broke, a pulse every quarter of an hour that is at
/// work, a paused report, a file that does not read, markup where none belongs.
pub(crate) async fn usual(root: &Path) {
    let mut past = History::new(root);
    past.dag(ago(60 * 24 * 40), "nightly_sales.yaml", &SALES.replace("[sales, nightly]", "[sales]"));
    past.dag(ago(60 * 24 * 35), "nightly_sales.yaml", SALES);
    past.dag(ago(60 * 24 * 30), "heartbeat.yaml", HEARTBEAT);
    past.dag(ago(60 * 24 * 20), "monthly_report.yaml", REPORT);
    past.dag(ago(60 * 24 * 3), "markup.yaml", MARKUP);
    past.dag(ago(60 * 24 * 2), "warehouse_sync.yaml", SYNC);
    for day in (0..17).rev() {
        sales(&mut past, day);
    }
    let skipped = Some(Reason::Overlap { limit: 1 });
    let instant = ago(60 * 24 * 17 + 77);
    past.say(instant, Transition::Ticked { dag: "nightly_sales".into(), instant, run: None, skipped });
    for quarter in (0..20).rev() {
        past.run("heartbeat", ago(2 + quarter * 15), true, |_| Story::well(3 + quarter % 4));
    }
    let sync = past.run("warehouse_sync", ago(4), false, |task| match task {
        "copy_orders" => Story::well(95).with(json!({ "rows": 41_702 })),
        "copy_customers" => {
            Story { attempts: vec![(40, End::Exit(75)), (999, End::Never)], ..Story::well(0) }
        }
        _ => Story { attempts: vec![(600, End::Never)], ..Story::well(0) }
            .saying("\x1b[32mconnected\x1b[0m\n12 of 400 pages\n"),
    });
    past.late(sync, ago(1));
    past.run("markup", ago(300), false, |_| {
        Story::well(2)
            .with(json!({ "note": "<script>alert(3)</script>" }))
            .saying("<script>alert(4)</script>\n\x1b[31mred <b>not bold</b>\x1b[0m\n")
    });
    let dag = Some("monthly_report".into());
    past.say(ago(900), Transition::Paused { dag, paused: true, by: "ana".into(), why: None });
    canceled_backfill(&mut past);
    past.broken(ago(30), "ingest.yaml", BROKEN);
    let value = Some("postgres://warehouse".into());
    past.say(ago(29), Transition::VarSet { name: "warehouse_url".into(), value, by: "ana".into() });
    past.write().await;
}

/// One date that was wanted, and then was not.
fn canceled_backfill(past: &mut History) {
    let (instant, backfill) = (ago(60 * 24 * 20), BackfillId(1));
    let created = Transition::BackfillCreated {
        backfill,
        dag: "nightly_sales".into(),
        from: instant,
        to: instant,
        mode: BackfillMode::Missing,
        order: BackfillOrder::Oldest,
        max_active: 1,
        params: Values::new(),
        force: false,
        items: vec![BackfillItem { instant, take: Take::Run }],
        by: "ana".into(),
        why: None,
    };
    past.say(ago(800), created);
    let (from, to) = (BackfillState::Running, BackfillState::Canceled);
    past.say(ago(799), Transition::BackfillMoved { backfill, from, to, by: "ana".into(), why: None });
}

fn sales(past: &mut History, day: u64) {
    past.run("nightly_sales", ago(77 + day * 24 * 60), true, move |task| match (task, day) {
        ("load_orders", 0) => Story {
            attempts: vec![(61, End::Exit(1)), (64, End::Exit(1)), (63, End::Exit(1))],
            ..Story::well(0)
        }
        .saying(BROKEN_LOG),
        ("load_orders", 6) => Story {
            attempts: vec![(61, End::Exit(1)), (88, End::Well(json!({ "rows": 1180 })))],
            ..Story::well(0)
        },
        ("load_returns", 11) => Story::fails(9, 2).saying("psql: could not connect\n"),
        ("extract", _) => Story { wait: 4, ..Story::well(48 + day * 3 % 11) }
            .with(json!({ "rows": 1200 + day * 7, "files": ["orders.csv", "returns.csv", "stores.csv"] })),
        ("load_orders", _) => Story { wait: 12, ..Story::well(80 + day * 5 % 17) },
        ("load_returns", _) => Story { wait: 30, ..Story::well(30) },
        (_, _) => Story::well(6 + day % 5),
    });
}

/// One DAG of 500 tasks with 30 runs.
pub(crate) async fn huge(root: &Path) {
    let mut past = History::new(root);
    huge_dag(&mut past);
    feeds(&mut past);
    past.write().await;
}

/// The same beside whatever else there is.
pub(crate) fn huge_dag(past: &mut History) {
    let mut text = String::from("id: huge\nschedule: '@daily'\ndescription: Five hundred tasks\ntasks:\n");
    for task in 0..500 {
        write!(text, "  - id: task_{task:03}\n    run: 'true'\n").unwrap();
        if task >= 20 {
            writeln!(text, "    depends_on: [task_{:03}, task_{:03}]", task - 20, (task * 7) % (task - 10))
                .unwrap();
        }
    }
    past.dag(ago(60 * 24 * 40), "huge.yaml", &text);
    for day in (0..30).rev() {
        past.run("huge", ago(60 * 24 * day + 120), true, move |task| match task {
            "task_123" if day == 3 => Story::fails(3, 1).saying("it broke\n"),
            _ => Story { wait: 0, ..Story::well(2) },
        });
    }
}

/// Two DAGs of 5,000 tasks, one of them in a hundred groups.
pub(crate) async fn vast(root: &Path) {
    let mut past = History::new(root);
    for grouped in [false, true] {
        let id = if grouped { "grouped" } else { "vast" };
        let mut text = format!("id: {id}\n");
        if grouped {
            text.push_str("groups:\n");
            (0..100).for_each(|group| writeln!(text, "  - id: g{group}").unwrap());
        }
        text.push_str("tasks:\n");
        for task in 0..5_000 {
            write!(text, "  - id: task_{task:04}\n    run: 'true'\n").unwrap();
            if grouped {
                writeln!(text, "    group: g{}", task / 50).unwrap();
            }
            if task >= 60 {
                writeln!(text, "    depends_on: [task_{:04}, task_{:04}]", task - 60, task - 51).unwrap();
            }
        }
        past.dag(ago(60), &format!("{id}.yaml"), &text);
    }
    past.write().await;
}

/// Many small DAGs of seven teams.
pub(crate) async fn many(root: &Path, count: usize) {
    let mut past = History::new(root);
    for dag in 0..count {
        let tag = if dag % 2 == 0 { "even" } else { "odd" };
        let text = format!(
            "id: dag_{dag:05}\nowner: team_{}\ntags: [{tag}]\nschedule: '{} {} * * *'\ntasks: [{{id: a, run: 'true'}}]\n",
            dag % 7,
            dag % 60,
            dag % 24
        );
        past.dag(ago(60), &format!("dag_{dag:05}.yaml"), &text);
    }
    past.write().await;
}

/// Sixty DAGs that fetch something every hour; the last hour of one broke.
fn feeds(past: &mut History) {
    for feed in 0..60 {
        let dag = format!("feed_{feed:02}");
        let text = format!("id: {dag}\nschedule: '{feed} * * * *'\ntasks:\n  - id: fetch\n    run: 'true'\n");
        past.dag(ago(60 * 24 * 9), &format!("{dag}.yaml"), &text);
        for hour in (0..2).rev() {
            let broke = feed == 40 && hour == 0;
            let story = move |_: &str| if broke { Story::fails(9, 1) } else { Story::well(60) };
            past.run(&dag, ago(hour * 60 + 47 + 60 - feed), true, story);
        }
    }
}

/// Nothing at all.
pub(crate) async fn empty(root: &Path) {
    History::new(root).write().await;
}

const HEARTBEAT: &str = "id: heartbeat
description: Every quarter of an hour, are all sources there?
owner: platform
tags: [probe]
schedule: '*/15 * * * *'
tasks:
  - id: ping
    run: ./ping.sh
";

const REPORT: &str = "id: monthly_report
description: Turnover by store and month, mailed to finance
owner: finance-data
tags: [report, monthly]
schedule: '0 6 1 * *'
timezone: America/New_York
params:
  month: {type: string, pattern: '\\d{4}-\\d{2}', description: Which month, required: true}
  store: {type: string, enum: [berlin, paris, madrid], default: paris}
  limit: 1000
  dry: false
tasks:
  - id: collect
    run: ./collect.sh
  - id: mail
    depends_on: [collect]
    run: ./mail.sh
";

const SYNC: &str = "id: warehouse_sync
description: Copies the shop's tables to the warehouse
owner: data-platform
tags: [warehouse]
defaults: {retries: 3, retry_delay: 30s, retry_on_exit: [75]}
tasks:
  - id: copy_orders
    run: sleep 5
  - id: copy_customers
    run: sleep 5
  - id: copy_stock
    run: sleep 5
  - id: join
    depends_on: [copy_orders, copy_customers, copy_stock]
    run: ./join.sh
";

const MARKUP: &str = "id: markup
description: <script>alert(1)</script>
owner: <b>nobody</b>
tags: ['<i>x</i>']
params:
  text: '<script>alert(2)</script>'
tasks:
  - id: only
    run: 'true'
";

const BROKEN: &str = "id: ingest
description: Fetch the partners' files
schedule: '61 4 * * *'
tasks:
  - id: fetch
    run: ./fetch.sh
    retry_policy: 3
  - id: unpack
    depends_on: [fetsh]
    timeout: 90
    run: ./unpack.sh
";
