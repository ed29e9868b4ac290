//! Without JavaScript everything can still be read and done.

use crate::{driver, scene_with};

#[test]
fn pages_are_read_and_a_run_is_triggered_without_javascript() {
    let Some(scene) = scene_with(driver::open_without_script) else { return };
    let browser = &scene.browser;
    browser.visit("/");
    browser.shows("Tonight");
    browser.press("DAGs");
    browser.lands_on("/dags");
    // A script of the page would have given times a title.
    browser.holds("!document.querySelector('time[data-own]')");
    browser.press("sales");
    browser.press("▶ Trigger");
    browser.choose("region", "us");
    browser.press("▶ Trigger");
    let run = browser.lands_on("/runs/").trim_start_matches("/runs/").split('?').next().unwrap().to_owned();
    let run = scene.town.wait_for_run(&run, "success");
    assert_eq!(run["params"]["region"], "us");
    scene.is_calm();
}
