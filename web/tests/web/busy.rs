//! A house in which everything that people can ask for has been asked: windows, changed ticks, a backfill, runs
//! that wait for another DAG, groups and items. The real scheduler does it.

use std::path::Path;
use std::time::Duration;

use nightrun_core::decide::{
    Answer, BackfillMode, BackfillOrder, BackfillRequest, Event, HoldRequest, Part, Past, Resume, RunRequest,
    TickChange, TickRequest, Values,
};
use nightrun_core::time::Timestamp;
use nightrun_engine::run::Handle;

use crate::history::History;
use crate::scenes::NOW;

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

/// The DAG files, loaded.
pub(crate) async fn files(root: &Path) {
    let mut past = History::new(root);
    let at = now();
    past.dag(at, "regions.yaml", REGIONS);
    past.dag(at, "daily_report.yaml", REPORT);
    past.dag(at, "tangle.yaml", TANGLE);
    past.write().await;
}

/// Asks for all of it.
pub(crate) async fn liven(handle: &Handle) {
    let hour = Duration::from_hours(1);
    let by = || "ana".to_owned();
    let hold = |dags: Option<Vec<&str>>, from, to, why: &str| {
        let dags = dags.map(|dags| dags.into_iter().map(Into::into).collect());
        Event::HoldRequested(HoldRequest {
            dags,
            from,
            to,
            resume: Resume::Latest,
            why: why.into(),
            by: by(),
        })
    };
    let tick = |at: &str, change, why: &str| {
        let instant = Timestamp::parse(at);
        let dag = "daily_report".into();
        Event::TickChangeRequested(TickRequest {
            dag,
            instant,
            change: Some(change),
            why: why.into(),
            by: by(),
        })
    };
    let run = |dag: &str| {
        let logical_date = Timestamp::parse("2026-11-20T03:00:00Z");
        let dag = dag.into();
        Event::RunRequested(RunRequest {
            dag,
            params: Values::new(),
            logical_date,
            part: Part::default(),
            force: true,
            by: by(),
        })
    };
    let request = BackfillRequest {
        from: Timestamp::parse("2026-11-10T00:00:00Z").unwrap(),
        to: Timestamp::parse("2026-11-15T00:00:00Z").unwrap(),
        mode: BackfillMode::Missing,
        order: BackfillOrder::Oldest,
        max_active: Some(2),
        params: Values::new(),
        force: false,
        dry_run: false,
        by: by(),
        why: Some("the report of that week was wrong".into()),
    };
    let backfill = Event::BackfillRequested { dag: "daily_report".into(), request, past: Past::default() };
    let value = Some(serde_json::json!("postgres://warehouse"));
    for event in [
        run("regions"),
        run("daily_report"),
        backfill,
        tick("2026-11-22T02:00:00Z", TickChange::Skip, "<b>holiday</b>"),
        tick("2026-11-23T02:00:00Z", TickChange::Move(now().plus(hour * 60)), "the source is late"),
        hold(Some(vec!["regions"]), now(), now().plus(hour * 2), "disks are <i>moved</i>"),
        hold(None, now().plus(hour * 26), now().plus(hour * 30), "the data centre is cleaned"),
        Event::VarSet { name: "warehouse_url".into(), value, by: by() },
    ] {
        let answer = handle.request(event).await.unwrap();
        assert!(!matches!(answer, Answer::Refused(_)), "{answer:?}");
    }
}

const REGIONS: &str = "id: regions
description: Load each region through the same steps, then publish
schedule: '0 2 * * *'
groups:
  - {id: night, label: Before the report}
  - id: region
    label: One region
    group: night
    depends_on: [prepare]
    foreach: {items: [eu, us, asia], as: part}
tasks:
  - {id: prepare, group: night, run: 'true'}
  - {id: extract, group: region, run: 'true'}
  - id: load
    group: region
    depends_on: [extract]
    run: '[ {{ part }} != asia ]'
  - {id: publish, depends_on: [night], run: 'true'}
  - {id: mail, depends_on: [publish], run: 'true'}
";

const REPORT: &str = "id: daily_report
schedule: '0 3 * * *'
timezone: Europe/Paris
vars: {warehouse_url: null, shop_token: null, depth: 3}
tasks:
  - id: write
    wait_for: [{dag: regions}, {dag: stock, match: offset, offset: -1d}]
    run: 'true'
  - {id: send, depends_on: [write], run: 'true'}
";

/// A group that something outside of it stands in the middle of.
const TANGLE: &str = "id: tangle
groups: [{id: outer}]
tasks:
  - {id: first, group: outer, run: 'true'}
  - {id: between, depends_on: [first], run: 'true'}
  - {id: last, group: outer, depends_on: [between], run: 'true'}
";
