//! The book keeps its word: its DAG files are sound, its console sessions print what they show, and it
//! names every key and every verb there is.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;
use serde_json::Value as Json;

use crate::town::{Town, masked, sources};

/// Each page with its text.
fn pages() -> Vec<(String, String)> {
    let paths = fs::read_dir(sources().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, block)) = rest.split_once("\n```") {
        let (language, block) = block.split_once('\n').unwrap();
        let (text, after) = block.split_once("```").expect("each block has an end");
        blocks.push((language, text));
        rest = after;
    }
    blocks
}

#[test]
fn dag_files_are_sound_and_sessions_print_what_they_show() {
    let mut sessions = 0;
    for (name, page) in pages() {
        let town = Town::new();
        for (language, text) in blocks(&page) {
            match language {
                "yaml" => keep(&town, &name, text),
                "console" => {
                    play(&town, &name, text);
                    sessions += 1;
                }
                _ => {}
            }
        }
    }
    assert!(sessions >= 8, "only {sessions} sessions were found");
}

/// Keeps a file of the book. One that is meant to be sound is validated.
fn keep(town: &Town, page: &str, text: &str) {
    let named = |mark: &str| text.lines().next().and_then(|first| first.strip_prefix(mark)).map(str::trim);
    if let Some(file) = named("# broken:") {
        town.write(&format!("dags/{file}"), text);
    } else if let Some("nightrun.yaml") = named("# file:") {
        town.write("nightrun.yaml", text);
    } else if let Some(file) = named("# file:") {
        town.write(&format!("dags/{file}"), text);
        let said = town.nightrun(&format!("validate dags/{file}"));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{page}: {file}");
    }
}

/// Types what follows `$ ` and compares what is printed; `...` stands for any text.
fn play(town: &Town, page: &str, session: &str) {
    if session.contains("--data .nightrun") {
        let _ = fs::remove_dir_all(town.path(".nightrun"));
    }
    for call in session.trim_start_matches("$ ").split("\n$ ") {
        let (typed, expected) = call.split_once('\n').unwrap_or((call, ""));
        let said = town.types(typed);
        assert!(is_like(&masked(&said.out), &masked(expected)), "{page}: {typed}\n{}", said.out);
    }
}

fn is_like(actual: &str, expected: &str) -> bool {
    let pattern = expected.split("...").map(regex::escape).collect::<Vec<_>>().join(".*");
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(actual)
}

#[test]
fn every_key_of_a_dag_file_has_its_line() {
    let schema = Town::new().nightrun("schema").json();
    let mut keys = BTreeSet::new();
    collect_keys(&schema, &mut keys);
    assert!(keys.len() > 40, "{keys:?}");
    let book: String = pages().into_iter().map(|(_, page)| page).collect();
    let missing: Vec<_> = keys.iter().filter(|key| !book.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "the book does not speak of {missing:?}");
}

fn collect_keys(schema: &Json, keys: &mut BTreeSet<String>) {
    match schema {
        Json::Object(map) => {
            if let Some(Json::Object(properties)) = map.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| collect_keys(value, keys));
        }
        Json::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}

#[test]
fn every_verb_has_its_line() {
    let help = Town::new().nightrun("--help").out;
    let (_, verbs) = help.split_once("Commands:\n").unwrap();
    let page = fs::read_to_string(sources().join("docs/command-line.md")).unwrap();
    for verb in
        verbs.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next())
    {
        assert!(page.contains(&format!("`{verb}")) || page.contains(&format!("nightrun {verb}")), "{verb}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").unwrap();
    for (name, page) in pages() {
        for found in link.captures_iter(&page).filter(|found| !found[1].contains("://")) {
            assert!(sources().join("docs").join(&found[1]).exists(), "{name}: {}", &found[1]);
        }
    }
}
