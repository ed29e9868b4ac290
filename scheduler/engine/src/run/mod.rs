//! The loop: what happened → one step each → one commit → orders and answers. It never polls: words of
//! executors, requests and one armed timer wake it.

mod ahead;
mod calendars;
mod call;
mod carry;
mod defaults;
mod expand;
pub(crate) mod finish;
mod folder;
mod given;
mod handle;
mod past;
mod plain;
mod plan;
mod preview;
pub(crate) mod question;
pub(crate) mod render;
mod scope;
pub(crate) mod values;
mod vars;
mod wait;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::Source;
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{Answer, Effect, Event, State, Transition, step};
use nightrun_core::time::Timestamp;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

pub use self::ahead::{Ahead, look_ahead};
pub use self::calendars::{CALENDARS, CalendarFolder, calendar_folder, version_hash};
use self::carry::{Carrier, Doors};
pub use self::defaults::{
    FolderDefaults, dag_files, defaults_files, hash_of, hash_with, stem_of_test, test_files,
};
pub use self::folder::{Folder, FolderReport};
pub use self::given::{Given, given};
pub use self::handle::{Handle, Health, Keep, News, Stopped};
use self::handle::{Message, Reply};
pub use self::plan::{Fate, Plan, Planned};
pub(crate) use self::preview::command;
pub use self::preview::{ITEM_IN_A_RUN, Preview, preview};
pub(crate) use self::scope::ScopeOf;
use self::values::RunValues;
pub use self::vars::Vars;
pub use self::wait::absent;
use crate::clock::Clock;
use crate::exec::{Executor, Registry, Word};
use crate::hook::{Deliverer, HookSettings, Tools};
use crate::logs::LogPaths;
use crate::store::{self, KeptAnswer, Reader, StoreError, Writer};

/// Most messages taken in one turn.
const MAX_TURN: usize = 512;

/// How long facts that nobody waits for (a process came to life) may wait for others to be committed with.
const LINGER: Duration = Duration::from_millis(20);

/// Longest sleep: a clock that was set is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// How long the loop waits before it tries a store again that refused a commit.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Makes a DAG of a stored version, as the folder did; `None` when it does not parse.
pub type Parse = Arc<dyn Fn(&Source<'_>) -> Option<Arc<Dag>> + Send + Sync>;

/// What a scheduler is made of.
pub struct Parts {
    /// The data folder.
    pub data: PathBuf,
    /// The DAG folder: where tasks start and relative paths begin.
    pub dags: PathBuf,
    /// How many attempts run at once.
    pub slots: u32,
    /// How many items a `foreach` may have.
    pub max_items: usize,
    /// Slots of each pool.
    pub pools: BTreeMap<String, u32>,
    /// False: no schedule fires; runs are made by request only.
    pub schedules: bool,
    /// What time it is.
    pub clock: Clock,
    /// The store, open for writing.
    pub writer: Writer,
    /// Where attempts run.
    pub executor: Arc<dyn Executor>,
    /// Words of the executor.
    pub words: mpsc::UnboundedReceiver<(nightrun_core::id::AttemptId, Timestamp, Word)>,
    /// What `type:` may name.
    pub operators: Registry,
    /// Where hooks may send to.
    pub hooks: HookSettings,
    /// Reads stored DAG texts.
    pub parse: Parse,
    /// Base environment of every attempt.
    pub environment: Vec<(String, String)>,
    /// Vars of the environment; those of the store are added.
    pub vars: Vars,
    /// Identity of the store, in the marker of every process.
    pub store_id: String,
}

/// The loop, before it runs.
pub struct Scheduler {
    state: State,
    parts: Parts,
    carrier: Carrier,
    inbox: mpsc::UnboundedReceiver<Message>,
    handle: Handle,
    health: watch::Sender<Health>,
    /// Facts that were decided and may wait a little for others.
    soft: Vec<Transition>,
    /// Until when they wait; set while there are any.
    soft_until: Option<Instant>,
    stopping: Option<bool>,
}

/// One event of a turn and who waits for its answer.
struct Waiting {
    event: Event,
    reply: Option<Reply>,
}

impl Scheduler {
    /// Loads what the store holds. Nothing moves before [`Scheduler::run`].
    pub fn new(parts: Parts) -> Result<Self, StoreError> {
        let (sender, inbox) = mpsc::unbounded_channel();
        let (health, seen) = watch::channel(Health::Beginning);
        let handle = Handle { inbox: sender, news: broadcast::channel(4_096).0, health: seen };
        let state = load(&parts)?;
        let values = RunValues::load(parts.writer.path(), state.runs().map(|run| run.id))?;
        let reader = store::Reader::open(parts.writer.path())?;
        let vars = parts.vars.clone().load(parts.writer.path())?;
        let deliverer = Deliverer::new(tools(&parts)?, handle.clone());
        let carrier = Carrier::new(&parts, handle.clone(), values, vars, Doors { reader, deliverer });
        let soft = Vec::new();
        Ok(Self { state, parts, carrier, inbox, handle, health, soft, soft_until: None, stopping: None })
    }

    /// A way to speak to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// How many runs of the store are not over.
    pub fn unfinished(&self) -> usize {
        self.state.runs().count()
    }

    /// Runs until it is stopped. It begins with what the last one left: attempts that were alive when that
    /// ended are lost. Then it takes `first`, and only then does anything fire.
    pub async fn run(mut self, first: Vec<Event>) {
        let begin = [Event::Started].into_iter().chain(first).map(|event| Waiting { event, reply: None });
        self.turn(begin.collect()).await;
        self.health.send_replace(Health::Well);
        while !self.may_end() {
            let heard = self.wait().await.into_iter();
            let (asks, events): (Vec<_>, Vec<_>) = heard.partition(|it| past::asks_the_past(&it.event));
            self.turn(events).await;
            for mut asks in asks {
                match past::fill(&mut asks.event, &self.parts) {
                    Ok(()) => self.turn(vec![asks]).await,
                    // Whoever asked hears that nobody answers, and may ask again.
                    Err(fault) => tracing::error!(%fault, "the store cannot be read for a request"),
                }
            }
        }
        self.settle_soft().await;
        self.health.send_replace(Health::Stopped);
        if let Err(fault) = self.parts.writer.close() {
            tracing::error!(%fault, "the store did not close cleanly");
        }
    }

    /// Sleeps until something happens or the armed timer rings.
    async fn wait(&mut self) -> Vec<Waiting> {
        let sleep = self.sleep();
        let mut messages = Vec::new();
        let mut words = Vec::new();
        tokio::select! {
            biased;
            _ = self.parts.words.recv_many(&mut words, MAX_TURN) => {}
            _ = self.inbox.recv_many(&mut messages, MAX_TURN) => {}
            () = tokio::time::sleep(sleep) => {}
        }
        // Whatever woke the loop, both are heard: requests must not wait until tasks are quiet.
        while words.len() < MAX_TURN
            && let Ok(word) = self.parts.words.try_recv()
        {
            words.push(word);
        }
        while messages.len() < MAX_TURN
            && let Ok(message) = self.inbox.try_recv()
        {
            messages.push(message);
        }
        let mut events: Vec<Waiting> = words
            .into_iter()
            .filter_map(|(attempt, at, word)| self.carrier.hear(&self.state, attempt, at, word))
            .map(|event| Waiting { event, reply: None })
            .collect();
        for message in messages {
            events.extend(self.take(message));
        }
        events
    }

    fn take(&mut self, message: Message) -> Option<Waiting> {
        match message {
            Message::Event(event, reply) => Some(Waiting { event: *event, reply }),
            Message::InForce(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.state.in_force().cloned().collect());
                None
            }
            Message::Stop { drain } => {
                self.stopping = Some(drain);
                self.state.start_nothing_more();
                None
            }
        }
    }

    fn sleep(&self) -> Duration {
        let now = (self.parts.clock)();
        let armed = self.state.next_deadline().map_or(LONGEST_SLEEP, |at| at.since(now));
        let soft = self.soft_until.map_or(LONGEST_SLEEP, |until| until.duration_since(Instant::now()));
        armed.min(soft)
    }

    /// One turn: decide, make durable, publish, act, answer.
    async fn turn(&mut self, mut events: Vec<Waiting>) {
        loop {
            let now = (self.parts.clock)();
            let mut facts = std::mem::take(&mut self.soft);
            let soft = facts.clone();
            let mut effects = Vec::new();
            let mut answers = Vec::new();
            let passed = Waiting { event: Event::TimePassed, reply: None };
            for waiting in events.iter().chain([&passed]) {
                let decided = step(&mut self.state, waiting.event.clone(), now);
                facts.extend(decided.transitions);
                effects.extend(decided.effects);
                answers.push(decided.answer);
            }
            let nobody_waits = effects.is_empty() && events.iter().all(|it| it.reply.is_none());
            if nobody_waits && facts.iter().all(is_soft) && self.may_linger(&facts) {
                self.soft = facts;
                return;
            }
            match self.commit(now, facts, kept(&events, &answers)).await {
                Ok(()) => return self.act(effects, events, answers),
                Err(fault) => match self.recover(&fault, &soft, events).await {
                    Some(again) => events = again,
                    None => return,
                },
            }
        }
    }

    /// True while soft facts may wait for others; none waits longer than [`LINGER`].
    fn may_linger(&mut self, soft: &[Transition]) -> bool {
        if soft.is_empty() {
            return true;
        }
        let until = *self.soft_until.get_or_insert_with(|| Instant::now() + LINGER);
        Instant::now() < until
    }

    async fn commit(
        &mut self,
        now: Timestamp,
        facts: Vec<Transition>,
        kept: Vec<KeptAnswer>,
    ) -> Result<(), StoreError> {
        self.soft_until = None;
        if facts.is_empty() {
            return Ok(());
        }
        let facts: Arc<[Transition]> = facts.into();
        let committed = self.parts.writer.commit_with(now, facts.to_vec(), kept).await?;
        self.carrier.remember(&facts, self.parts.writer.path());
        // Nobody may be listening.
        let _ = self.handle.news.send(News { seq: committed.last_seq, at: now, facts });
        Ok(())
    }

    fn act(&mut self, effects: Vec<Effect>, events: Vec<Waiting>, answers: Vec<Option<Answer>>) {
        for effect in effects {
            self.carrier.carry_out(&self.state, &effect);
        }
        for (waiting, answer) in events.into_iter().zip(answers) {
            match waiting.event {
                Event::AttemptFinished { attempt, .. } => self.carrier.forget(attempt),
                Event::HookTried { hook, .. } => self.carrier.forget_hook(hook),
                _ => {}
            }
            if let Some(reply) = waiting.reply {
                reply.send(answer.unwrap_or(Answer::Done));
            }
        }
    }

    /// A commit failed: what was decided is forgotten, the store is read again, and the same events are
    /// decided anew, those of the `soft` facts too. Processes go on meanwhile; their words wait. `None`:
    /// the scheduler was told to stop, and what it could not store is left to the next one.
    async fn recover(
        &mut self,
        fault: &StoreError,
        soft: &[Transition],
        events: Vec<Waiting>,
    ) -> Option<Vec<Waiting>> {
        tracing::error!(%fault, "the store refused a commit; trying again");
        self.health.send_replace(Health::StoreFails(fault.to_string()));
        let mut events: Vec<Waiting> = soft.iter().filter_map(started_again).chain(events).collect();
        loop {
            tokio::select! {
                () = tokio::time::sleep(STORE_RETRY) => {}
                Some(message) = self.inbox.recv() => {
                    events.extend(self.take(message));
                    if self.stopping.is_some() {
                        self.stopping = Some(false);
                        return None;
                    }
                    continue;
                }
            }
            let resumed = self.parts.writer.resume().await;
            match resumed.and_then(|()| load(&self.parts)) {
                Ok(state) => {
                    self.state = state;
                    self.health.send_replace(Health::Well);
                    return Some(events);
                }
                Err(fault) => tracing::error!(%fault, "the store cannot be read; trying again"),
            }
        }
    }

    async fn settle_soft(&mut self) {
        let (now, facts) = ((self.parts.clock)(), std::mem::take(&mut self.soft));
        if let Err(fault) = self.commit(now, facts, Vec::new()).await {
            tracing::error!(%fault, "the last facts were not stored");
        }
    }

    fn may_end(&self) -> bool {
        match self.stopping {
            None => false,
            Some(false) => true,
            Some(true) => self.carrier.is_idle(),
        }
    }
}

/// What of the answers is kept for those who ask again.
fn kept(events: &[Waiting], answers: &[Option<Answer>]) -> Vec<KeptAnswer> {
    let pairs = events.iter().zip(answers);
    pairs.filter_map(|(waiting, answer)| waiting.reply.as_ref()?.kept(answer.as_ref())).collect()
}

/// Facts that nobody waits for: losing them in a crash changes nothing.
fn is_soft(fact: &Transition) -> bool {
    matches!(fact, Transition::AttemptStarted { .. })
}

/// The event behind a soft fact, to be decided again.
fn started_again(fact: &Transition) -> Option<Waiting> {
    let Transition::AttemptStarted { attempt, pid, at, .. } = *fact else { return None };
    Some(Waiting { event: Event::AttemptStarted { attempt, pid, at }, reply: None })
}

/// What hooks are delivered with.
fn tools(parts: &Parts) -> Result<Tools, StoreError> {
    Ok(Tools {
        reader: Reader::open(parts.writer.path())?,
        parse: parts.parse.clone(),
        settings: parts.hooks.clone(),
        paths: LogPaths::new(&parts.data),
        data: parts.data.clone(),
        dags: parts.dags.clone(),
        environment: parts.environment.clone(),
        vars: parts.vars.clone(),
        store_id: parts.store_id.clone(),
        clock: parts.clock.clone(),
    })
}

fn load(parts: &Parts) -> Result<State, StoreError> {
    let loaded = store::load(parts.writer.path(), parts.slots, parts.pools.clone(), &*parts.parse)?;
    for left_out in &loaded.unreadable {
        tracing::error!(?left_out, "a stored DAG text cannot be read by this version; it is left out");
    }
    Ok(State::restore(loaded.snapshot, parts.schedules, (parts.clock)()))
}
