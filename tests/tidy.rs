//! What no lint can hold: which room may know which, how large a file may grow, where SQL and processes
//! may stand, and that words in documents keep up with the code.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().join(folder)];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" {
                left.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    ["src", "scheduler", "plugins", "web", "tests", "benches"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"))
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn show(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Lines of product code: neither comments nor what follows `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn no_file_outgrows_its_room() {
    for path in rust_files() {
        let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        let limit = if is_test { 900 } else { 500 };
        let lines = read(&path).lines().count();
        assert!(lines <= limit, "{} has {lines} lines; {limit} are allowed", show(&path));
    }
}

#[test]
fn each_crate_knows_only_those_below_it() {
    let allowed = [
        ("scheduler/core", &[][..]),
        ("scheduler/engine", &["nightrun-core"]),
        ("plugins", &["nightrun-core", "nightrun-engine"]),
        ("web", &["nightrun-core", "nightrun-engine"]),
    ];
    for (room, below) in allowed {
        let manifest = read(&root().join(room).join("Cargo.toml"));
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
        let dependencies = dependencies.split("[dev-dependencies]").next().unwrap();
        for line in dependencies.lines().filter(|line| line.starts_with("nightrun-")) {
            let name = line.split(['.', ' ']).next().unwrap();
            assert!(below.contains(&name), "{room} must not know {name}");
        }
    }
}

#[test]
fn the_core_touches_nothing_of_the_world() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::now",
        "std::env",
        "tokio",
        "rusqlite",
    ];
    for path in files("scheduler/core/src", ".rs").iter().filter(|path| !path.ends_with("tests.rs")) {
        for line in code(&read(path)) {
            for word in forbidden {
                assert!(!line.contains(word), "{} touches the world: {line}", show(path));
            }
        }
    }
}

#[test]
fn sql_stands_in_the_store_only() {
    let words = ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "rusqlite::"];
    let outside = rust_files().into_iter().filter(|path| {
        let path = show(path);
        !path.contains("/store/")
            && !path.starts_with("tests/")
            && !path.starts_with("benches/")
            && !path.contains("/tests/")
    });
    for path in outside {
        for line in code(&read(&path)) {
            assert!(!words.iter().any(|word| line.contains(word)), "{} speaks SQL: {line}", show(&path));
        }
    }
}

#[test]
fn rooms_of_the_core_are_known_downwards_only() {
    let order =
        ["id", "time", "graph", "diag", "timetable", "value", "template", "quoting", "dag", "decide", "case"];
    // They speak of one type of the room above: the values of a run, the kinds of capture.
    let exceptions = [("dag/params.rs", "decide"), ("value/capture.rs", "dag")];
    for path in files("scheduler/core/src", ".rs").into_iter().filter(|path| !path.ends_with("tests.rs")) {
        let inside = show(&path).replace("scheduler/core/src/", "");
        let room = inside.split(['/', '.']).next().unwrap().to_owned();
        let Some(place) = order.iter().position(|name| *name == room) else { continue };
        for above in &order[place + 1..] {
            let knows = code(&read(&path)).any(|line| line.contains(&format!("crate::{above}::")));
            let excepted = exceptions.contains(&(inside.as_str(), above));
            assert!(!knows || excepted, "{inside} must not know {above}");
        }
    }
}

#[test]
fn nothing_is_silenced_or_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[al", "low("),
        concat!("#![al", "low("),
        concat!("todo", "!("),
        concat!("unimple", "mented!("),
    ];
    for path in rust_files() {
        for line in read(&path).lines() {
            assert!(!words.iter().any(|word| line.contains(word)), "{}: {line}", show(&path));
        }
    }
}

#[test]
fn every_state_is_in_the_diagram_of_the_readme() {
    let readme = read(&root().join("README.md"));
    for state in nightrun_core::decide::TaskState::ALL {
        assert!(readme.contains(state.as_str()), "the README's diagram lacks {state}");
    }
}

#[test]
fn every_error_code_has_its_page_and_no_page_is_left_over() {
    let pages: Vec<String> = files("docs/errors", ".md")
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let codes: Vec<String> = nightrun_core::diag::Code::all().iter().map(ToString::to_string).collect();
    for code in &codes {
        assert!(pages.contains(code), "docs/errors/{code}.md is missing");
    }
    for page in &pages {
        assert!(codes.contains(page), "docs/errors/{page}.md is about no code");
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = read(&root().join("Cargo.toml"));
    let why = read(&root().join("docs/dependencies.md"));
    let all = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in all.lines().filter(|line| line.contains('=') && !line.starts_with("nightrun-")) {
        let name = line.split([' ', '=']).next().unwrap();
        assert!(why.contains(&format!("`{name}`")), "docs/dependencies.md does not say why {name}");
    }
}
