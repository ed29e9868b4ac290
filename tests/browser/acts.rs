//! What an operator does at night, by the words on the buttons.

use crate::scene;

#[test]
fn a_run_is_triggered_with_params_from_the_list_of_dags() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags");
    browser.press("sales");
    browser.lands_on("/dags/sales");
    browser.press("▶ Trigger");
    browser.choose("region", "us");
    browser.fill("limit", "0");
    browser.press("▶ Trigger");
    browser.shows("at least 1");
    // The browser itself puts what the server answered with 422 on its console.
    assert!(browser.complaints().iter().all(|it| it.contains("422")));
    browser.fill("limit", "7");
    browser.press("▶ Trigger");
    let run = browser.lands_on("/runs/").trim_start_matches("/runs/").split('?').next().unwrap().to_owned();
    let run = scene.town.wait_for_run(&run, "success");
    assert_eq!(run["params"]["region"], "us");
    assert_eq!(run["params"]["limit"], 7);
    scene.is_calm();
}

#[test]
fn an_open_page_shows_how_a_run_goes_on_without_being_loaded_again() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("gated", "running");
    browser.visit(&format!("/runs/{run}"));
    browser.script("window.stays = true");
    browser.shows("Cancel run");
    scene.town.write("gate", "");
    browser.holds("document.querySelector('main .head .state.success')");
    browser.holds("window.stays && !document.querySelector('main').innerText.includes('Cancel run')");
    scene.is_calm();
}

#[test]
fn the_home_page_shows_what_begins_and_ends_without_being_loaded_again() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/");
    browser.script("window.stays = true");
    browser.shows("Nothing is at work");
    let run = scene.has_run("gated", "running");
    browser.holds(&format!("document.querySelector('main a[href^=\"/runs/{run}\"]')"));
    scene.town.write("gate", "");
    browser.shows("Nothing is at work");
    browser.holds("window.stays");
    scene.is_calm();
}

#[test]
fn a_log_grows_on_the_open_page_which_shows_its_newest_line() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("gated", "running");
    browser.visit(&format!("/runs/{run}/tasks/wait/attempts/1"));
    browser.script("window.stays = true");
    let in_sight = |line: &str| {
        let place = |of: &str| format!("document.querySelector('{of}').getBoundingClientRect()");
        let (line, of_box) = (place(line), place(".lines"));
        browser.holds(&format!("{of_box}.bottom <= innerHeight && {line}.bottom <= {of_box}.bottom"));
        browser.holds(&format!("{of_box}.top >= 0 && {line}.top >= {of_box}.top"));
    };
    in_sight("#L200");
    scene.town.write("gate", "");
    browser.shows("through");
    browser.holds("window.stays");
    browser.holds("document.querySelector('#L201').innerText.includes('through')");
    in_sight("#L201");
    scene.is_calm();
}

#[test]
fn a_word_is_searched_in_a_log_and_each_place_is_reached() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("sick", "failed");
    browser.visit(&format!("/runs/{run}/tasks/check"));
    browser.press_at("//input[@name='find']");
    browser.types("cure");
    browser.press("Search");
    browser.shows("1 line with");
    browser.press_at("//table//a[@title='Show it in the log']");
    browser.shows("1 of 1");
    browser.holds("document.querySelector('.here mark').innerText === 'cure'");
    browser.press_at("//input[@id='wrap']");
    browser.holds("getComputedStyle(document.querySelector('.lines pre')).whiteSpace === 'pre'");
    browser.press_at("//input[@id='wrap']");
    browser.press("End");
    browser.holds("location.hash === '#end'");
    scene.is_calm();
}

#[test]
fn a_run_is_canceled_after_a_question() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("gated", "running");
    browser.visit(&format!("/runs/{run}"));
    browser.press("Cancel run");
    browser.confirm();
    scene.town.wait_for_run(&run, "canceled");
    browser.holds("document.querySelector('main .head .state.canceled')");
    scene.is_calm();
}

#[test]
fn a_failed_run_is_run_again_after_a_look_at_what_changes() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("sick", "failed");
    browser.visit(&format!("/runs/{run}"));
    browser.shows("looking for the cure");
    scene.town.write("cure", "");
    browser.press("Rerun…");
    browser.shows("2 tasks change");
    browser.press("Run these 2 tasks again");
    browser.lands_on(&format!("/runs/{run}"));
    browser.holds("document.querySelector('main .head .state.success')");
    assert_eq!(scene.town.wait_for_run(&run, "success")["state"], "success");
    scene.is_calm();
}

#[test]
fn a_failed_task_is_marked_after_a_look_at_what_changes() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    let run = scene.has_run("sick", "failed");
    browser.visit(&format!("/runs/{run}/mark?task=check&state=success"));
    browser.shows("What changes");
    browser.fill("Why", "checked by hand");
    browser.press("Mark check as success");
    browser.lands_on(&format!("/runs/{run}"));
    scene.town.wait_for_run(&run, "success");
    browser.holds("document.querySelector('main .head .state.success')");
    scene.is_calm();
}

#[test]
fn a_dag_is_paused_and_let_go_again_and_so_is_everything() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags");
    browser.press_at("//button[@role='switch'][@aria-label='sales is on']");
    browser.press_at("//button[@role='switch'][@aria-label='sales is paused']");
    browser.holds("document.querySelector('[aria-label=\"sales is on\"]')");
    browser.press("Pause all");
    browser.confirm();
    browser.shows("Everything is paused");
    browser.press("Un-pause");
    browser.holds("!document.querySelector('main').innerText.includes('Everything is paused')");
    scene.is_calm();
}

#[test]
fn a_backfill_is_made_after_a_look_at_its_dates() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags/sales/backfills");
    browser.press("Backfill…");
    browser.fill("From", "2026-01-01");
    browser.fill("To", "2026-01-02");
    browser.press("Show what is made");
    browser.shows("2 runs");
    browser.press("Make these 2 runs");
    browser.shows("1 Jan");
    browser.holds("document.querySelector('main .state.success')");
    scene.is_calm();
}

#[test]
fn a_window_is_opened_and_ended() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/holds");
    browser.press_at("//input[@aria-label='These DAGs']");
    browser.types("sales");
    browser.fill("Until", "2h");
    browser.fill("Why", "the source moves house");
    browser.press("Hold");
    browser.shows("the source moves house");
    browser.press("End now");
    browser.confirm();
    browser.shows("Nothing is held");
    scene.is_calm();
}

#[test]
fn one_tick_is_skipped_and_fires_after_all() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags/sales/schedule");
    browser.press("Skip");
    browser.press("Undo");
    browser
        .holds("![...document.querySelectorAll('main button')].some((it) => it.innerText.trim() === 'Undo')");
    scene.is_calm();
}

#[test]
fn a_var_is_set_changed_and_taken_out() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/vars");
    browser.fill("Name", "bucket");
    browser.fill("Value", "s3://first");
    browser.press("Set");
    browser.shows("s3://first");
    browser.press_in_row("s3://first", "Change");
    browser.fill("Value", "s3://second");
    browser.press_at("//form[@action='/vars']//button");
    browser.shows("s3://second");
    browser.press_in_row("s3://second", "Remove");
    browser.confirm();
    browser.holds("!document.querySelector('main').innerText.includes('s3://second')");
    scene.is_calm();
}

#[test]
fn a_token_is_made_seen_once_and_revoked() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/tokens");
    browser.fill("Name", "ci");
    browser.press("Create");
    browser.shows("Keep the secret of ci now");
    browser.visit("/tokens");
    browser.holds("!document.querySelector('.secret')");
    browser.press_in_row("ci", "Revoke");
    browser.confirm();
    browser.shows("No token yet");
    scene.is_calm();
}

#[test]
fn with_the_first_user_a_login_is_needed() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/users");
    browser.shows("Nobody has to log in yet");
    browser.fill("Name", "ana");
    browser.fill("Password", "a long password");
    browser.press("Add");
    browser.lands_on("/login");
    browser.press_at("//input[@id='name']");
    browser.types("ana");
    browser.press_at("//input[@id='password']");
    browser.types("a long password");
    browser.press("Log in");
    browser.lands_on("/users");
    browser.press_in_row("ana", "Change");
    browser.shows("The last admin cannot be removed here");
    scene.is_calm();
}

#[test]
fn what_would_run_is_seen_before_a_trigger() {
    let Some(scene) = scene() else { return };
    let browser = &scene.browser;
    browser.visit("/dags/sales/trigger");
    browser.choose("region", "us");
    browser.press("Show what would run");
    browser.shows("2 tasks");
    browser.shows("region");
    browser.press("▶ Trigger");
    let run = browser.lands_on("/runs/").trim_start_matches("/runs/").split('?').next().unwrap().to_owned();
    assert_eq!(scene.town.wait_for_run(&run, "success")["params"]["region"], "us");
    scene.is_calm();
}

#[test]
fn who_waited_for_a_run_runs_again_with_it() {
    let Some(scene) = scene() else { return };
    let (browser, town) = (&scene.browser, &scene.town);
    browser.visit("/dags");
    town.write("dags/source.yaml", "tasks: [{id: load, run: echo load}]");
    town.write("dags/reader.yaml", "tasks: [{id: gate, wait_for: [{dag: source}], run: echo gate}]");
    browser.shows("reader");
    browser.shows("source");
    let at = "--at 2026-11-01T00:00:00Z --json";
    let runs = ["source", "reader"].map(|dag| {
        let run = town.nightrun(&format!("trigger {dag} {at}")).json()["run_id"].as_str().unwrap().to_owned();
        town.wait_for_run(&run, "success");
        run
    });
    browser.visit(&format!("/runs/{}/rerun?which=all", runs[0]));
    browser.shows("keeps what it has");
    browser.press("More choices");
    browser.press_at("//input[@name='with_waiters']");
    browser.press("Show what changes");
    browser.shows(&format!("And in reader run {}", runs[1]));
    browser.press("Run these 2 tasks again");
    browser.lands_on(&format!("/runs/{}", runs[0]));
    browser.visit(&format!("/runs/{}/tasks/gate", runs[1]));
    browser.holds("document.querySelector('a[href*=\"attempt=2\"], [data-try=\"2\"]')");
    scene.is_calm();
}

#[test]
fn a_page_says_from_when_it_is_while_the_server_is_away_and_goes_on_when_it_is_back() {
    let Some(scene) = scene() else { return };
    let crate::Scene { browser, server, town } = scene;
    let address = server.address();
    browser.visit("/");
    browser.script("window.stays = true");
    server.kill();
    browser.shows("The server does not answer. This is how things stood at");
    let place = address.trim_start_matches("http://");
    let again = crate::town::Server::start(town.command(&format!("serve --listen {place}")));
    town.does("trigger sales");
    browser.holds("!document.querySelector('#away')");
    browser.shows("sales");
    browser.holds("window.stays");
    drop(again);
}
