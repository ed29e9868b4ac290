//! Without JavaScript everything can still be read and done.

use crate::gallery::{Gallery, Made};
use crate::{album, driver, scene_with};

#[test]
fn every_page_is_there_at_its_first_paint_without_javascript() {
    if !driver::is_there() {
        return;
    }
    let Some(mut browser) = driver::open_without_script("127.0.0.1:9") else { return };
    for made in [Made::Usual, Made::Seasons, Made::Busy] {
        let gallery = Gallery::of(made);
        browser.turns_to(&gallery.address);
        for path in album::paths_of(made) {
            browser.visit(&path);
            let shown = browser.script(
                "const main = document.querySelector('main'), box = main.getBoundingClientRect();
                 return main.innerText.trim().length > 20 && box.width > 300 && box.height > 60 && !main.innerText.includes('Loading')",
            );
            assert_eq!(shown, true, "{path} of {made:?} shows {}", browser.text());
            browser.is_calm();
        }
    }
}

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
