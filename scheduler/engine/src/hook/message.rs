//! What a notification says, in words and as JSON.

use nightrun_core::dag::spec::{HookOn, Include, Notify};
use serde_json::{Value as Json, json};

use super::scope::{About, Gathered};

/// A message, before it takes the form of its channel.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) text: String,
    /// The end of the log, where it is wanted and there is one.
    pub(super) log_tail: Option<String>,
    /// The address of the run's page.
    pub(super) run_link: String,
    /// The address of its graph, where that is wanted.
    pub(super) graph_link: Option<String>,
    /// The same for every try, so that a receiver can tell that it has it already.
    pub(super) delivery: String,
    /// All of it, for programs.
    pub(super) json: Json,
}

impl Message {
    /// Renders it.
    pub(super) fn write(gathered: &Gathered, notify: &Notify) -> Result<Self, String> {
        let render = |text: &Option<String>, default: fn(&Gathered) -> String| match text {
            Some(text) => gathered.render(text),
            None => Ok(default(gathered)),
        };
        let subject = render(&notify.subject, subject)?.replace(['\n', '\r'], " ");
        let text = render(&notify.message, text)?;
        let wants = |what| notify.include.contains(&what);
        let tail = gathered.log_tail.trim_end();
        let log_tail = (wants(Include::LogTail) && !tail.is_empty()).then(|| tail.to_owned());
        let run_link = gathered.link("run");
        let graph_link = wants(Include::GraphLink).then(|| gathered.link("graph"));
        let delivery = format!("{}.{}", gathered.due.store_id, gathered.due.hook);
        let mut message = Self { subject, text, log_tail, run_link, graph_link, delivery, json: Json::Null };
        message.json = message.as_json(gathered);
        Ok(message)
    }

    fn as_json(&self, gathered: &Gathered) -> Json {
        let (due, run) = (&gathered.due, &gathered.due.run);
        let task = gathered.task.as_ref();
        let late = due.cause.late.map(|(kind, due)| json!({"kind": kind, "due": due}));
        let failed = due.cause.failed.iter().map(|task| due.dag.task(*task).id.clone());
        json!({
            "event": due.on.as_str(),
            "dag": due.dag.id,
            "run_id": run.id.to_string(),
            "run_type": run.run_type.as_str(),
            "logical_date": run.logical_date,
            "state": due.cause.state,
            "task": task.map(|task| {
                json!({"id": task.id, "state": task.state, "reason": task.reason, "item": task.item})
            }),
            "error": gathered.error,
            "failed": failed.collect::<Vec<_>>(),
            "late": late,
            "subject": self.subject,
            "message": self.text,
            "log_tail": self.log_tail,
            "links": {"run": self.run_link, "graph": self.graph_link},
            "delivery": self.delivery,
            "try": gathered.number,
            "due_at": due.since,
        })
    }

    /// All of it as text, for mail.
    pub(super) fn plain(&self) -> String {
        let graph = self.graph_link.as_ref().map(|graph| format!("Graph: {graph}\n"));
        let tail = self.log_tail.as_ref().map(|tail| format!("\nThe end of the log:\n\n{tail}\n"));
        let (graph, tail) = (graph.unwrap_or_default(), tail.unwrap_or_default());
        format!("{}\n\nRun:   {}\n{graph}{tail}", self.text.trim_end(), self.run_link)
    }
}

/// What happened, in a few words.
fn subject(gathered: &Gathered) -> String {
    let due = &gathered.due;
    let dag = &due.dag.id;
    let named = |task: &About| match task.item {
        Some(item) => format!("{dag}.{}[{item}]", task.id),
        None => format!("{dag}.{}", task.id),
    };
    let who = match &gathered.task {
        Some(task) if due.of.is_some() || due.on == HookOn::OnRetry => named(task),
        _ => dag.to_string(),
    };
    let what = match (due.on, due.cause.late) {
        (HookOn::OnSuccess, _) => "succeeded",
        (HookOn::OnFailure, _) => "failed",
        (HookOn::OnRetry, _) => "failed and will be tried again",
        (HookOn::OnCancel, _) => "was canceled",
        (HookOn::OnLate, Some((kind, _))) => kind.claim(),
        (HookOn::OnLate, None) => "is late",
        (HookOn::OnExit, _) => return format!("{who} ended: {}", due.cause.state),
    };
    format!("{who} {what}")
}

/// What happened and why, in one sentence.
fn text(gathered: &Gathered) -> String {
    let run = &gathered.due.run;
    format!("{} (run {} of {}): {}", subject(gathered), run.id, run.logical_date, gathered.error)
}
