//! Every page in six conditions: a house in use, an empty one, a huge one, a broken one, dark, narrow. Each is looked
//! at by the eyes of a reader and of axe-core; with `NIGHTRUN_SHOTS=FOLDER` (`.ci/shots`) it is pictured as well.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::door;
use crate::driver::{self, Browser};
use crate::eyes::{BY_COLOUR, BY_WIDTH, NARROW, WIDE, shots};
use crate::gallery::{Gallery, Made};
use crate::masses::LONG;
use crate::wreck::Wreck;

/// The pages, by the names of their pictures.
const PAGES: [&str; 40] = [
    "tonight",
    "dags",
    "dag",
    "dag-graph",
    "dag-schedule",
    "dag-durations",
    "dag-calendar",
    "dag-deadlines",
    "dag-versions",
    "dag-file",
    "dag-trigger",
    "dag-backfills",
    "backfill-new",
    "backfill",
    "runs",
    "run",
    "run-failed",
    "run-graph",
    "run-events",
    "run-compare",
    "rerun",
    "reruns",
    "mark",
    "task",
    "task-failed",
    "task-items",
    "task-past",
    "task-past-items",
    "tasks",
    "faults",
    "holds",
    "vars",
    "pools",
    "calendars",
    "audit",
    "system",
    "api",
    "login",
    "account",
    "problem",
];

const CONDITIONS: [&str; 6] = ["normal", "empty", "huge", "broken", "dark", "narrow"];

/// Which page of which site is the page of that name.
type Leaves<'a> = Vec<(&'static str, &'a str, String)>;

/// What a condition is looked at for, beyond its layout at both widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// axe-core in dark colours and in a narrow window, too; so do the pictures.
    Whole,
    /// axe-core as well, wide and light.
    Rules,
    /// axe-core takes minutes over tens of thousands of squares, and says what it says of one.
    Layout,
}

#[test]
fn every_page_of_a_house_in_use_is_well() {
    let Some(mut browser) = browser() else { return };
    let [usual, seasons, busy] = [Made::Usual, Made::Seasons, Made::Busy].map(Gallery::of);
    look(&mut browser, "normal", &usual_pages(&usual.address, &seasons.address, &busy.address), Care::Whole);
}

#[test]
fn every_page_of_the_door_is_well() {
    let Some(mut browser) = browser() else { return };
    let (_town, server) = door::house();
    let address = server.address();
    look(&mut browser, "normal", &vec![("login", &address, "/login".into())], Care::Whole);
    browser.visit("/login");
    door::enter(&browser, "ana");
    look(&mut browser, "normal", &vec![("account", &address, "/account".into())], Care::Whole);
    browser.press("Log out");
    browser.visit("/login");
    door::enter(&browser, "vic");
    // Not theirs to see.
    look(&mut browser, "broken", &vec![("problem", &address, "/dags/gated".into())], Care::Rules);
}

#[test]
fn every_page_of_an_empty_house_is_well() {
    let Some(mut browser) = browser() else { return };
    let [empty, bare] = [Made::Empty, Made::Bare].map(Gallery::of);
    look(&mut browser, "empty", &empty_pages(&empty.address, &bare.address), Care::Rules);
}

#[test]
fn every_page_of_a_huge_house_is_well() {
    let Some(mut browser) = browser() else { return };
    let huge = Gallery::of(Made::Huge);
    look(&mut browser, "huge", &huge_pages(&huge.address), Care::Layout);
}

#[test]
fn every_page_of_a_broken_house_is_well() {
    let Some(mut browser) = browser() else { return };
    let wreck = Wreck::new();
    let address = wreck.server.address();
    let pages = wreck.pages();
    look(
        &mut browser,
        "broken",
        &pages.iter().map(|(name, path)| (*name, &*address, path.clone())).collect(),
        Care::Rules,
    );
}

/// A browser that watches what pages cost.
fn browser() -> Option<Browser> {
    if !driver::is_there() {
        return None;
    }
    let browser = driver::open("127.0.0.1:9")?;
    browser.watches();
    Some(browser)
}

fn usual_pages<'a>(usual: &'a str, seasons: &'a str, busy: &'a str) -> Leaves<'a> {
    let leaf = |name, site, path: &str| (name, site, path.to_owned());
    vec![
        leaf("tonight", usual, "/"),
        leaf("dags", usual, "/dags"),
        leaf("dag", usual, "/dags/nightly_sales"),
        leaf("dag-graph", busy, "/dags/regions/graph"),
        leaf("dag-schedule", busy, "/dags/daily_report/schedule"),
        leaf("dag-durations", seasons, "/dags/ledger/durations"),
        leaf("dag-calendar", seasons, "/dags/ledger/calendar"),
        leaf("dag-deadlines", seasons, "/dags/ledger/deadlines"),
        leaf("dag-versions", seasons, "/dags/ledger/versions"),
        leaf("dag-file", usual, "/dags/nightly_sales/file"),
        leaf("dag-trigger", usual, "/dags/monthly_report/trigger"),
        leaf("dag-backfills", busy, "/dags/daily_report/backfills"),
        leaf("backfill-new", usual, "/dags/nightly_sales/backfills/new"),
        leaf("backfill", busy, "/backfills/1"),
        leaf("runs", usual, "/runs"),
        leaf("run", usual, "/runs/38"),
        leaf("run-failed", usual, "/runs/17"),
        leaf("run-graph", usual, "/runs/17/graph"),
        leaf("run-events", usual, "/runs/17/events"),
        leaf("run-compare", usual, "/runs/17/compare"),
        leaf("rerun", busy, "/runs/1/rerun"),
        leaf("reruns", busy, "/runs/rerun?run=1&run=2"),
        leaf("mark", busy, "/runs/1/mark?task=publish&state=success"),
        leaf("task", usual, "/runs/38/tasks/copy_stock"),
        leaf("task-failed", usual, "/runs/17/tasks/load_orders"),
        leaf("task-items", busy, "/runs/1/tasks/extract"),
        leaf("task-past", usual, "/dags/nightly_sales/tasks/load_orders"),
        leaf("task-past-items", busy, "/dags/regions/tasks/extract"),
        leaf("tasks", usual, "/tasks?state=failed,upstream_failed"),
        leaf("faults", usual, "/faults"),
        leaf("holds", busy, "/holds"),
        leaf("vars", busy, "/vars"),
        leaf("pools", seasons, "/pools"),
        leaf("calendars", seasons, "/calendars"),
        leaf("audit", usual, "/audit"),
        leaf("system", usual, "/system"),
        leaf("api", usual, "/api/v1/docs"),
        leaf("problem", usual, "/dags/nobody"),
    ]
}

/// The paths of the pages that are shown of a made store in use.
pub(crate) fn paths_of(made: Made) -> Vec<String> {
    let [usual, seasons, busy] = ["usual", "seasons", "busy"];
    let site = match made {
        Made::Seasons => seasons,
        Made::Busy => busy,
        _ => usual,
    };
    let all = usual_pages(usual, seasons, busy).into_iter();
    all.filter(|(name, of, _)| *of == site && *name != "problem").map(|(_, _, path)| path).collect()
}

fn empty_pages<'a>(empty: &'a str, bare: &'a str) -> Leaves<'a> {
    let houses = [
        "/",
        "/dags",
        "/runs",
        "/tasks",
        "/faults",
        "/holds",
        "/vars",
        "/pools",
        "/calendars",
        "/audit",
        "/system",
    ];
    let names = [
        "tonight",
        "dags",
        "runs",
        "tasks",
        "faults",
        "holds",
        "vars",
        "pools",
        "calendars",
        "audit",
        "system",
    ];
    let house = names.into_iter().zip(houses).map(|(name, path)| (name, empty, path.to_owned()));
    let of_dag = [
        "",
        "/graph",
        "/schedule",
        "/durations",
        "/calendar",
        "/deadlines",
        "/versions",
        "/file",
        "/trigger",
        "/backfills",
        "/backfills/new",
    ];
    let dag = PAGES[2..].iter().zip(of_dag).map(|(name, part)| (*name, bare, format!("/dags/bare{part}")));
    let of_run = [
        ("run", ""),
        ("run-graph", "/graph"),
        ("run-events", "/events"),
        ("run-compare", "/compare"),
        ("task", "/tasks/only"),
    ];
    let run = of_run.into_iter().map(|(name, part)| (name, bare, format!("/runs/1{part}")));
    house.chain(dag).chain(run).collect()
}

fn huge_pages(huge: &str) -> Leaves<'_> {
    let of_dag = [
        ("dag", ""),
        ("dag-graph", "/graph"),
        ("dag-schedule", "/schedule"),
        ("dag-durations", "/durations"),
        ("dag-calendar", "/calendar"),
        ("dag-versions", "/versions"),
        ("dag-file", "/file"),
    ];
    let dag = of_dag.into_iter().map(|(name, part)| (name, huge, format!("/dags/huge{part}")));
    let of_run = [
        ("run", ""),
        ("run-graph", "/graph"),
        ("run-events", "/events"),
        ("run-compare", "/compare"),
        ("rerun", "/rerun?which=all"),
        ("mark", "/mark?task=task_007&state=failed"),
    ];
    let run = of_run.into_iter().map(|(name, part)| (name, huge, format!("/runs/27{part}")));
    let long = [
        ("run-failed", String::from("/runs/31")),
        ("task-failed", format!("/runs/31/tasks/{LONG}")),
        ("dag-trigger", format!("/dags/{LONG}/trigger")),
        ("dag-deadlines", format!("/dags/{LONG}/deadlines")),
        ("dag-backfills", format!("/dags/{LONG}/backfills")),
    ];
    let long = long.into_iter().map(|(name, path)| (name, huge, path));
    let of_house = [
        ("tonight", "/"),
        ("dags", "/dags"),
        ("runs", "/runs"),
        ("tasks", "/tasks"),
        ("task-past", "/dags/huge/tasks/task_007"),
        ("vars", "/vars"),
        ("holds", "/holds"),
        ("audit", "/audit"),
        ("pools", "/pools"),
        ("system", "/system"),
    ];
    let house = of_house.into_iter().map(|(name, path)| (name, huge, path.to_owned()));
    dag.chain(run).chain(long).chain(house).collect()
}

/// Looks at each page; whatever is wrong is told at once.
#[track_caller]
fn look(browser: &mut Browser, condition: &str, leaves: &Leaves<'_>, care: Care) {
    let shots = shots();
    let mut said = String::new();
    for (name, site, path) in leaves {
        assert!(PAGES.contains(name), "{name} is no page");
        browser.turns_to(site);
        for (how, fault) in look_at(browser, path, care) {
            writeln!(said, "{condition} {name} ({path}), {how}: {fault}").unwrap();
        }
        if let Some(folder) = &shots {
            picture(browser, folder, condition, name, care);
        }
    }
    assert!(said.is_empty(), "\n{said}");
}

/// Looks at one page, wide and narrow, light and dark; how it was looked at, and what is wrong.
fn look_at(browser: &Browser, path: &str, care: Care) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    browser.is_sized(WIDE);
    browser.visit(path);
    browser.holds("document.readyState === 'complete' && document.querySelector('main h1')");
    let status = browser.script("return performance.getEntriesByType('navigation')[0].responseStatus");
    let status = status.as_u64().unwrap();
    // Chromium itself puts a page that says what is wrong on its console.
    let refused = |it: &String| status >= 400 && it.contains(&format!("a status of {status}"));
    faults.extend(browser.complaints().into_iter().filter(|it| !refused(it)).map(|it| ("console", it)));
    faults.extend(browser.count_faults().into_iter().map(|it| ("counts", it)));
    faults.extend(browser.layout_faults().into_iter().map(|it| ("wide", it)));
    if care != Care::Layout {
        faults.extend(browser.axe_faults(&[]).into_iter().map(|it| ("wide and light", it)));
    }
    if care == Care::Whole {
        browser.is_dark(true);
        faults.extend(browser.axe_faults(&BY_COLOUR).into_iter().map(|it| ("wide and dark", it)));
        browser.is_dark(false);
    }
    browser.is_sized(NARROW);
    faults.extend(browser.layout_faults().into_iter().map(|it| ("narrow", it)));
    if care == Care::Whole {
        faults.extend(browser.axe_faults(&BY_WIDTH).into_iter().map(|it| ("narrow and light", it)));
    }
    faults.extend(browser.complaints().into_iter().map(|it| ("console, narrow", it)));
    faults
}

/// Pictures the open page, in the conditions that are a matter of the window as well.
fn picture(browser: &Browser, folder: &Path, condition: &str, name: &str, care: Care) {
    fs::create_dir_all(folder).unwrap();
    let file = |condition: &str| folder.join(format!("{name}-{condition}.png"));
    if care == Care::Whole {
        browser.is_pictured(&file("narrow"), NARROW);
        browser.is_dark(true);
        browser.is_pictured(&file("dark"), WIDE);
        browser.is_dark(false);
    }
    browser.is_pictured(&file(condition), WIDE);
    fs::write(folder.join("index.html"), contact_sheet()).unwrap();
}

/// All pictures on one page, a row for each page; one that is not there says so.
fn contact_sheet() -> String {
    let mut sheet = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Nightrun, page by page</title><style>body{font:14px system-ui;margin:1rem}table{border-spacing:.5rem}th{text-align:left;vertical-align:top;position:sticky;left:0;background:#fff}thead th{top:0}img{width:20rem;max-height:26rem;object-fit:cover;object-position:top;border:1px solid #ccc;display:block}</style><h1>Nightrun, page by page</h1><table><thead><tr><th></th>",
    );
    for condition in CONDITIONS {
        write!(sheet, "<th>{condition}</th>").unwrap();
    }
    for name in PAGES {
        write!(sheet, "</tr>\n<tr><th>{name}</th>").unwrap();
        for condition in CONDITIONS {
            let file = format!("{name}-{condition}.png");
            write!(sheet, "<td><a href=\"{file}\"><img loading=\"lazy\" src=\"{file}\" alt=\"–\"></a></td>")
                .unwrap();
        }
    }
    sheet + "</tr></table></html>\n"
}
