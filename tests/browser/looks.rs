//! The keyboard and the finer points of how pages look.

use crate::scene;

#[test]
fn a_graph_is_made_larger_and_smaller() {
    let Some(scene) = crate::scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags/sales/graph");
    let width = || {
        browser
            .script("return document.querySelector('.graph .drawing').width.baseVal.value")
            .as_f64()
            .unwrap()
    };
    let first = width();
    browser.press_at("//button[@data-zoom='1.25']");
    assert!(width() > first * 1.2);
    browser.types("-");
    browser.holds(&format!(
        "Math.abs(document.querySelector('.graph .drawing').width.baseVal.value - {first}) < 1"
    ));
    browser.types("z");
    browser.holds("document.querySelector('time').innerText.endsWith('UTC')");
    scene.is_calm();
}

#[test]
fn a_slash_goes_to_the_search_which_leaves_what_fits() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags");
    browser.types("/");
    browser.holds("document.activeElement.matches('[data-search]')");
    browser.types("gat");
    browser.holds("[...document.querySelectorAll('[data-row]')].filter((row) => !row.hidden).length === 1");
    browser.shows("gated");
    scene.is_calm();
}

#[test]
fn rows_are_walked_with_j_and_k_and_opened_with_enter() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags");
    browser.types("jjjjk");
    browser.holds("document.activeElement.closest('tr')?.matches('tbody tr:nth-last-child(2)')");
    browser.types("\u{e007}");
    browser.lands_on("/dags/");
    scene.is_calm();
}

#[test]
fn who_has_the_focus_keeps_it_while_the_page_lives() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("gated", "running");
    browser.visit(&format!("/runs/{run}"));
    browser.script("document.querySelector('#task-after a').focus()");
    scene.town.write("gate", "");
    browser.holds("document.querySelector('#task-after .state.success')");
    browser.holds("document.activeElement.matches('#task-after a')");
    scene.is_calm();
}

#[test]
fn a_question_mark_shows_the_keys() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/");
    browser.types("?");
    browser.holds("document.querySelector('dialog[open]')");
    browser.shows("next row");
    browser.types("\u{e00c}");
    browser.holds("!document.querySelector('dialog[open]')");
    scene.is_calm();
}

#[test]
fn times_are_the_viewers_with_utc_on_hover() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/holds");
    browser.script(
        "const time = document.createElement('p');
         time.innerHTML = '<time datetime=\"2001-07-01T03:00:00Z\">1 Jul 2001 03:00:00</time>';
         document.querySelector('main').append(time); localise(time);",
    );
    browser.holds("document.querySelector('main p:last-child time').innerText === '30 Jun 2001 23:00:00'");
    browser.holds(
        "document.querySelector('main p:last-child time').title.startsWith('1 Jul 2001 03:00:00 UTC')",
    );
    browser.shows("Times are yours (America/New_York)");
    scene.is_calm();
}

#[test]
fn the_sign_in_the_tab_tells_how_the_run_is() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("gated", "running");
    browser.visit(&format!("/runs/{run}"));
    browser.holds("document.querySelector('link[rel=icon]').href.endsWith('/moon-running.svg')");
    scene.town.write("gate", "");
    browser.holds("document.querySelector('link[rel=icon]').href.endsWith('/moon.svg')");
    let failed = scene.has_run("sick", "failed");
    browser.visit(&format!("/runs/{failed}"));
    browser.holds("document.querySelector('link[rel=icon]').href.endsWith('/moon-failed.svg')");
    scene.is_calm();
}

#[test]
fn a_printed_page_has_nothing_to_press() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("sick", "failed");
    browser.visit(&format!("/runs/{run}"));
    browser.emulates("print");
    browser.holds("!document.querySelector('header.top').checkVisibility()");
    browser.holds("document.querySelector('main h1').checkVisibility()");
    scene.is_calm();
}
