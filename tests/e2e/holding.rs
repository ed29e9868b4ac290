//! Maintenance windows and changed ticks, by the verbs and the API of a running server.

use std::time::Duration;

use nightrun_engine::clock::system_clock;
use serde_json::{Value as Json, json};

use crate::town::{Server, Town, wait_for};

/// Fires at the first of January, so that its next tick is known and far.
const YEARLY: &str = "schedule: \"0 0 1 1 *\"\ntasks: [{id: count, run: \"true\"}]\n";

/// Fires every second.
const BEAT: &str = "schedule: \"* * * * * *\"\nmax_active_runs: 5\ntasks: [{id: beat, run: \"true\"}]\n";

/// The next tick of the yearly DAG.
fn next(town: &Town) -> String {
    town.nightrun("next yearly -n 1 --json").json()[0].as_str().unwrap().to_owned()
}

fn ticks(server: &Server, dag: &str) -> Vec<Json> {
    let mut ticks =
        server.get(&format!("/api/v1/dags/{dag}/ticks?limit=500"))["items"].as_array().unwrap().clone();
    ticks.reverse();
    ticks
}

#[test]
fn nothing_fires_and_nothing_begins_in_a_window_and_its_policy_decides_at_its_end() {
    let town = Town::with("yearly", YEARLY);
    let server = town.serve();
    let said = town.nightrun("hold add --all --to 1h --why disks --resume latest");
    assert!(said.out.starts_with("maintenance window 1: everything is held from "), "{said:?}");
    town.write("dags/beat.yaml", BEAT);
    wait_for("the DAG", || (town.nightrun("why beat").code == 0).then_some(()));
    let run = town.nightrun("trigger yearly --json").json()["run_id"].as_str().unwrap().to_owned();
    let why = town.nightrun(&format!("why {run}")).out;
    assert!(why.contains("is queued: maintenance until ") && why.contains(" (hold 1): disks"), "{why}");
    let why = town.nightrun("why beat").out;
    assert!(why.contains("of those it holds up only the newest fires then"), "{why}");
    let dags = town.nightrun("dags --json").json();
    assert!(dags[0]["next_note"].as_str().unwrap().contains("hold 1"), "{dags}");
    let table = town.nightrun("dags").out;
    assert!(table.contains(" (hold 1)") && table.lines().all(|line| line.len() < 100), "{table}");
    assert!(town.nightrun("hold list").out.contains("disks"));
    assert_eq!(server.get("/api/v1/holds")["holds"][0]["resume"], "latest");
    // Seconds must pass in the window, so that there is something to hold up.
    let begin = std::time::Instant::now();
    wait_for("two seconds", || (begin.elapsed() > std::time::Duration::from_millis(2_200)).then_some(()));
    assert_eq!(ticks(&server, "beat"), [] as [Json; 0]);
    server.kill();
    let server = town.serve();
    assert_eq!(ticks(&server, "beat"), [] as [Json; 0], "the window outlives its server");
    town.does("hold remove 1");
    town.wait_for_run(&run, "success");
    wait_for("the beat to go on", || (ticks(&server, "beat").len() > 4).then_some(()));
    let ticks = ticks(&server, "beat");
    let skipped = |tick: &&Json| tick["skipped"].as_str().is_some_and(|why| why.contains("(hold 1): disks"));
    let held = ticks.iter().take_while(skipped).count();
    assert!(held >= 1 && ticks[held..].iter().all(|tick| !tick["run_id"].is_null()), "{ticks:?}");
    town.nightrun("hold list").prints("no maintenance window is open or to come, and no tick was changed");
    town.does("db check");
    let wrong = town.nightrun("hold remove 1");
    assert!(wrong.code == 1 && wrong.err.contains("no maintenance window 1"), "{wrong:?}");
}

#[test]
fn one_tick_is_skipped_or_moved_and_everything_that_shows_it_says_so() {
    let town = Town::with("yearly", YEARLY);
    let server = town.serve();
    let instant = next(&town);
    town.types("nightrun skip yearly --next --why 'new year'").prints(&format!(
        "the tick of yearly at {} (UTC) will be skipped",
        instant.replace('T', " ").replace('Z', "")
    ));
    let note = "skipped by cli:tess: new year";
    for verb in ["next yearly -n 1", "why yearly", "dags --json", "hold list"] {
        let said = town.nightrun(verb).out;
        assert!(said.contains(note), "{verb}: {said}");
    }
    assert_eq!(server.get("/api/v1/dags/yearly")["next_notes"][0], Json::Null);
    let told = server.get("/api/v1/dags/yearly").to_string();
    assert!(told.contains(note), "{told}");
    town.does("skip yearly --next --undo");
    assert!(!town.nightrun("why yearly").out.contains(note));

    // A length counts from the tick, as on the page.
    town.nightrun("move yearly --next --to 3h").prints(&format!(
        "the tick of yearly at {0} 00:00:00 (UTC) fires at {0} 03:00:00 (UTC)",
        &instant[..10]
    ));
    town.does("move yearly --next --undo");
    let soon = system_clock()().plus(Duration::from_secs(2)).to_rfc3339();
    let moved = town.nightrun(&format!("move yearly --next --to {soon} --json")).json();
    assert_eq!(moved["dag"], "yearly");
    let ticks =
        wait_for("the moved tick", || Some(ticks(&server, "yearly")).filter(|ticks| !ticks.is_empty()));
    let run = town.wait_for_run(ticks[0]["run_id"].as_str().unwrap(), "success");
    assert!(run["logical_date"].as_str().unwrap().starts_with(&instant[..10]), "{run}");
    assert!(town.nightrun("next yearly -n 1").out.contains("it has fired"));
    server.kill();
    let _server = town.serve();
    town.nightrun("skip yearly --next").prints(&format!(
        "the tick of yearly at {}-01-01 00:00:00 (UTC) will be skipped",
        instant[..4].parse::<u32>().unwrap() + 1
    ));
    let again = town.command("skip yearly").arg(&instant).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("it was moved, and has fired"), "{again:?}");
    town.does("db check");
}

#[test]
fn a_window_or_a_change_that_makes_no_sense_is_refused() {
    let town = Town::with("yearly", YEARLY);
    let _server = town.serve();
    for (verb, code, words) in [
        ("hold add --dag no --to 1h --why x", 1, "there is no DAG `no`"),
        ("hold add --all --to 2001-01-01T00:00:00Z --why x", 1, "ends in the future"),
        ("hold add --all --to tomorrow --why x", 2, "`tomorrow` is no instant"),
        ("hold add --to 1h --why x", 2, "--dag"),
        ("skip yearly 2099-03-01T00:00:00Z", 1, "no such instant"),
        ("move yearly --next --to 2001-01-01T00:00:00Z", 1, "in the future"),
        ("move yearly --next", 2, "--to"),
        ("skip yearly --next --undo", 1, "no such tick"),
    ] {
        let said = town.nightrun(verb);
        assert!(said.code == code && said.err.contains(words), "{verb}: {said:?}");
    }
    assert_eq!(town.nightrun("hold list --json").json(), json!({"holds": [], "changed_ticks": []}));
}

#[test]
fn next_shows_what_is_laid_over_the_store_that_is_named() {
    let town = Town::with("yearly", YEARLY);
    let server = town.serve_with("--data elsewhere");
    let go = |verb: &str| town.does(&format!("{verb} --data elsewhere"));
    go("skip yearly --next --why closed");
    let plain = town.nightrun("next yearly -n 1").out;
    assert!(!plain.contains("closed"), "{plain}");
    let by_flag = town.nightrun("next yearly -n 1 --data elsewhere").out;
    assert!(by_flag.contains("skipped by cli:tess: closed"), "{by_flag}");
    let by_name = town.types("NIGHTRUN_DATA=elsewhere nightrun next yearly -n 1").out;
    assert!(by_name.contains("skipped by cli:tess: closed"), "{by_name}");
    go("pause yearly");
    let paused = town.nightrun("next yearly -n 1 --data elsewhere").out;
    assert!(
        paused.starts_with("yearly is paused: no tick fires until `nightrun unpause yearly`\n"),
        "{paused}"
    );
    go("pause --all");
    let paused = town.nightrun("next yearly -n 1 --data elsewhere").out;
    assert!(paused.starts_with("everything is paused"), "{paused}");
    drop(server);
    town.write("broken/nightrun.db", "no database");
    let said = town.nightrun("next yearly --data broken");
    assert!(said.code == 1 && said.err.contains("the store in broken cannot be read"), "{said:?}");
}
