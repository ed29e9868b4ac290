//! What an operator wants to know or do in the night, from the page Tonight on, in clicks.

use crate::driver::Browser;
use crate::scene;

/// Clicks that somebody has made.
struct Hand<'a> {
    browser: &'a Browser,
    clicks: u32,
}

impl<'a> Hand<'a> {
    /// Begins on the home page, as it stands when it is opened.
    fn before(browser: &'a Browser) -> Self {
        browser.visit("/");
        Self { browser, clicks: 0 }
    }

    #[track_caller]
    fn clicks(&mut self, words: &str) {
        self.browser.press(words);
        self.clicks += 1;
    }

    #[track_caller]
    fn has_sufficed(&self, most: u32) {
        assert!(self.clicks <= most, "it took {} clicks, of {most}", self.clicks);
    }
}

#[test]
fn why_a_task_waits_is_found_with_two_clicks() {
    let Some(scene) = scene() else { return };
    let run = scene.has_run("gated", "running");
    let mut hand = Hand::before(&scene.browser);
    hand.clicks(&format!("gated {run}"));
    hand.clicks("after");
    scene.browser.shows("waits for its upstream tasks:\nwait\n");
    hand.has_sufficed(2);
    scene.is_calm();
}

#[test]
fn why_a_run_waits_is_found_with_two_clicks() {
    let Some(scene) = scene() else { return };
    scene.has_run("gated", "running");
    let queued = scene.has_run("gated", "queued");
    let mut hand = Hand::before(&scene.browser);
    hand.clicks("1 queued");
    hand.clicks(&format!("gated {queued}"));
    scene.browser.shows("max_active_runs");
    hand.has_sufficed(2);
    scene.is_calm();
}

#[test]
fn what_failed_runs_again_with_three_clicks() {
    let Some(scene) = scene() else { return };
    let run = scene.has_run("sick", "failed");
    scene.town.write("cure", "");
    let mut hand = Hand::before(&scene.browser);
    hand.clicks(&format!("sick {run}"));
    hand.clicks("Rerun…");
    hand.clicks("Run these 2 tasks again");
    hand.has_sufficed(3);
    scene.browser.lands_on(&format!("/runs/{run}"));
    scene.town.wait_for_run(&run, "success");
    scene.is_calm();
}

#[test]
fn the_line_of_the_log_that_says_why_it_failed_is_seen_with_two_clicks() {
    let Some(scene) = scene() else { return };
    let run = scene.has_run("sick", "failed");
    let mut hand = Hand::before(&scene.browser);
    hand.clicks(&format!("sick {run}"));
    scene.browser.shows("looking for the cure");
    hand.has_sufficed(2);
    // Where it stands in the whole log.
    hand.clicks("Whole log");
    scene.browser.shows("looking for the cure");
    hand.has_sufficed(2);
    scene.is_calm();
}

#[test]
fn what_failed_of_many_runs_runs_again_with_five_clicks() {
    let Some(scene) = scene() else { return };
    let runs = [scene.has_run("sick", "failed"), scene.has_run("sick", "failed")];
    scene.town.write("cure", "");
    let mut hand = Hand::before(&scene.browser);
    hand.clicks("Runs");
    hand.clicks("failed");
    scene.browser.press_at("//label[normalize-space(.)='all 2']");
    hand.clicks += 1;
    hand.clicks("Rerun the chosen…");
    hand.clicks("Run these 4 tasks again");
    hand.has_sufficed(5);
    scene.browser.lands_on("/runs");
    for run in runs {
        scene.town.wait_for_run(&run, "success");
    }
    scene.is_calm();
}
