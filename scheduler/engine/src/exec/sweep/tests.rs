//! Real orphans: shells that bear the marker of an attempt nobody watches.

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use super::*;

/// Starts a shell in its own group that bears a marker, and waits until it says that it is ready.
fn marked(marker: &str, script: &str) -> Child {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).env(MARKER, marker).process_group(0).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

/// A store that no other test has.
fn store(name: &str) -> String {
    format!("{}-{name}", std::process::id())
}

fn signal_of(mut child: Child) -> Option<i32> {
    child.wait().unwrap().signal()
}

#[test]
fn where_there_is_nothing_nothing_is_done() {
    let store = store("nobody");
    assert_eq!(living(&store).unwrap(), []);
    let swept = end_all(&store, Duration::from_mins(1)).unwrap();
    assert_eq!(swept, Swept { ended: vec![], left: vec![] });
}

#[test]
fn orphans_are_found_by_their_marker_wherever_they_went() {
    let store = store("found");
    let marker = format!("{store}/1.2.3.4");
    let child = marked(&marker, "setsid sh -c 'echo ready; exec sleep 1000' & wait");
    let stranger = marked(&format!("{store}2/1.2.3.4"), "echo ready; exec sleep 1000");

    let found = living(&store).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|it| it.marker == marker));
    assert!(found.iter().any(|it| it.pid == child.id()));

    let swept = end_all(&store, Duration::from_mins(1)).unwrap();
    assert_eq!(swept, Swept { ended: found, left: vec![] });
    assert_eq!(living(&store).unwrap(), []);
    assert_eq!(signal_of(child), Some(15));
    assert_eq!(living(&format!("{store}2")).unwrap().len(), 1, "another store's processes live on");
    end_all(&format!("{store}2"), Duration::from_mins(1)).unwrap();
    assert_eq!(signal_of(stranger), Some(15));
}

#[test]
fn who_ignores_term_is_killed_after_the_grace() {
    let store = store("deaf");
    let child = marked(&format!("{store}/1.1.0.1"), "trap '' TERM; echo ready; while :; do sleep 0.01; done");
    let swept = end_all(&store, Duration::from_millis(50)).unwrap();
    assert!(swept.ended.iter().any(|it| it.pid == child.id()));
    assert_eq!(swept.left, []);
    assert_eq!(signal_of(child), Some(9));
}

#[test]
fn who_cleans_up_within_the_grace_is_not_killed() {
    let store = store("tidy");
    let child = marked(
        &format!("{store}/1.1.0.1"),
        "trap 'sleep 0.05; exit 0' TERM; echo ready; while :; do sleep 0.01; done",
    );
    assert_eq!(end_all(&store, Duration::from_mins(1)).unwrap().left, []);
    assert_eq!(signal_of(child), None);
}
