//! A script that is one plain command needs no shell: `python3 load.py --day 1` starts python3 at once,
//! as make does. It saves the start of a bash, which takes longer than most small programs run.

use std::path::Path;

/// Words that mean something to a shell beyond the program of that name. `true` and `false` are left
/// out: the programs do the same.
const OF_THE_SHELL: [&str; 78] = [
    ".",
    ":",
    "[",
    "[[",
    "]]",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
];

/// The words of a script that is one plain command, if its program is found in `path` (as `$PATH`).
/// Anything that a shell might read otherwise, an unknown program too, is left to the shell.
pub(super) fn words(script: &str, path: &str) -> Option<Vec<String>> {
    let line = script.trim();
    let plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, ' ' | '_' | '.' | '/' | ':' | '@' | '%' | '+' | ',' | '-' | '=')
    };
    if line.is_empty() || !line.chars().all(plain) {
        return None;
    }
    let words: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let program = words.first()?;
    let named = !program.contains(['/', '=']) && !OF_THE_SHELL.contains(&program.as_str());
    let found = named && path.split(':').any(|folder| Path::new(folder).join(program).is_file());
    found.then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

    #[test]
    fn one_plain_command_needs_no_shell() {
        assert_eq!(words("sleep 0.1\n", PATH), Some(vec!["sleep".into(), "0.1".into()]));
        assert_eq!(words("  true ", PATH), Some(vec!["true".into()]));
    }

    #[test]
    fn what_a_shell_might_read_otherwise_is_left_to_it() {
        let scripts = [
            "",
            "echo hello",
            "cd /tmp",
            "sleep 1; sleep 2",
            "sleep $N",
            "sleep 1 &",
            "sleep 1 > x",
            "A=1 sleep 1",
            "sleep *",
            "sleep '1'",
            "sleep \\1",
            "sleep ~",
            "sleep {1,2}",
            "sleep 1\nsleep 2",
            "sleep 1 # why",
            "./run.sh",
            "! true",
            "no_such_program_at_all",
            "sleep\t1",
            "exec sleep 1",
            "sleep é",
        ];
        for script in scripts {
            assert_eq!(words(script, PATH), None, "{script}");
        }
        assert_eq!(words("sleep 1", "/nowhere"), None);
    }
}
