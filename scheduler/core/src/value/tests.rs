use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dag::spec::Capture;

fn read(text: &str) -> Json {
    Json::Object(parse_outputs(text.as_bytes()).unwrap_or_else(|fault| panic!("{text}: {fault}")))
}

fn refused(text: &str) -> ValueFault {
    parse_outputs(text.as_bytes()).expect_err(text)
}

#[test]
fn every_form_is_read() {
    assert_eq!(read(""), json!({}));
    assert_eq!(
        read("a=x=y \nb:=[1,2]\n\nc<<EOF\none\n\ntwo\nEOF\nd:<<X\n{\n\"z\": 1}\nX\ne="),
        json!({
            "a": "x=y ", "b": [1, 2], "c": "one\n\ntwo", "d": {"z": 1}, "e": "",
        })
    );
    assert_eq!(read(" {\"a\": null,\n \"b\": 2}\n"), json!({"a": null, "b": 2}));
    assert_eq!(read("a<<E\nE\nb<<E\n\n\nE\n"), json!({"a": "", "b": "\n"}));
    assert_eq!(read("a={\"not\": \"json\"}\r\n\r\n"), json!({"a": "{\"not\": \"json\"}\r"}));
}

#[test]
fn the_last_of_two_values_counts() {
    assert_eq!(read("a=1\na:=2\n"), json!({"a": 2}));
}

#[test]
fn faults_name_the_line_and_the_cure() {
    assert_eq!(refused("a=1\nb = 2").line, 2);
    assert!(refused("b = 2").message.contains("without spaces"));
    assert!(refused("# note").message.contains("key=text"));
    assert!(refused("=x").message.contains("is no name"));
    assert!(refused("1a=x").message.contains("`1a`"));
    assert!(refused(&format!("{}=x", "k".repeat(129))).message.contains("at most 128"));
    assert_eq!(refused("\n\na<<EOF\nx\n").line, 3);
    assert!(refused("a<<\nx\n").message.contains("<<EOF"));
    assert_eq!(refused("a:=1\nb:=nope").line, 2);
    assert_eq!(refused("a:<<E\n[1,\n2,,]\nE").line, 3);
    assert_eq!(refused("{\"a\": 1,\n}").line, 2);
    assert!(refused("{\"a b\": 1}").message.contains("`a b`"));
    assert_eq!(parse_outputs(b"a=1\nb=\xff").unwrap_err().line, 2);
    assert!(parse_outputs(&vec![b'\n'; MAX_OUTPUTS + 1]).unwrap_err().message.contains("longer"));
    let many: String = (0..=MAX_KEYS).flat_map(|n| ["k".to_owned(), n.to_string(), "=\n".into()]).collect();
    assert!(refused(&many).message.contains("more than"));
}

#[test]
fn outputs_are_held_against_the_declared_names() {
    let outputs = read("rows=1\nreturn_value=x");
    let outputs = outputs.as_object().unwrap();
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(check_declared(&[], outputs), Ok(()));
    assert_eq!(check_declared(&names(&["rows"]), outputs), Ok(()));
    assert_eq!(
        check_declared(&names(&["rows", "files"]), outputs),
        Err("declared but not written: files".into())
    );
    assert_eq!(
        check_declared(&names(&["files"]), outputs),
        Err("declared but not written: files; written but not declared in `outputs`: rows".into())
    );
}

#[test]
fn stdout_is_captured_by_its_kind() {
    assert_eq!(capture(Capture::LastLine, b"a\n b c \n\n  \n"), Ok(json!(" b c ")));
    assert_eq!(capture(Capture::LastLine, b"a\r\n"), Ok(json!("a")));
    assert!(capture(Capture::LastLine, b"\n").is_err());
    assert_eq!(capture(Capture::Text, b"a\n\n"), Ok(json!("a\n")));
    assert_eq!(capture(Capture::Text, b""), Ok(json!("")));
    assert_eq!(capture(Capture::Json, b" [1]\n"), Ok(json!([1])));
    assert!(capture(Capture::Json, b"1 2").unwrap_err().contains("no JSON"));
    assert!(capture(Capture::Text, b"\xff").is_err());
}

#[test]
fn a_writer_refuses_a_bad_key() {
    assert!(encode_output("a b", "x").is_err());
    assert!(encode_json("", &json!(1)).is_err());
    assert!(encode_output("a\nb", "x").is_err());
}

proptest! {
    #[test]
    fn any_text_round_trips(texts in prop::collection::vec("(\\PC|\n|\r|\u{0}|EOF|=|<<|:|\\{){0,20}", 1..6)) {
        let keys = (0..).map(|n| format!("k{n}"));
        let file: String = keys.zip(&texts).map(|(key, text)| encode_output(&key, text).unwrap()).collect();
        let read = parse_outputs(file.as_bytes()).unwrap();
        prop_assert_eq!(read.values().cloned().collect::<Vec<_>>(), texts.into_iter().map(Json::String).collect::<Vec<_>>());
    }

    #[test]
    fn any_json_round_trips(text in "\\PC*", number in any::<i64>(), key in "[A-Za-z_][A-Za-z0-9_.-]{0,127}") {
        let value = json!({"a": [text, number, null, 1.5], "b\n": {}});
        let line = encode_json(&key, &value).unwrap() + &encode_output("last", "x\n").unwrap();
        let read = parse_outputs(line.as_bytes()).unwrap();
        prop_assert!(key == "last" || read[&key] == value);
        prop_assert_eq!(&read["last"], "x\n");
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_outputs(&bytes);
    }
}
