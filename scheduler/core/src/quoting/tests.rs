use proptest::prelude::*;
use serde_json::{Map, json};

use super::place::Refusal;
use super::*;
use crate::template::Facts;
use crate::time::Timestamp;

fn scope() -> Scope {
    let at = Timestamp::from_nanos(0);
    let params = json!({"v": "a b", "n": 3, "list": [1, "x"], "nul": "a\0b", "code": "echo hi", "long": "x".repeat(MAX_ARGUMENT)});
    Scope::new(Facts {
        zone: crate::timetable::Zone::utc(),
        logical_date: at,
        data_interval_start: at,
        data_interval_end: at,
        dag: Map::new(),
        run: Map::new(),
        task: Map::new(),
        try_number: 1,
        params: params.as_object().unwrap().clone(),
        env: Map::new(),
        vars: Map::new(),
        tasks: Map::new(),
        outputs: Map::new(),
        item: None,
        secrets: None,
    })
}

/// The script with `@` for each value, rendered.
fn script(text: &str) -> String {
    let source = text.replace('@', "{{ params.v }}");
    render_shell(&source, &scope()).unwrap_or_else(|fault| panic!("{text}: {fault}")).script
}

/// Why the script with `@` for each value is refused; once per value, in order.
fn refusals(text: &str) -> Vec<Refusal> {
    scan::places(&text.replace('@', "\0")).into_iter().filter_map(Result::err).collect()
}

#[test]
fn a_value_is_quoted_for_where_it_stands() {
    for (text, safe) in [
        ("echo @", r#"echo "${NR_1}""#),
        ("--day=@x@", r#"--day="${NR_1}"x"${NR_2}""#),
        ("@@", r#""${NR_1}""${NR_2}""#),
        (r#"echo "a @ b""#, r#"echo "a ${NR_1} b""#),
        ("echo 'a @ b'", r#"echo 'a '"${NR_1}"' b'"#),
        (r"echo $'a\'@\n'", r#"echo $'a\''"${NR_1}"$'\n'"#),
        ("cat <<E\n@ '@'\nE\n@", "cat <<E\n${NR_1} '${NR_2}'\nE\n\"${NR_3}\""),
        ("cat <<-E\n\t@\n\tE\n@", "cat <<-E\n\t${NR_1}\n\tE\n\"${NR_2}\""),
        ("cat <<A <<'B'\n@\nA\nx\nB\n@", "cat <<A <<'B'\n${NR_1}\nA\nx\nB\n\"${NR_2}\""),
        ("cat <<< @", r#"cat <<< "${NR_1}""#),
        (r#"x="$(f "@" @)""#, r#"x="$(f "${NR_1}" "${NR_2}")""#),
        (
            r#"${v:-@} "${v:-@}" "${v#@}" ${v%@}"#,
            r#"${v:-"${NR_1}"} "${v:-${NR_2}}" "${v#"${NR_3}"}" ${v%"${NR_4}"}"#,
        ),
        (
            "case @ in @) f @;; (@) ;; esac; g @",
            r#"case "${NR_1}" in "${NR_2}") f "${NR_3}";; ("${NR_4}") ;; esac; g "${NR_5}""#,
        ),
        (r#""$(case x in a) f @;; esac) @""#, r#""$(case x in a) f "${NR_1}";; esac) ${NR_2}""#),
        ("[[ @ == @* ]] && f @", r#"[[ "${NR_1}" == "${NR_2}"* ]] && f "${NR_3}""#),
        ("a=(@ @)", r#"a=("${NR_1}" "${NR_2}")"#),
        ("x=@ f >@ 2>&1 <(g @)", r#"x="${NR_1}" f >"${NR_2}" 2>&1 <(g "${NR_3}")"#),
        (r"\\@ \'@", r#"\\"${NR_1}" \'"${NR_2}""#),
        ("a#@ $#@ ${#v}@", r#"a#"${NR_1}" $#"${NR_2}" ${#v}"${NR_3}""#),
        ("f # don't\ng @ $((1 << 2)) @", "f # don't\ng \"${NR_1}\" $((1 << 2)) \"${NR_2}\""),
        (r#"echo "\\@" "\$@" "$v@""#, r#"echo "\\${NR_1}" "\$${NR_2}" "$v${NR_3}""#),
        (r"echo '\@'", r#"echo '\'"${NR_1}"''"#),
        ("(cat <<E) | f @\n@\nE\ng @", "(cat <<E) | f \"${NR_1}\"\n${NR_2}\nE\ng \"${NR_3}\""),
        ("x=$(cat <<E\n) @\nE\n) f @", "x=$(cat <<E\n) ${NR_1}\nE\n) f \"${NR_2}\""),
        ("bash -c 'echo \"$1\"' - @", "bash -c 'echo \"$1\"' - \"${NR_1}\""),
        ("bash ./load.sh -c @", "bash ./load.sh -c \"${NR_1}\""),
        ("f() { g @; }\nfor x in @; do h; done", "f() { g \"${NR_1}\"; }\nfor x in \"${NR_2}\"; do h; done"),
        ("a[0]=@; file[1].@", r#"a[0]="${NR_1}"; file[1]."${NR_2}""#),
    ] {
        assert_eq!(script(text), safe, "{text}");
    }
}

#[test]
fn where_there_is_no_safe_way_a_value_is_refused() {
    for (text, refusal) in [
        ("f # @", Refusal::Comment),
        ("x=$(f # )\n)", Refusal::Comment),
        ("cat <<'E'\n@\nE", Refusal::QuotedHereDocument),
        ("cat <<\\E\n@\nE", Refusal::QuotedHereDocument),
        ("cat <<@\nx", Refusal::Delimiter),
        ("cat <<E\n${v#@}\nE", Refusal::HereDocumentPattern),
        ("f ${x/b/@}", Refusal::Unquoted),
        (": ${x:=@}", Refusal::Unquoted),
        (": ${x='@'}", Refusal::Unquoted),
        ("echo $((1 + @))", Refusal::Arithmetic),
        (r#"echo "$(( "@" ))""#, Refusal::Arithmetic),
        ("((x = @))", Refusal::Arithmetic),
        ("for ((i = 0; i < @; i++)); do f; done", Refusal::Arithmetic),
        ("echo $[@]", Refusal::Arithmetic),
        ("echo ${v:@}", Refusal::Arithmetic),
        (r#"echo ${v:"@"}"#, Refusal::Arithmetic),
        ("[[ @ -gt 3 ]]", Refusal::NumericTest),
        ("[[ ( 3 -lt @ ) && x ]]", Refusal::NumericTest),
        ("a[@]=1", Refusal::Subscript),
        ("a[\"@\"]=1", Refusal::Subscript),
        ("a=([@]=1)", Refusal::Subscript),
        ("echo ${a[@]}".replace('@', "\0").leak(), Refusal::Arithmetic),
        ("echo `f @`", Refusal::Backtick),
        ("echo \"`f '@'`\"", Refusal::Backtick),
        (r"echo \@", Refusal::Backslash),
        (r#"echo "\@""#, Refusal::Backslash),
        (r"echo $'\@'", Refusal::Backslash),
        (r"echo $'\c@'", Refusal::Backslash),
        ("cat <<E\n\\@\nE", Refusal::Backslash),
        ("echo $@", Refusal::Dollar),
        ("echo \"$@\"", Refusal::Dollar),
        ("echo ${@}", Refusal::Name),
        ("echo ${x@}", Refusal::Name),
        ("eval f @", Refusal::Code),
        ("if x; then A=1 eval \"@\"; fi", Refusal::Code),
        ("sudo /bin/bash -ec \"f @\"", Refusal::Script),
        ("su - app -c 'f @'", Refusal::Script),
        ("docker exec x sh -e -c \"f @\"", Refusal::Script),
        ("x=$(cat <<E)\n@\nE", Refusal::Unclear),
    ] {
        assert_eq!(refusals(text), if text.contains(['@', '\0']) { vec![refusal] } else { vec![] }, "{text}");
    }
    assert_eq!(refusals(&format!("{}@", "$(".repeat(1000))), [Refusal::Unclear]);
}

#[test]
fn what_follows_is_read_right() {
    for text in [
        "# it's\necho @",
        "echo \"it's\" @",
        "echo it\\'s @",
        "echo $'it\\'s' @",
        "cat <<E\nit's\nE\necho @",
        "cat <<'E'\n`$(\nE\necho @",
        "echo ${v:-\"}\"} @",
        "echo \"${v:-it's}\" @",
        "x=$((1)) y=$(( (1) )) f @",
        "x=$( (a); b) f @",
        "x=$((a); b) f @",
        "case x in esac; f @",
        "f <<E; g @\nE\n",
        "a() (\n:\n)\nf @",
        "if case x in x) ;; esac; then f @; fi",
        "echo a\\\n#b @",
        "echo ${#} ${!v} ${v//a/b} $$ $! @",
        "cat <<E\nE \n\\\nE\nE\necho @",
        "cat << \"E F\"\n'\nE F\necho @",
        "echo \"$(echo \"$(echo ')')\")\" @",
    ] {
        let found = scan::places(&text.replace('@', "\0"));
        assert_eq!(found, [Ok(Place::Bare)], "{text}");
    }
}

#[test]
fn only_values_become_variables() {
    let shown = render_shell(
        "{% if params.n > 2 %}echo 'a {{ params.n }}'{% endif %} {{ params.list }} {{ params.code | raw }}",
        &scope(),
    )
    .unwrap();
    assert_eq!(shown.script, r#"echo 'a '"${NR_1}"'' "${NR_2}" echo hi"#);
    assert_eq!(
        shown.env,
        [("NR_1".to_owned(), "3".to_owned()), ("NR_2".to_owned(), r#"[1,"x"]"#.to_owned())]
    );
}

#[test]
fn validation_finds_the_expression_in_every_branch() {
    let source = "{% if ds %}a{% elif ts %}# {{ params.v }}\n{% else %}'{{ ds }}' \\{{ ts }}{% endif %}{% for x in [1] %}`{{ x }}`{% else %}$(( {{ds}} )){% endfor %}";
    let faults = check_shell(source).unwrap_err();
    let places: Vec<&str> = faults.iter().map(|fault| &source[fault.range.clone()]).collect();
    assert_eq!(places, ["{{ params.v }}", "{{ ts }}", "{{ x }}", "{{ds}}"]);
    let one_quote_per_round = "echo {% for x in params.list %}'{% endfor %} {{ '}}' }} `x`";
    assert!(check_shell(one_quote_per_round).is_ok());
    let faults = check_shell("echo {{ a | uper }} # {{ ds }}").unwrap_err();
    assert!(faults[0].message.contains("uper"));
}

#[test]
fn a_refused_script_is_never_rendered() {
    let fault = render_shell("echo ok # {{ params.v }}", &scope()).unwrap_err();
    assert_eq!(fault.range, 10..24);
    let depends_on_a_value = "{{ (params.code ~ ' #') | raw }} {{ params.v }}";
    assert!(check_shell(depends_on_a_value).is_ok());
    let fault = render_shell(depends_on_a_value, &scope()).unwrap_err();
    assert_eq!(fault.message, Refusal::Comment.message());
}

#[test]
fn what_no_process_can_take_is_an_error() {
    assert!(render_shell("echo {{ params.nul }}", &scope()).unwrap_err().message.contains("NUL"));
    assert!(render_shell("echo {{ params.nul | raw }}", &scope()).unwrap_err().message.contains("NUL"));
    assert!(render_shell("echo \0{{ params.v }}", &scope()).is_err());
    assert!(check_shell("echo \0").is_err());
    let long = render_shell("echo {{ params.long }}", &scope()).unwrap_err();
    assert!(long.help.unwrap().contains("$NIGHTRUN_CONTEXT"));
    assert!(render_shell(&"x".repeat(MAX_ARGUMENT), &scope()).is_err());
}

proptest! {
    #[test]
    fn every_mark_gets_exactly_one_answer(pieces in prop::collection::vec(prop::sample::select(vec![
        "\0", "'", "\"", "\\", "$", "`", "(", ")", "((", "))", "{", "}", "[", "]", "[[", "]]", "<<", "<<-", "E", "\n", " ", "#",
        "$(", "${", "$'", "case", "esac", " in ", ";;", ";", "|", "eval ", "x", ":-", "=", "-c", "sh", "-eq", "é",
    ]), 0..60)) {
        let text = pieces.concat();
        prop_assert_eq!(scan::places(&text).len(), text.matches('\0').count());
    }
}
