//! What a hook speaks of: its run, its task, and the cause as it was when the hook became due.

use std::path::PathBuf;

use nightrun_core::dag::spec::{Channel, Dag, Hook, HookAction, Task, Work};
use nightrun_core::decide::Reason;
use nightrun_core::id::{AttemptId, HookId, InstanceId, TaskIndex};
use nightrun_core::template::{self, Facts, Scope};
use serde_json::{Map, Value as Json, json};

use super::Tools;
use crate::logs;
use crate::store::{HookShow, RunShow, TaskEnd};

/// How many lines of a log go with a message.
const TAIL: usize = 20;

/// Everything that a delivery needs, gathered at one moment.
pub(super) struct Gathered {
    pub(super) shown: HookShow,
    pub(super) number: u32,
    pub(super) run: RunShow,
    pub(super) dag: std::sync::Arc<Dag>,
    /// The DAG file, below the DAG folder.
    pub(super) path: String,
    pub(super) hook: Hook,
    /// The task it is about: its own, or the first by whose failure the run failed.
    pub(super) task: Option<About>,
    /// What went wrong, in one sentence.
    pub(super) error: String,
    pub(super) log_tail: String,
    scope: Scope,
}

/// The task that a hook is about.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) reason: String,
    attempt: Option<AttemptId>,
}

/// Reads it all from the store.
pub(super) fn gather(tools: &Tools, hook: HookId, number: u32) -> Result<Gathered, String> {
    let read = tools.reader.read_now(|page| {
        let Some(shown) = page.hook(hook)? else { return Ok(None) };
        let Some(run) = page.run_alone(shown.run_id)? else { return Ok(None) };
        let Some(version) = page.version(run.version)? else { return Ok(None) };
        let mut failed = Vec::new();
        for task in &shown.cause.failed {
            failed.extend(page.task_end(InstanceId::whole(shown.run_id, *task))?);
        }
        Ok(Some((shown, run, version, failed)))
    });
    let (shown, mut run, version, failed) =
        read.map_err(|fault| fault.to_string())?.ok_or("the store does not know it any more")?;
    let dag = (tools.parse)(&version.source()).ok_or("the text of its DAG cannot be read any more")?;
    let hooks = shown.of.map_or(&dag.hooks, |task| &dag.task(task).hooks);
    let hook = hooks.get(shown.step as usize).cloned().ok_or("its DAG has no such step")?;
    if texts(&hook, &dag, shown.of).iter().any(|text| speaks_of_tasks(text)) {
        let whole = tools.reader.read_now(|page| page.run(shown.run_id, Some(&tools.data)));
        run.tasks = whole.ok().flatten().map(|run| run.tasks).unwrap_or_default();
    }
    let task = about(&shown, &dag, &failed);
    let error = error(&shown, &failed);
    let log_tail = task.as_ref().and_then(|task| task.attempt).map(|at| tail(tools, at)).unwrap_or_default();
    let scope = scope(tools, &shown, &run, &dag, number, task.as_ref(), (&error, &log_tail));
    Ok(Gathered { shown, number, run, dag, path: version.item.path, hook, task, error, log_tail, scope })
}

impl Gathered {
    /// Renders a text of the hook.
    pub(super) fn render(&self, text: &str) -> Result<String, String> {
        template::render(text, &self.scope).map_err(|fault| fault.to_string())
    }

    pub(super) fn render_all(&self, texts: &[String]) -> Result<Vec<String>, String> {
        texts.iter().map(|text| self.render(text)).collect()
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The task whose hook it is.
    pub(super) fn own_task(&self) -> Option<&Task> {
        self.shown.of.map(|task| self.dag.task(task))
    }
}

fn about(shown: &HookShow, dag: &Dag, failed: &[TaskEnd]) -> Option<About> {
    let cause = &shown.cause;
    if let Some(instance) = cause.instance {
        return Some(About {
            id: dag.task(instance.task).id.clone(),
            state: cause.state.clone(),
            reason: cause.reason.to_string(),
            attempt: (cause.attempt > 0).then_some(AttemptId { instance, number: cause.attempt }),
        });
    }
    let TaskEnd { instance, id, state, reason, attempts } = failed.first()?;
    Some(About {
        id: id.clone(),
        state: state.to_string(),
        reason: reason.to_string(),
        attempt: (*attempts > 0).then_some(AttemptId { instance: *instance, number: *attempts }),
    })
}

fn error(shown: &HookShow, failed: &[TaskEnd]) -> String {
    if let Some((kind, due)) = shown.cause.late {
        return kind.sentence(due);
    }
    match (&shown.cause.reason, failed) {
        (Reason::Retry { after, .. }, _) => after.clone(),
        (reason, []) => reason.to_string(),
        (_, failed) => {
            let each = failed.iter().map(|it| format!("task `{}` failed: {}", it.id, it.reason));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

fn tail(tools: &Tools, attempt: AttemptId) -> String {
    let files = [tools.paths.stdout(attempt), tools.paths.log(attempt)];
    let read = |file: &PathBuf| Some(logs::plain(&logs::tail(file, TAIL).ok()?).into_owned());
    files.iter().filter_map(read).collect()
}

/// The texts of a hook that may be templates, and those of its environment.
fn texts<'a>(hook: &'a Hook, dag: &'a Dag, of: Option<TaskIndex>) -> Vec<&'a str> {
    let own = of.map_or(&[][..], |task| &dag.task(task).env[..]);
    let env = dag.env.iter().chain(own).chain(&hook.env);
    let mut texts: Vec<&str> = env.map(|(_, value)| value.as_str()).collect();
    match &hook.action {
        HookAction::Run(Work::Shell { script, .. }) => texts.push(script),
        HookAction::Run(Work::Argv(argv)) => texts.extend(argv.iter().map(String::as_str)),
        HookAction::Run(Work::Script { .. } | Work::Operator { .. } | Work::Call(_)) => {}
        HookAction::Notify(notify) => {
            let to: Vec<&String> = match &notify.channel {
                Channel::Email(texts) | Channel::Command(texts) => texts.iter().collect(),
                Channel::Slack(text) | Channel::Webhook(text) => vec![text],
            };
            let words = notify.subject.iter().chain(&notify.message);
            texts.extend(to.into_iter().chain(words).map(String::as_str));
        }
    }
    texts
}

fn speaks_of_tasks(text: &str) -> bool {
    text.contains("{{") && ["tasks", "outputs", "xcom_pull"].iter().any(|name| text.contains(name))
        || text.contains("{%")
}

fn scope(
    tools: &Tools,
    shown: &HookShow,
    run: &RunShow,
    dag: &Dag,
    number: u32,
    task: Option<&About>,
    (error, log_tail): (&str, &str),
) -> Scope {
    let cause = &shown.cause;
    let whole = run.tasks.iter();
    let entry = |task: &crate::store::TaskShow| {
        (task.id.clone(), json!({"state": task.state.as_str(), "outputs": task.outputs}))
    };
    let own = whole.clone().find(|task| Some(task.task) == shown.of);
    // Of a run that is over the state is its end; of a task's hook it is where the run is now.
    let (state, reason) = match cause.instance {
        None => (cause.state.clone(), cause.reason.to_string()),
        Some(_) => (run.state.to_string(), run.reason.to_string()),
    };
    let about = task.map_or(
        json!({"id": "", "state": "", "reason": ""}),
        |task| json!({"id": task.id, "state": task.state, "reason": task.reason}),
    );
    let id = run.run_id.to_string();
    let facts = Facts {
        zone: dag.zone.clone(),
        logical_date: run.logical_date,
        data_interval_start: run.data_interval_start,
        data_interval_end: run.data_interval_end,
        dag: object(
            json!({"id": dag.id, "description": dag.description, "owner": dag.owner, "tags": dag.tags}),
        ),
        run: object(json!({
            "id": id, "run_id": id, "type": run.run_type.as_str(), "state": state, "reason": reason,
        })),
        task: object(about),
        try_number: cause.attempt.max(1),
        params: run.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        env: plain_env(dag, shown.of),
        vars: Map::new(),
        tasks: whole.map(entry).collect(),
        outputs: own.map(|task| task.outputs.clone().into_iter().collect()).unwrap_or_default(),
        item: None,
        secrets: None,
    };
    let late = cause.late.map_or(
        json!({"kind": "", "due": ""}),
        |(kind, due)| json!({"kind": kind.as_str(), "due": due.to_string()}),
    );
    let more = json!({
        "error": error,
        "log_tail": log_tail,
        "late": late,
        "links": links(tools, &id),
        "hook": {"on": shown.on.as_str(), "id": shown.hook.0, "try": number},
    });
    Scope::of_hook(facts, object(more))
}

/// Where the run is shown.
fn links(tools: &Tools, run: &str) -> Json {
    let url = &tools.settings.url;
    json!({"run": format!("{url}/runs/{run}"), "graph": format!("{url}/runs/{run}/graph")})
}

impl Gathered {
    /// Where the run is shown, by name: `run`, `graph`.
    pub(super) fn link(&self, tools: &Tools, name: &str) -> String {
        let links = links(tools, &self.run.run_id.to_string());
        links[name].as_str().unwrap_or_default().to_owned()
    }
}

fn plain_env(dag: &Dag, of: Option<TaskIndex>) -> Map<String, Json> {
    let own = of.map_or(&[][..], |task| &dag.task(task).env[..]);
    let plain = dag.env.iter().chain(own).filter(|(_, value)| !value.contains("{{") && !value.contains("{%"));
    plain.map(|(name, value)| (name.clone(), Json::String(value.clone()))).collect()
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
