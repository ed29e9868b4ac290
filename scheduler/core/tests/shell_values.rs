//! Values in scripts against real shells: whatever a value holds, the program receives it byte for byte, in every
//! place where a value may stand, and nothing else happens.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nightrun_core::quoting::{check_shell, render_shell};
use nightrun_core::template::{Facts, Scope};
use nightrun_core::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

/// Scripts in which `@` is the value; `p` prints its arguments, each with a NUL behind it. The value is expected
/// where `@` stands in the list beside it.
const EVERYWHERE: &[(&str, &[&str])] = &[
    ("p @", &["@"]),
    ("p a@b @@ x@", &["a@b", "@@", "x@"]),
    ("p --day=@ -@- ~@ /none/*@*", &["--day=@", "-@-", "~@", "/none/*@*"]),
    (r#"p "@" "a @ b" "$x@" "\\@" "\$@" "'@'""#, &["@", "a @ b", "@", r"\@", "$@", "'@'"]),
    (r"p '@' 'a @ b' '\@' '$@' '@'@'@'", &["@", "a @ b", r"\@", "$@", "@@@"]),
    (r#"p "${new:=@}" "$new"; : "${newer='@'}" "${newer?@}"; p "$newer""#, &["@", "@", "'@'"]),
    (r"p \\@ \'@ a\ @", &[r"\@", "'@", "a @"]),
    (r#"x="$(printf '%s.' "@" @ '@')"; p "${x%.}""#, &["@.@.@"]),
    (r#"p "$(printf '%s.' "$(printf %s. "@")")""#, &["@.."]),
    (r#"p "${none:-@}" "${none:-a @ b}" "${none-"@"}" "${none:-'@'}""#, &["@", "a @ b", "@", "'@'"]),
    (r"p ${none:-@} ${none-'a @'} ${none:+@}", &["@", "a @"]),
    (
        r#"x=@tail; p "${x#@}" ${x#@} "${x##"@"}" "${x#'@'}"; x=head@; p "${x%@}" "${x%%@}""#,
        &["tail", "tail", "tail", "tail", "head", "head"],
    ),
    ("x=@; p \"$x\"; export y=@; p \"$y\"; readonly z='a'\"@\"; p \"$z\"", &["@", "@", "a@"]),
    (
        "cat <<E; printf '\\0'\n@ \"@\" '@' \\\\@ $(printf '%s.' @ '@' \"@\") ${none:-@}\nE\n",
        &["@ \"@\" '@' \\@ @.@.@. @\n"],
    ),
    ("cat <<-E; printf '\\0'\n\ta@\n\tE\n", &["a@\n"]),
    ("cat <<A <<'B'; p @\n@\nA\nx\nB\np @", &["x\n@", "@"]),
    ("(cat <<E) | cat; printf '\\0'; p @\n@\nE\np '@'", &["@\n", "@", "@"]),
    ("x=$(cat <<E\n@ ) '\nE\nprintf %s. @\n); p \"$x\"", &["@ ) '\n@."]),
    ("case @ in x) p no;; @) p yes;; *) p no;; esac; p @", &["yes", "@"]),
    (r#"p "$(case x in a) p no;; (x) printf '%s.' @;; esac)" @"#, &["@.", "@"]),
    ("f() { p \"$@\"; }; f @ '@'; for i in @ \"@\"; do p \"$i\"; done", &["@", "@", "@", "@"]),
    ("if [ @ = \"@\" ] && test x@ = x'@'; then p same; fi; [ @ != '@' ] || p @", &["same", "@"]),
    ("{ p @; } && ( p @ ) | cat; p @ &\nwait; ! p @", &["@", "@", "@", "@"]),
    ("p a \\\n  @ # it's a comment\np @;p @", &["a", "@", "@", "@"]),
    ("# it's \"$(one `\np @", &["@"]),
    ("set -- @ \"@\"; p \"$#\" \"$@\"; p $# ${#x} @ >&1", &["2", "@", "@", "2", "0", "@"]),
    ("x=$((1 + (2))) y=$( (p @) ); p @$x", &["@3"]),
    ("sh -c 'printf \"%s\\0\" \"$1\"' - @", &["@"]),
    ("printf '%s\\0' @ | cat; printf '%s\\0' \"@\" 2>/dev/null 1>&1", &["@", "@"]),
    ("IFS=abc; p @; set -f; p @; set -u; p @", &["@", "@", "@"]),
    (
        "{% if true %}p '{% endif %}@{% if true %}'{% endif %}{% for i in [1, 2] %} @{% endfor %}",
        &["@", "@", "@"],
    ),
];

/// The same for bash only.
const IN_BASH: &[(&str, &[&str])] = &[
    (r"p $'@' $'a\'@\n' $'\\@'@", &["@", "a'@\n", r"\@@"]),
    (r#"[[ @ == @ && "@" == '@' && x@ != @ ]] && p same @"#, &["same", "@"]),
    (r"x=a@b; [[ $x == a@b && $x == *@* && $x =~ ^a@ ]] && p match", &["match"]),
    (r#"a=(@ "@" x@y [5]=@); p "${a[@]}""#, &["@", "@", "x@y", "@"]),
    ("cat <<< @; printf '\\0'; cat <<< \"a @\"; printf '\\0'", &["@\n", "a @\n"]),
    (r#"x=abc; p "${x/b/@}" "${x/"b"/@}"; y=1x@2; p "${y/x@/-}" "${y//x@}""#, &["a@c", "a@c", "1-2", "12"]),
    ("cat <(printf '%s\\0' @); p {x,@}", &["@", "x", "@"]),
    ("a[0]=@; declare -A m=([k]=@); p \"${a[0]}\" \"${m[k]}\"; (( 1 )) && p @", &["@", "@", "@"]),
    ("local_() { local v=@ w; p \"$v\"; }; local_; p @ &> >(cat >&2); p $[1 + 1]@", &["@", "2@"]),
];

/// What shells trip over.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "\n",
    "\n\n",
    "x\n",
    "\r",
    "x\r\n",
    "\t",
    "'",
    "''",
    "\"",
    "\"\"",
    "'\"'",
    "\\",
    "\\\\",
    "\\n",
    "a\\",
    "$",
    "$$",
    "$(touch x)",
    "`touch x`",
    "${IFS}",
    "$((1+1))",
    "$NR_1",
    "${NR_1}",
    "\"${NR_2}\"",
    "'; touch x; '",
    "\"; touch x; \"",
    "; touch x",
    "&& touch x",
    "| touch x",
    "& touch x &",
    "\ntouch x\n",
    "\nE\ntouch x\n",
    "E",
    "\nA\nB\n",
    ") touch x",
    "}",
    "*",
    "?",
    "[a-z]*",
    "/*",
    "~",
    "~root",
    "!",
    "!!",
    "!$",
    "#",
    "# x",
    "-",
    "-n",
    "--",
    "-e",
    "--help",
    "=",
    "a=b",
    "{a,b}",
    "{1..3}",
    "%s",
    "%n%s\\0",
    "\\0",
    "\\c",
    "\\x41",
    "&",
    "a&b",
    "<",
    ">",
    ">x",
    "<(touch x)",
    "a[$(touch x)]",
    "x[0$(touch x)]=1",
    "é",
    "日本語",
    "🦀",
    "\u{202e}abc",
    "\u{feff}",
    "\u{7f}",
    "\u{1}\u{2}\u{1b}[31m",
    "\u{81}\u{88}\u{84}",
    "\u{c1}\u{c8}",
    "Á\u{101}",
    "\u{fffd}",
    "\u{10ffff}",
    "{{ ds }}",
    "{% raw %}",
    "+",
    "@",
    "(",
    ")",
    "((",
    "))",
    "[[",
    "]]",
    "1",
    "007",
    "1e5",
    "true",
];

fn scope(value: &str) -> Scope {
    let at = Timestamp::from_nanos(0);
    let params: Json = json!({"v": value});
    Scope::new(Facts {
        zone: nightrun_core::timetable::Zone::utc(),
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

/// What the script prints with this value. It runs in a folder of its own, which must stay as it is.
fn run(shell: &str, script: &str, value: &str) -> Output {
    let source = format!("p() {{ printf '%s\\0' \"$@\"; }}\n{}", mark(script));
    check_shell(&source).unwrap_or_else(|faults| panic!("{script}: {faults:?}"));
    let text = render_shell(&source, &scope(value)).unwrap_or_else(|fault| panic!("{script}: {fault}"));
    let other = render_shell(&source, &scope("other")).unwrap();
    assert_eq!(text.script, other.script, "the script must not depend on the value");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a file"), "").unwrap();
    let output = Command::new(shell)
        .arg("-c")
        .arg(&text.script)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(text.env)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(listing(folder.path()), ["a file"], "{shell}: {script:?} with {value:?} did something");
    output
}

/// `@` as the value's expression, but for the shell's own: `$@`, `[@]`.
fn mark(script: &str) -> String {
    let own = script.replace("\"$@\"", "\"$\u{1}\"").replace("[@]", "[\u{1}]");
    own.replace('@', "{{ params.v }}").replace('\u{1}', "@")
}

fn listing(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn wanted(expected: &[&str], value: &str) -> String {
    expected.iter().map(|part| part.replace('@', value) + "\0").collect()
}

/// Runs all scripts at once, and one by one only to name the one that fails.
fn holds(shell: &str, contexts: &[(&str, &[&str])], value: &str) {
    let all: String = contexts.iter().flat_map(|(script, _)| ["(\n", script, "\n)\n"]).collect();
    let expected: String = contexts.iter().map(|(_, expected)| wanted(expected, value)).collect();
    if run(shell, &all, value).stdout == expected.as_bytes() {
        return;
    }
    for (script, expected) in contexts {
        let output = run(shell, script, value);
        let (seen, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(seen, wanted(expected, value), "{shell}: {script:?} with {value:?}; {errors}");
    }
    panic!("{shell}: the scripts hold with {value:?} one by one, but not together");
}

fn everywhere(value: &str) {
    for shell in shells() {
        holds(shell, EVERYWHERE, value);
        if shell == "bash" {
            holds(shell, IN_BASH, value);
        }
    }
}

/// The shells to try: `sh`, `bash` where it is there, and `dash` where `sh` is another one.
fn shells() -> Vec<&'static str> {
    let program = |shell: &str| {
        let output =
            Command::new("sh").args(["-c", "readlink -f \"$(command -v \"$1\")\"", "-", shell]).output();
        output.expect("these tests need `sh`").stdout
    };
    let other =
        |shell: &&str| !program(shell).is_empty() && (*shell == "bash" || program(shell) != program("sh"));
    std::iter::once("sh").chain(["dash", "bash"].into_iter().filter(other)).collect()
}

#[test]
fn hostile_values_arrive_byte_for_byte() {
    for value in HOSTILE {
        everywhere(value);
    }
}

#[test]
fn long_values_arrive_byte_for_byte() {
    for value in ["x".repeat(100_000), "a b\n'\"$(touch x)".repeat(5_000)] {
        holds("sh", &[("p @ \"@\" '@' | cat", &["@", "@", "@"])], &value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_text_arrives_byte_for_byte(value in "([^\0]|['\"\\\\$`*?!;&|<>(){}~# \n\r\t-]|\\$\\(touch x\\)){0,40}") {
        everywhere(&value);
    }
}
