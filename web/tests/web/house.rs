//! A web room over a scene: the real store, the real loop (which runs only where a test lets it), and
//! requests without a network.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nightrun_core::dag::spec::Keep;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::clock::Clock;
use nightrun_engine::exec::{Local, Registry};
use nightrun_engine::keep::Keeper;
use nightrun_engine::run::{Parts, Scheduler, Vars};
use nightrun_engine::store::{DATABASE, Reader, Writer};
use nightrun_web::App;
use tokio::sync::mpsc;

use crate::history::parse;
use crate::scenes::NOW;

fn pools() -> BTreeMap<String, u32> {
    [("warehouse".to_owned(), 1)].into()
}

/// The app over a scene, and the loop behind it; with `schedules` ticks fire and tasks wait for other DAGs.
pub(crate) fn app(root: &Path, schedules: bool) -> (App, Scheduler) {
    let (data, dags) = (root.join("data"), root.join("dags"));
    let database = data.join(DATABASE);
    let now = Timestamp::parse(NOW).unwrap();
    let clock: Clock = Arc::new(move || now);
    let reader = Reader::open(&database).unwrap();
    let (words, heard) = mpsc::unbounded_channel();
    let scheduler = Scheduler::new(Parts {
        data: data.clone(),
        dags: dags.clone(),
        slots: 4,
        max_items: 10_000,
        pools: pools(),
        schedules,
        clock: clock.clone(),
        writer: Writer::open(&database).unwrap(),
        executor: Arc::new(Local::new(words, clock.clone()).unwrap()),
        words: heard,
        operators: Registry::default(),
        hooks: nightrun_engine::hook::HookSettings::default(),
        parse: parse(),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        vars: Vars::default(),
        // Its own, or stopping an attempt would end that of another test.
        store_id: reader.read_now(nightrun_engine::store::Page::store_id).unwrap(),
    })
    .unwrap();
    let keeper = Keeper {
        reader: reader.clone(),
        data: data.clone(),
        parse: parse(),
        default: Keep::default(),
        clock: clock.clone(),
    };
    let app = App {
        reader,
        keeper,
        handle: scheduler.handle(),
        data,
        clock,
        parse: parse(),
        version: "0.1.0".into(),
        dags,
        vars: Vars::new([("SHOP_TOKEN".to_owned(), "hunter2".to_owned())]),
        slots: 4,
        pools: pools(),
        hosts: vec!["127.0.0.1:8080".into(), "localhost:8080".into(), "[::1]:8080".into()],
        zone: Zone::parse("UTC").unwrap(),
        access: nightrun_web::Access::default(),
    };
    (app, scheduler)
}
