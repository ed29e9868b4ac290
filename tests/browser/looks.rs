//! The keyboard and the finer points of how pages look.

use crate::scene;

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
