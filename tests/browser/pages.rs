//! Every page there is: reached by a link, well, and without a complaint of the browser.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::driver::Browser;
use crate::{Scene, scene};

/// Pages that are there only for those who log in, streams, what is no page, and an address of old links.
const ELSEWHERE: [&str; 7] =
    ["/login", "/account", "/events", "/follow", "/health", "/static/", "/attempts/{number}"];

#[test]
fn every_page_is_linked_opens_and_makes_no_complaint() {
    let Some(scene) = scene() else { return };
    scene.has_run("sales", "success");
    let sick = scene.has_run("sick", "failed");
    backfill(&scene);
    let several = format!("/runs/rerun?run={sick}");
    let task = format!("/runs/{sick}/tasks/check");
    let visited = crawl(&scene.browser, &["/", "/dags/sales", &task, &several], |_| {});
    let wanted = nightrun_web::routes().into_iter().filter(|route| {
        let other = |part: &&str| route.path.contains(*part);
        route.method == "GET" && !route.path.starts_with("/api/") && !ELSEWHERE.iter().any(other)
    });
    let missed: Vec<_> =
        wanted.map(|route| route.path).filter(|path| !visited.iter().any(|it| fits(path, it))).collect();
    assert!(missed.is_empty(), "no link leads to {missed:?}; links lead to {visited:?}");
    scene.is_calm();
}

#[test]
fn complaints_of_a_browser_are_heard() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/");
    browser.is_calm();
    browser.script("document.querySelector('main').innerHTML = '<p style=\"color:red\">x</p>'");
    browser.script("console.error('a mistake')");
    let complaints = browser.complaints().join("\n");
    assert!(
        complaints.contains("Content Security Policy") && complaints.contains("a mistake"),
        "{complaints}"
    );
}

/// One is made, so that its page is there.
fn backfill(scene: &Scene) {
    scene.town.does("backfill sales --from 2026-01-01 --to 2026-01-02");
}

/// Follows links from these pages, to one page of each kind, and does something on each; gives back the paths.
pub(crate) fn crawl(browser: &Browser, from: &[&str], mut there: impl FnMut(&str)) -> BTreeSet<String> {
    let mut left = from.iter().map(ToString::to_string).collect::<VecDeque<_>>();
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    while let Some(at) = left.pop_front() {
        if kinds.contains_key(&kind(&at)) && !from.contains(&&*at) {
            continue;
        }
        kinds.insert(kind(&at), at.clone());
        let Some(links) = look(browser, &at) else { continue };
        there(&at);
        left.extend(links.into_iter().filter(|it| !from.contains(&&**it)));
    }
    kinds.into_values().map(|path| path.split(['?', '#']).next().unwrap().to_owned()).collect()
}

/// Looks at one page and gives back its links; none where the link is to what is downloaded or no page.
fn look(browser: &Browser, path: &str) -> Option<Vec<String>> {
    let (status, kind) = browser.head(path);
    assert_eq!(status, 200, "a link leads to {path}");
    if !kind.starts_with("text/html") {
        return None;
    }
    browser.visit(path);
    browser.holds("document.readyState === 'complete' && document.querySelector('main h1')");
    assert!(browser.script("return document.title").as_str().unwrap().ends_with("Nightrun"), "{path}");
    let wide = browser.script("return document.documentElement.scrollWidth - innerWidth").as_i64().unwrap();
    assert!(wide <= 0, "{path} is {wide} pixels too wide");
    browser.is_calm();
    let links = browser.script(
        "return [...document.querySelectorAll('a[href]')].map((a) => new URL(a.href.baseVal ?? a.href, location))
         .filter((url) => url.origin === location.origin).map((url) => url.pathname + url.search)",
    );
    links.as_array().map(|links| links.iter().filter_map(|it| it.as_str().map(ToOwned::to_owned)).collect())
}

/// What pages of one kind have in common: their path without names and numbers, and the names of their query.
fn kind(path: &str) -> String {
    let (path, query) = path.split('#').next().unwrap().split_once('?').unwrap_or((path, ""));
    let mut before = "";
    let mut kind = String::new();
    for part in path.split('/') {
        let is_name = matches!(before, "dags" | "tasks") || part.parse::<u64>().is_ok();
        kind += if is_name { "*" } else { part };
        kind.push('/');
        before = part;
    }
    let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
    format!("{kind}?{}", names.join("&"))
}

/// A path is one of the route's.
fn fits(route: &str, path: &str) -> bool {
    let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
    route.len() == path.len()
        && route.iter().zip(&path).all(|(name, part)| name.starts_with('{') || name == part)
}
