//! What a hook would say or run, told without doing it.

use nightrun_core::case::Spot;
use nightrun_core::dag::spec::{Channel, HookAction, HookOn, Notify, Work};
use nightrun_core::id::AttemptId;
use nightrun_core::quoting;
use serde_json::Value as Json;

use super::gather::TAIL;
use super::message::Message;
use super::scope::{Due, Gathered};
use crate::run;

/// A hook that became due, with what its delivery would carry.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The point at which it became due.
    pub on: HookOn,
    /// The task or item whose hook it is; none: the DAG's.
    pub of: Option<Spot>,
    /// What it does: `run`, `email`, `slack`, `webhook` or `command`.
    pub action: &'static str,
    /// What was filled in, or why that cannot be done.
    pub words: Result<Words, String>,
}

/// The texts of a hook with all values in place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Where a message goes, as the DAG file names it.
    pub to: Vec<String>,
    /// The first line of the message.
    pub subject: Option<String>,
    /// The text of the message.
    pub message: Option<String>,
    /// What would run, as people read it; then as a shell gets it.
    pub commands: Vec<String>,
    /// The message as JSON.
    pub body: Option<Json>,
}

impl Due {
    /// What its first try would say; `printed` is what an attempt has printed.
    pub(crate) fn told(self, printed: impl FnOnce(AttemptId) -> String) -> Option<Told> {
        let (on, cause) = (self.on, &self.cause);
        let item = cause.instance.map_or(0, |instance| instance.item);
        let of = self.of.map(|task| Spot { task, item });
        let action = self.step().ok()?.action.name();
        let words = self.gather(1, |attempt| tail(&printed(attempt))).and_then(|gathered| gathered.words());
        Some(Told { on, of, action, words })
    }
}

impl Gathered {
    fn words(&self) -> Result<Words, String> {
        self.environment()?;
        match &self.hook.action {
            HookAction::Run(work) => {
                let mut commands = vec![run::command(work, self.scope())?];
                if let Work::Shell { script, .. } = work {
                    let text =
                        quoting::render_shell(script, self.scope()).map_err(|fault| fault.to_string())?;
                    commands.push(text.script.trim_end().to_owned());
                }
                Ok(Words { commands, ..Words::default() })
            }
            HookAction::Notify(notify) => self.message(notify),
        }
    }

    fn message(&self, notify: &Notify) -> Result<Words, String> {
        let Message { subject, text, json, .. } = Message::write(self, notify)?;
        let (to, commands) = match &notify.channel {
            Channel::Email(to) => (self.render_all(to)?, Vec::new()),
            Channel::Slack(to) | Channel::Webhook(to) => (vec![self.render(to)?], Vec::new()),
            Channel::Command(argv) => {
                (Vec::new(), vec![run::command(&Work::Argv(argv.clone()), self.scope())?])
            }
        };
        Ok(Words { to, subject: Some(subject), message: Some(text), commands, body: Some(json) })
    }
}

/// The last lines, as many as a message would have.
fn tail(printed: &str) -> String {
    let lines: Vec<&str> = printed.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    last.join("\n")
}
