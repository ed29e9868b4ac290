//! Values: what a task hands on arrives at the next one, byte for byte, or the attempt fails and says why.

use serde_json::{Value as Json, json};

use crate::town::{Said, Town, task};

/// Runs one task `a` with this script and more keys, and gives back its object.
fn attempt(script: &str, keys: &str) -> Json {
    let script = script.trim().replace('\n', "\n      ");
    let town = Town::with("one", &format!("tasks:\n  - id: a\n    run: |\n      {script}\n{keys}"));
    task(&town.run("one"), "a").clone()
}

#[test]
fn each_form_of_the_outputs_file_is_read() {
    let script = r#"
cat >> "$NIGHTRUN_OUTPUT" <<'END'
text=some text = with signs
empty=
number:=3
list:=[1, {"deep": null}]
lines<<EOF
first
 second=2
EOF
object:<<EOF
{"a":
 1.5}
EOF
END
nightrun output told "it's \"me\""
nightrun output --json counted 7
printf 'a\nb' | nightrun output piped
echo text=later >> "$NIGHTRUN_OUTPUT"
"#;
    let expected = json!({
        "text": "later", "empty": "", "number": 3, "list": [1, {"deep": null}], "lines": "first\n second=2",
        "object": {"a": 1.5}, "told": "it's \"me\"", "counted": 7, "piped": "a\nb",
    });
    assert_eq!(attempt(script, "")["outputs"], expected);
    let whole = r#"echo '{"rows": 3, "files": ["a", "b"]}' > "$NIGHTRUN_OUTPUT""#;
    assert_eq!(attempt(whole, "")["outputs"], json!({"rows": 3, "files": ["a", "b"]}));
}

#[test]
fn what_is_captured_of_stdout_becomes_the_return_value() {
    let capture = |kind: &str, script: &str| attempt(script, &format!("    capture: {kind}\n"));
    for (kind, script, value) in [
        ("last_line", "echo first; echo last; echo; echo noise >&2", json!("last")),
        ("text", "echo first; echo last", json!("first\nlast")),
        ("json", "echo '{\"a\": [1, 2]}'", json!({"a": [1, 2]})),
    ] {
        let done = capture(kind, script);
        assert_eq!((&done["state"], &done["outputs"]["return_value"]), (&"success".into(), &value));
    }
    for (kind, script, why) in [
        ("json", "echo no JSON", "stdout is no JSON"),
        ("last_line", "true", "stdout has no line to capture"),
    ] {
        let done = capture(kind, script);
        assert!(done["state"] == "failed" && done["reason"].as_str().unwrap().contains(why), "{done}");
    }
}

#[test]
fn declared_outputs_are_a_promise() {
    let refused = |script: &str| {
        let done = attempt(script, "    outputs: [rows, files]\n");
        assert_eq!((&done["state"], &done["outputs"]), (&"failed".into(), &json!({})));
        done["reason"].as_str().unwrap().to_owned()
    };
    let missing = refused("echo rows:=1 >> $NIGHTRUN_OUTPUT");
    assert!(missing.contains("declared but not written: files"), "{missing}");
    let extra = refused("printf 'rows:=1\\nfiles:=[]\\nrow:=2\\n' >> $NIGHTRUN_OUTPUT");
    assert!(extra.contains("written but not declared in `outputs`: row"), "{extra}");
}

#[test]
fn an_outputs_file_that_cannot_be_read_fails_the_attempt() {
    for (script, why) in [
        ("echo rows = 3 >> $NIGHTRUN_OUTPUT", "line 1: write `key=text`"),
        ("printf 'a=1\\nb:=[1\\n' >> $NIGHTRUN_OUTPUT", "line 2: this is no JSON"),
        (
            "printf 'a<<EOF\\ntext\\n' >> $NIGHTRUN_OUTPUT",
            "line 1: the line `EOF` that ends this text is missing",
        ),
        ("echo 2nd=1 >> $NIGHTRUN_OUTPUT", "line 1: `2nd` is no name for an output"),
        ("printf 'a=\\377\\n' >> $NIGHTRUN_OUTPUT", "line 1: this is no UTF-8 text"),
    ] {
        let done = attempt(script, "");
        let reason = done["reason"].as_str().unwrap();
        assert!(done["state"] == "failed" && reason.contains(why), "{script}: {reason}");
    }
}

#[test]
fn a_failed_attempt_hands_on_nothing_and_its_retry_only_its_own() {
    let script = "
echo try$NIGHTRUN_TRY=seen >> $NIGHTRUN_OUTPUT
[ $NIGHTRUN_TRY = 2 ]";
    let done = attempt(script, "    retries: 1\n    retry_delay: 0s\n");
    assert_eq!(done["outputs"], json!({"try2": "seen"}));
}

/// Large values go to files and come back whole; beyond 16 MiB the attempt says so.
#[test]
fn large_values_spill_and_too_large_ones_are_refused() {
    let town = Town::with(
        "large",
        r#"
tasks:
  - id: make
    run: printf 'text=%s\n' "$(head -c 200000 /dev/zero | tr '\0' x)" >> "$NIGHTRUN_OUTPUT"
  - id: measure
    depends_on: [make]
    interpreter: python3
    script: |
      import json, os
      text = json.load(open(os.environ["NIGHTRUN_CONTEXT"]))["tasks"]["make"]["outputs"]["text"]
      print(len(text), set(text))
    capture: last_line
  - id: too_large
    run: head -c 17000000 /dev/zero | tr '\0' x | nightrun output text
"#,
    );
    let run = town.nightrun("run large --json --data .nightrun").json();
    assert_eq!(task(&run, "measure")["outputs"]["return_value"], "200000 {'x'}");
    let reason = task(&run, "too_large")["reason"].as_str().unwrap();
    assert!(reason.contains("more than the 16777216 bytes allowed; hand on a path instead"), "{reason}");
    assert_eq!(town.nightrun("xcom 1 make text").out.len(), 200_001);
}

/// What no shell must ever read as code.
const NASTY: [&str; 11] = [
    "$(touch owned)",
    "`touch owned`",
    "'; touch owned; '",
    "\"; touch owned; \"",
    "a\\b\\\\c\\",
    " leading and trailing ",
    "*.? [a-z] ~ {a,b} !! #",
    "-n",
    "$HOME ${PATH} $'x' %s",
    "ünï — 日本語 \u{1f680}",
    "several\n\nlines",
];

#[test]
fn values_arrive_byte_for_byte_in_every_quoting_and_do_nothing() {
    let town = Town::with("nasty", &format!("{HAND_ON}{}", receivers()));
    let mut command = town.command("run nasty --json");
    let said = Said::by(command.args(["-p", &format!("values={}", json!(NASTY))]).output().unwrap());
    let run = said.json();
    for (at, value) in NASTY.iter().enumerate() {
        for way in ["bare", "double", "single", "heredoc", "env", "pull"] {
            let got = &task(&run, &format!("{way}{at}"))["outputs"]["got"];
            assert_eq!(got, value, "{way}: {value}\n{}", said.err);
        }
    }
    assert!(!town.path("dags/owned").exists());
}

const HAND_ON: &str = r#"
params: {values: {type: array, default: []}}
tasks:
  - id: hand_on
    interpreter: python3
    script: |
      import json, os
      params = json.load(open(os.environ["NIGHTRUN_CONTEXT"]))["params"]
      values = {f"v{at}": value for at, value in enumerate(params["values"])}
      json.dump(values, open(os.environ["NIGHTRUN_OUTPUT"], "w"))
"#;

/// A task for each value and each place of a shell script where it may stand.
fn receivers() -> String {
    let mut tasks = String::new();
    for at in 0..NASTY.len() {
        let value = format!("{{{{ tasks.hand_on.outputs.v{at} }}}}");
        for (way, script) in [
            ("bare", format!("set -- {value}; put \"$1\"")),
            ("double", format!("put \"{value}\"")),
            ("single", format!("put '{value}'")),
            ("heredoc", format!("put \"$(cat <<END\n      <{value}>\n      END\n      )\"")),
            ("env", "put \"$VALUE\"".to_owned()),
            ("pull", format!("put {{{{ xcom_pull('hand_on', 'v{at}') }}}}")),
        ] {
            // Command substitution takes line ends away: a sign on either side keeps the value whole.
            let bare = if way == "heredoc" { "bare=${1#<}; bare=${bare%>}" } else { "bare=$1" };
            let task = format!(
                "  - id: {way}{at}
    depends_on: [hand_on]
    env: {{VALUE: \"{value}\"}}
    run: |
      put() {{ {bare}; printf '%s' \"$bare\" | nightrun output got; }}
      {script}
"
            );
            tasks.push_str(&task);
        }
    }
    tasks
}

#[test]
fn the_context_holds_what_templates_know() {
    let town = Town::with(
        "context",
        r#"
timezone: Europe/Paris
params: {region: eu}
vars: {bucket: b1}
tasks:
  - id: extract
    run: echo rows:=3 >> "$NIGHTRUN_OUTPUT"
  - id: show
    depends_on: [extract]
    run: cat "$NIGHTRUN_CONTEXT"
    capture: json
"#,
    );
    let run = town.nightrun("run context --json --at 2026-11-20").json();
    let mut context = task(&run, "show")["outputs"]["return_value"].clone();
    for interval in ["data_interval_start", "data_interval_end"] {
        context.as_object_mut().unwrap().remove(interval).unwrap();
    }
    assert_eq!(
        context,
        json!({
            "dag": "context", "run_id": "1", "run_type": "manual", "task": "show", "try_number": 1,
            "logical_date": "2026-11-19T23:00:00.000000000Z", "params": {"region": "eu"},
            "vars": {"bucket": "b1"},
            "tasks": {"extract": {"state": "success", "outputs": {"rows": 3}}},
        })
    );
}

#[test]
fn output_outside_of_a_task_says_where_it_works() {
    Town::new().nightrun("output rows 3").fails(
        2,
        "error: NIGHTRUN_OUTPUT is not set
  = help: `nightrun output` works inside a task of a run",
    );
}

#[test]
fn a_pipe_or_a_link_in_place_of_the_outputs_file_fails_its_attempt_and_nothing_else() {
    let town = Town::with(
        "traps",
        "tasks:\n  \
         - {id: pipe, run: 'rm -f $NIGHTRUN_OUTPUT; mkfifo $NIGHTRUN_OUTPUT'}\n  \
         - {id: link, run: 'ln -sf /dev/zero $NIGHTRUN_OUTPUT'}\n  \
         - {id: fine, run: echo still here}\n",
    );
    let run = town.nightrun("run traps --json").json();
    assert_eq!(task(&run, "fine")["state"], "success");
    for (id, why) in [("pipe", "is no regular file"), ("link", "is a link")] {
        assert_eq!(task(&run, id)["state"], "failed");
        let reason = task(&run, id)["reason"].as_str().unwrap();
        assert!(reason.contains(why), "{reason}");
    }
}
