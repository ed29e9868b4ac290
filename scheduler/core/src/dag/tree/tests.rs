//! Trees: what YAML means, where it stands, and where reading ends.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Kind, Node, parse};
use crate::dag::Limits;
use crate::diag::{Code, Diagnostic, Faults};

fn tree<R>(text: &str, see: impl FnOnce(&Node<'_>) -> R) -> (Option<R>, Vec<Diagnostic>) {
    let mut faults = Faults::default();
    let seen = parse(text, &Limits::default(), &mut faults, |documents, _| see(&documents[0].root));
    (seen, faults.finish("a.yaml", text))
}

fn as_json(root: &Node<'_>) -> Json {
    root.to_json()
}

fn json_of(text: &str) -> Option<Json> {
    tree(text, as_json).0
}

fn codes(text: &str) -> Vec<Code> {
    tree(text, |_| ()).1.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn scalars_mean_what_they_mean_to_serde_yaml() {
    let words = "~ null Null NULL true True TRUE false FALSE yes no on off y n 0 1 -1 +1 01 007 -07 1_000 0x1F 0o17 \
                 0b11 1.0 1.10 -1.5 .5 5. 1e3 1E-3 .inf -.inf .nan .Inf NaN inf 2026-01-01 12:30 1d 90s 1e 0x \
                 9223372036854775807 -9223372036854775808 1.2.3 e1 + - -- ++1 +-1 - .";
    for word in words.split_whitespace().filter(|word| !matches!(*word, "-" | "--")) {
        let text = format!("a: {word}");
        let expected: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let expected = serde_json::to_value(&expected["a"]).unwrap_or(json!(word));
        let expected =
            if word.to_lowercase().ends_with("inf") || word == ".nan" { json!(word) } else { expected };
        assert_eq!(json_of(&text).unwrap()["a"], expected, "{word}");
    }
}

#[test]
fn anchors_and_merge_keys_are_carried_out() {
    let text =
        "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, y: 5}\ntwo: {<<: [*b, *m]}\nthree: *b\n";
    let tree = json_of(text).unwrap();
    assert_eq!(tree["one"], json!({"x": 1, "y": 5}));
    assert_eq!(tree["two"], json!({"x": 1, "y": 2, "z": 4}));
    assert_eq!(tree["three"], json!({"x": 1, "y": 2}));
}

#[test]
fn a_part_of_a_scalar_is_found_in_the_file() {
    let text = "é: 'x'\na: plain word\nb: \"quoted word\"\nc: |\n  first\n\n    second word\nd: >\n  folded\n  word\ne: \"\\tesc word\"\n\
                f: |-\r\n  line\r\n  last word\r\n";
    let found = |key: &str| {
        let (place, _) = tree(text, |root| {
            let Kind::Map(map) = &root.kind else { panic!() };
            let node = map.get(key).unwrap();
            let Kind::Scalar(scalar) = &node.kind else { panic!() };
            let at = scalar.text.find("word").unwrap();
            node.part(text, at..at + 4)
        });
        &text[place.unwrap().range()]
    };
    assert_eq!(["a", "b", "c", "f"].map(found), ["word"; 4]);
    assert_eq!(found("d"), "folded");
    assert_eq!(found("e"), "\"\\tesc word\"");
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut text = String::from("a0: &a0 [x]\n");
    for level in 1..30 {
        let below = level - 1;
        writeln!(text, "a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}, *a{below}]")
            .unwrap();
    }
    assert_eq!(codes(&text), [Code::TooLarge]);
}

#[test]
fn aliases_cannot_nest_without_bound() {
    let open = |levels: usize, inside: &str| format!("{}{inside}{}", "[".repeat(levels), "]".repeat(levels));
    let mut text = format!("a0: &a0 {}\n", open(30, "x"));
    for level in 1..10 {
        writeln!(text, "a{level}: &a{level} {}", open(30, &format!("*a{}", level - 1))).unwrap();
    }
    assert_eq!(codes(&text), [Code::TooLarge]);
    assert_eq!(codes(&open(64, "x")), []);
    assert_eq!(codes(&open(65, "x")), [Code::TooLarge]);
    assert_eq!(codes(&"[".repeat(500_000)), [Code::TooLarge]);
    assert_eq!(codes("a: &a [*a]"), [Code::YamlFeature]);
}

#[test]
fn a_map_with_many_keys_still_knows_them_all() {
    let mut text: String = (0..20_000).map(|at| format!("k{at}: {at}")).collect::<Vec<_>>().join("\n");
    assert_eq!(codes(&text), []);
    text += "\nk5: again\n";
    assert_eq!(codes(&text), [Code::DuplicateKey]);
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let text = "a: {{ x }}\nb: @y\nc: [{{ z }}, 1]\nd: p: q\na: 2\n";
    let (seen, diagnostics) = tree(text, as_json);
    assert_eq!(seen.unwrap(), json!({"a": null, "b": null, "c": [null, 1], "d": null}));
    let found: Vec<_> = diagnostics.iter().map(|d| (d.code, &text[d.place.bytes.clone()])).collect();
    assert_eq!(
        found,
        [
            (Code::UnquotedTemplate, "{{ x }}"),
            (Code::Syntax, "@y"),
            (Code::UnquotedTemplate, "{{ z }}"),
            (Code::Syntax, "p: q"),
            (Code::DuplicateKey, "a")
        ]
    );
}

proptest! {
    /// Whatever both parsers take, they take for the same.
    #[test]
    fn trees_are_those_of_serde_yaml(text in "([ab]: ?(\\[1, 'x'\\]|\\{c: 2\\}|-?[0-9.]{1,4}|true|\"q\"|\n  d: e|\\|\n  f\n))?\n([fg]: [a-z]{1,3}\n)?") {
        if let (Some(ours), Ok(theirs)) = (json_of(&text), serde_yaml::from_str::<serde_yaml::Value>(&text)) {
            prop_assert_eq!(ours, serde_json::to_value(theirs).unwrap());
        }
    }

    #[test]
    fn any_text_ends_in_a_tree_or_a_reason(text in "([a-c*&!|>'\"{}\\[\\],:?#%@`<-]|\n|\t| |  |é|\\{\\{|- |: |---|\r\n|<<: |&a |\\*a ){0,60}") {
        let (seen, diagnostics) = tree(&text, |_| ());
        prop_assert!(seen.is_some() || !diagnostics.is_empty());
        for diagnostic in diagnostics {
            diagnostic.render(&text, crate::diag::Style::Plain);
        }
    }
}
