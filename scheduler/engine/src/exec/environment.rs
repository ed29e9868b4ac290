//! The environment of an attempt's processes: little of the scheduler's own, ours, the DAG's and the
//! task's.

use std::collections::BTreeMap;
use std::ffi::OsString;

use nightrun_core::id::AttemptId;
use nightrun_core::time::Timestamp;

/// The variable by which the processes of an attempt are known: `<store id>/<run>.<task>.<item>.<number>`.
pub const MARKER: &str = "NIGHTRUN_ATTEMPT";

/// What a task inherits of the scheduler's environment, with all of `LC_*`: what programs need to find
/// their way on this machine. Tokens and passwords of the scheduler stay with it.
const ALLOWED: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What of the scheduler's own environment tasks inherit. The one place that reads it, called once at
/// the start; what is no UTF-8 is left out.
pub fn inherited() -> Vec<(String, String)> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment for tasks")]
    allowed(std::env::vars_os())
}

/// Vars that the environment gives: what follows `NIGHTRUN_VAR_` in a name, and the value.
pub fn vars() -> Vec<(String, String)> {
    #[expect(clippy::disallowed_methods, reason = "read once, at the start")]
    let all = std::env::vars_os();
    all.filter_map(|(name, value)| {
        let name = name.into_string().ok()?.strip_prefix("NIGHTRUN_VAR_")?.to_owned();
        Some((name, value.into_string().ok()?))
    })
    .collect()
}

fn allowed(vars: impl Iterator<Item = (OsString, OsString)>) -> Vec<(String, String)> {
    vars.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ALLOWED.contains(&name.as_str()) || name.starts_with("LC_"))
        .collect()
}

/// Who an attempt is, as its processes are told.
#[derive(Debug, Clone)]
pub struct Identity<'a> {
    /// The id of its DAG: `NIGHTRUN_DAG`.
    pub dag: &'a str,
    /// The id of its task: `NIGHTRUN_TASK`.
    pub task: &'a str,
    /// Which attempt: `NIGHTRUN_RUN_ID`, `NIGHTRUN_TRY`, and half of the marker.
    pub attempt: AttemptId,
    /// What made its run: `NIGHTRUN_RUN_TYPE`.
    pub run_type: &'a str,
    /// The logical date of its run: `NIGHTRUN_LOGICAL_DATE`, RFC 3339 in UTC.
    pub logical_date: Timestamp,
    /// Its data interval: `NIGHTRUN_DATA_INTERVAL_START` and `NIGHTRUN_DATA_INTERVAL_END`.
    pub data_interval: (Timestamp, Timestamp),
    /// The file it writes its outputs to: `NIGHTRUN_OUTPUT`.
    pub output: String,
    /// The file it reads its context from: `NIGHTRUN_CONTEXT`.
    pub context: String,
    /// The identity of the store: the other half of the marker.
    pub store_id: &'a str,
}

/// Puts an environment together, each name once. Where a name comes twice the later wins, in this
/// order: `inherited`, ours, the DAG's and the task's (`own`), values of the script (`values`), and the
/// marker, which nothing overrides: by it processes are found again.
pub fn build(
    inherited: &[(String, String)],
    identity: &Identity<'_>,
    own: Vec<(String, String)>,
    values: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let attempt = identity.attempt;
    let (start, end) = identity.data_interval;
    let ours = [
        ("NIGHTRUN_DAG", identity.dag.to_owned()),
        ("NIGHTRUN_RUN_ID", attempt.instance.run.to_string()),
        ("NIGHTRUN_RUN_TYPE", identity.run_type.to_owned()),
        ("NIGHTRUN_TASK", identity.task.to_owned()),
        ("NIGHTRUN_TRY", attempt.number.to_string()),
        ("NIGHTRUN_LOGICAL_DATE", identity.logical_date.to_string()),
        ("NIGHTRUN_DATA_INTERVAL_START", start.to_string()),
        ("NIGHTRUN_DATA_INTERVAL_END", end.to_string()),
        ("NIGHTRUN_OUTPUT", identity.output.clone()),
        ("NIGHTRUN_CONTEXT", identity.context.clone()),
    ];
    let marker = (MARKER.to_owned(), format!("{}/{attempt}", identity.store_id));
    let env: BTreeMap<String, String> = (inherited.iter().cloned())
        .chain(ours.map(|(name, value)| (name.to_owned(), value)))
        .chain(own)
        .chain(values)
        .chain([marker])
        .collect();
    env.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use nightrun_core::id::{InstanceId, RunId, TaskIndex};

    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn identity() -> Identity<'static> {
        let instant = |text| Timestamp::parse(text).unwrap();
        Identity {
            dag: "sales",
            task: "load",
            attempt: AttemptId {
                instance: InstanceId { run: RunId(7), task: TaskIndex(2), item: 3 },
                number: 4,
            },
            run_type: "scheduled",
            logical_date: instant("2026-11-21T01:00:00Z"),
            data_interval: (instant("2026-11-20T01:00:00Z"), instant("2026-11-21T01:00:00Z")),
            output: "/d/o".into(),
            context: "/d/c".into(),
            store_id: "5f",
        }
    }

    #[test]
    fn tasks_inherit_what_is_allowed_and_nothing_else() {
        let vars = [
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("AWS_SECRET", "x"),
            ("NIGHTRUN_ATTEMPT", "5f/1.0.0.1"),
            ("LCX", ""),
        ];
        let kept = allowed(vars.iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(kept, pairs(&[("PATH", "/bin"), ("LC_ALL", "C")]));
    }

    #[test]
    fn a_process_is_told_who_it_is() {
        let env = build(&[], &identity(), Vec::new(), Vec::new());
        assert_eq!(
            env,
            pairs(&[
                ("NIGHTRUN_ATTEMPT", "5f/7.2.3.4"),
                ("NIGHTRUN_CONTEXT", "/d/c"),
                ("NIGHTRUN_DAG", "sales"),
                ("NIGHTRUN_DATA_INTERVAL_END", "2026-11-21T01:00:00Z"),
                ("NIGHTRUN_DATA_INTERVAL_START", "2026-11-20T01:00:00Z"),
                ("NIGHTRUN_LOGICAL_DATE", "2026-11-21T01:00:00Z"),
                ("NIGHTRUN_OUTPUT", "/d/o"),
                ("NIGHTRUN_RUN_ID", "7"),
                ("NIGHTRUN_RUN_TYPE", "scheduled"),
                ("NIGHTRUN_TASK", "load"),
                ("NIGHTRUN_TRY", "4"),
            ])
        );
    }

    #[test]
    fn the_later_wins_and_the_marker_is_the_last() {
        let inherited = pairs(&[("PATH", "/bin"), ("A", "inherited")]);
        let own =
            pairs(&[("A", "dag"), ("A", "task"), ("NIGHTRUN_TRY", "9"), ("NR_0", "own"), (MARKER, "x")]);
        let env = build(&inherited, &identity(), own, pairs(&[("NR_0", "value")]));
        let get =
            |name: &str| env.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
        assert_eq!(get("PATH"), ["/bin"]);
        assert_eq!(get("A"), ["task"]);
        assert_eq!(get("NIGHTRUN_TRY"), ["9"]);
        assert_eq!(get("NR_0"), ["value"]);
        assert_eq!(get(MARKER), ["5f/7.2.3.4"]);
    }
}
