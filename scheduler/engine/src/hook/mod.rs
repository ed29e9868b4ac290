//! Delivers hooks: gathers what a hook speaks of from the store, renders it, and runs or sends it. The loop
//! never waits for any of it; the end of a try comes back as an event.

mod gather;
mod mail;
mod message;
mod program;
mod scope;
mod told;
mod web;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::{Channel, HookAction};
use nightrun_core::decide::Event;
use nightrun_core::id::HookId;
use nightrun_core::time::show_duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::message::Message;
use self::scope::Gathered;
pub(crate) use self::scope::{Due, OfRun};
pub use self::told::{Told, Words};
use crate::clock::Clock;
use crate::logs::LogPaths;
use crate::run::{Handle, Parse, Vars};
use crate::store::Reader;

/// How many hooks are delivered at once; the others wait for their turn.
const AT_ONCE: usize = 16;

/// Most characters of what went wrong with a try.
const LONGEST_ERROR: usize = 1_000;

/// Beyond its timeout, a try is given up this much later even where nothing answers the timeout.
const SLACK: Duration = Duration::from_secs(15);

/// Where hooks may send to, and how.
#[derive(Debug, Clone, Default)]
pub struct HookSettings {
    /// Destinations by name.
    pub destinations: BTreeMap<String, Destination>,
    /// How mail is sent; `None`: it cannot be.
    pub smtp: Option<Smtp>,
    /// The address of this server, without a slash at its end: what links in messages begin with.
    pub url: String,
}

/// A destination that has a name.
#[derive(Clone, Default)]
pub struct Destination {
    /// Addresses of mail.
    pub email: Vec<String>,
    /// The address of an incoming webhook of Slack.
    pub slack: Option<String>,
    /// An address that takes JSON.
    pub webhook: Option<String>,
    /// What that JSON is signed with.
    pub secret: Option<String>,
}

/// How mail is sent.
#[derive(Clone)]
pub struct Smtp {
    /// `smtp://`, `smtps://`, with user, password, host and port; `?tls=required` asks for STARTTLS.
    pub url: String,
    /// Who it comes from.
    pub from: String,
}

impl std::fmt::Debug for Destination {
    /// Addresses of webhooks are secrets themselves.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination").field("email", &self.email).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

/// What deliveries are made with.
pub(crate) struct Tools {
    pub(crate) reader: Reader,
    pub(crate) parse: Parse,
    pub(crate) settings: HookSettings,
    pub(crate) paths: LogPaths,
    pub(crate) data: PathBuf,
    pub(crate) dags: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    /// Vars of the environment; those of the store are looked up for each try.
    pub(crate) vars: Vars,
    pub(crate) store_id: String,
    pub(crate) clock: Clock,
}

/// Delivers hooks, some at a time.
pub(crate) struct Deliverer {
    tools: Arc<Tools>,
    turns: Arc<Semaphore>,
    loop_: Handle,
}

impl Deliverer {
    pub(crate) fn new(tools: Tools, loop_: Handle) -> Self {
        Self { tools: Arc::new(tools), turns: Arc::new(Semaphore::new(AT_ONCE)), loop_ }
    }

    /// Makes one try; its end comes as [`Event::HookTried`].
    pub(crate) fn deliver(&self, hook: HookId, number: u32) {
        let (tools, turns, loop_) = (self.tools.clone(), self.turns.clone(), self.loop_.clone());
        tokio::spawn(async move {
            let _turn = turns.acquire_owned().await;
            let error = attempt(tools, hook, number).await.err();
            let error = error.map(|words| words.chars().take(LONGEST_ERROR).collect::<String>());
            if let Some(error) = &error {
                tracing::warn!(hook = hook.0, number, error, "a hook could not be delivered");
            }
            loop_.tell(Event::HookTried { hook, number, error });
        });
    }
}

/// One try, from the store to the receiver.
async fn attempt(tools: Arc<Tools>, hook: HookId, number: u32) -> Result<(), String> {
    let shared = tools.clone();
    let gathered = blocking(move || gather::gather(&shared, hook, number)).await?;
    let timeout = gathered.hook.timeout;
    let delivery = deliver(tools, gathered);
    match tokio::time::timeout(timeout + SLACK, delivery).await {
        Ok(end) => end,
        Err(_) => Err(format!("timed out after {}", show_duration(timeout))),
    }
}

async fn deliver(tools: Arc<Tools>, gathered: Gathered) -> Result<(), String> {
    let notify = match &gathered.hook.action {
        HookAction::Run(work) => return program::run(&tools, &gathered, work).await,
        HookAction::Notify(notify) => notify.clone(),
    };
    let message = Message::write(&gathered, &notify)?;
    match notify.channel {
        Channel::Command(argv) => program::tell(&tools, &gathered, &argv, &message).await,
        Channel::Email(to) => {
            let to = gathered.render_all(&to)?;
            blocking(move || mail::send(&tools, &to, &message, gathered.hook.timeout)).await
        }
        Channel::Slack(to) => {
            let to = gathered.render(&to)?;
            blocking(move || web::slack(&tools, &to, &message, gathered.hook.timeout)).await
        }
        Channel::Webhook(to) => {
            let to = gathered.render(&to)?;
            blocking(move || web::webhook(&tools, &to, &message, gathered.hook.timeout)).await
        }
    }
}

/// Work that blocks, on a thread where that is fine.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    spawn_blocking(work).await.unwrap_or_else(|fault| Err(format!("the delivery broke off: {fault}")))
}
