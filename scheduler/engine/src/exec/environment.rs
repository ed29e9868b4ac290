//! The environment of an attempt's processes: little of the scheduler's own, ours, the DAG's and the task's.

use nightrun_core::id::AttemptId;
use nightrun_core::time::Timestamp;

/// The variable by which the processes of an attempt are known: `<store id>/<run>.<task>.<item>.<number>`.
pub const MARKER: &str = "NIGHTRUN_ATTEMPT";

/// What a task inherits of the scheduler's environment; with all of `LC_*`.
const ALLOWED: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE"];

/// What of the scheduler's own environment tasks inherit; read once, at the start.
pub fn inherited() -> Vec<(String, String)> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the scheduler's environment for tasks"
    )]
    let all = std::env::vars_os();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ALLOWED.contains(&name.as_str()) || name.starts_with("LC_"))
        .collect()
}

/// Who an attempt is, as its processes are told.
#[derive(Debug, Clone)]
pub struct Identity<'a> {
    /// Its DAG.
    pub dag: &'a str,
    /// The id of its task.
    pub task: &'a str,
    /// Which attempt.
    pub attempt: AttemptId,
    /// What made its run.
    pub run_type: &'a str,
    /// The logical date of its run.
    pub logical_date: Timestamp,
    /// Start and end of its data interval.
    pub data_interval: (Timestamp, Timestamp),
    /// The file it writes its outputs to.
    pub output: String,
    /// The file it reads its context from.
    pub context: String,
    /// The identity of the store.
    pub store_id: &'a str,
}

/// Puts an environment together; a later name wins: inherited, ours, the DAG's and the task's (`own`),
/// values of the script (`values`). The marker cannot be overridden.
pub fn build(
    inherited: &[(String, String)],
    identity: &Identity<'_>,
    own: Vec<(String, String)>,
    values: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let attempt = identity.attempt;
    let mut env = inherited.to_vec();
    let mut ours = |name: &str, value: String| env.push((name.to_owned(), value));
    ours("NIGHTRUN_DAG", identity.dag.to_owned());
    ours("NIGHTRUN_RUN_ID", attempt.instance.run.to_string());
    ours("NIGHTRUN_RUN_TYPE", identity.run_type.to_owned());
    ours("NIGHTRUN_TASK", identity.task.to_owned());
    ours("NIGHTRUN_TRY", attempt.number.to_string());
    ours("NIGHTRUN_LOGICAL_DATE", identity.logical_date.to_string());
    ours("NIGHTRUN_DATA_INTERVAL_START", identity.data_interval.0.to_string());
    ours("NIGHTRUN_DATA_INTERVAL_END", identity.data_interval.1.to_string());
    ours("NIGHTRUN_OUTPUT", identity.output.clone());
    ours("NIGHTRUN_CONTEXT", identity.context.clone());
    env.extend(own);
    env.extend(values);
    env.push((MARKER.to_owned(), format!("{}/{attempt}", identity.store_id)));
    env
}
