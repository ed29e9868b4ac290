//! Attempts as processes of this machine, each the leader of its own process group.
//!
//! Three kinds of threads, so that none waits for the slow part of another:
//! - the *starters* (`start`) take orders from a queue, open the log and spawn;
//! - the *reaper* (`reap`) sleeps until a leader exits, ends its group and says `Ended`;
//! - the *undertaker* (`bury`) sees to what outlives a leader; it alone reads `/proc`.
//!
//! They share one table of attempts. An attempt is in it from its order until its `Ended`, so a stop
//! finds it at every moment of its life, also while its process is being spawned.
//!
//! **When an attempt is over.** Left alone, it ends with its leader: what remains of its group is
//! killed, what left the group on purpose (a daemon) lives on. Told to stop, it ends when its leader,
//! its group and every process that bears its marker are dead; after `Term` the others may take their
//! time once the leader is gone, until `Kill` comes. `Ended` tells the leader's status in any case.

mod bury;
mod fault;
mod reap;
mod start;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use nightrun_core::decide::{Force, Used};
use nightrun_core::id::AttemptId;
use nightrun_core::time::Timestamp;
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{AttemptOrder, Ended, Executor, Word, Words};
use bury::{Bell, Undertaker};
pub(super) use start::{look_up, open as open_log};

/// Tells what time it is; called from the executor's threads.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How many processes are spawned at the same time. A spawn keeps its thread waiting, idle, until the
/// child has exec'ed: on two cores one starter reaches half of what four do, and eight gain nothing.
const STARTERS: usize = 4;

/// Runs attempts as processes of this machine. Dropping it leaves living processes alone and
/// unwatched: it is made once, and lives as long as the scheduler.
pub struct Local {
    orders: mpsc::Sender<AttemptOrder>,
    yard: Arc<Yard>,
}

impl Local {
    /// An executor that says its words to `words`, stamped by `now`. Fails when the system refuses
    /// threads or file descriptors.
    pub fn new(words: Words, now: Now) -> io::Result<Self> {
        let (orders, queue) = mpsc::channel();
        let (graves, incoming) = mpsc::channel();
        let yard = Arc::new(Yard {
            table: Mutex::default(),
            exits: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            closing: Bell::new()?,
            burials: Bell::new()?,
            words,
            now,
        });
        epoll::add(&yard.exits, &yard.closing, reap::CLOSING, epoll::EventFlags::IN)?;
        let local = Self { orders, yard: yard.clone() };

        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..STARTERS {
            let (yard, queue) = (yard.clone(), queue.clone());
            thread::Builder::new().name("nightrun-start".into()).spawn(move || start::run(&yard, &queue))?;
        }
        let undertaker = Undertaker::new(yard.clone(), incoming);
        thread::Builder::new().name("nightrun-bury".into()).spawn(move || undertaker.run())?;
        thread::Builder::new().name("nightrun-reap".into()).spawn(move || reap::run(&yard, &graves))?;
        Ok(local)
    }
}

impl Executor for Local {
    /// Puts the order into the starters' queue. An attempt that is here already is not started twice.
    fn launch(&self, order: AttemptOrder) {
        let attempt = order.attempt;
        match self.yard.table().places.entry(attempt) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => {
                place.insert(Place { stop: None, stage: Stage::Starting });
            }
        }
        if self.orders.send(order).is_err() {
            let ended = Ended::NotStarted("the executor's threads are gone".into());
            self.yard.end(attempt, ended, Used::default());
        }
    }

    /// Signals the attempt's group at once. A stop that comes before the process does keeps it from
    /// being started.
    fn stop(&self, attempt: AttemptId, force: Force) {
        let mut table = self.yard.table();
        let Some(place) = table.places.get_mut(&attempt) else { return };
        if place.stop != Some(Force::Kill) {
            place.stop = Some(force);
        }
        match &place.stage {
            Stage::Starting => {}
            Stage::Living(leader) => leader.signal(force),
            Stage::Buried => self.yard.burials.ring(),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.yard.table().closed = true;
        self.yard.closing.ring();
        self.yard.burials.ring();
    }
}

/// What the threads share.
struct Yard {
    table: Mutex<Table>,
    /// The epoll in which the pidfds of all leaders are, each with its pid.
    exits: OwnedFd,
    /// Wakes the reaper when the executor is dropped.
    closing: Bell,
    /// Wakes the undertaker.
    burials: Bell,
    words: Words,
    now: Now,
}

#[derive(Default)]
struct Table {
    closed: bool,
    places: HashMap<AttemptId, Place>,
    /// Which attempt a leader belongs to, by pid.
    leaders: HashMap<u32, AttemptId>,
}

/// Where an attempt is in its life.
struct Place {
    /// How it was told to stop; `Kill` is never taken back.
    stop: Option<Force>,
    stage: Stage,
}

enum Stage {
    /// Its order waits, or its process is being spawned.
    Starting,
    /// Its leader is not reaped yet, so its pid, which is its group's too, is nobody else's.
    Living(Leader),
    /// Its leader is reaped; the undertaker has the rest.
    Buried,
}

/// The process an order started.
struct Leader {
    child: Child,
    /// Held for the epoll, which forgets it when it is closed.
    _pidfd: OwnedFd,
    /// What its processes bear in their environment; `None` when the order has no marker.
    marker: Option<String>,
}

impl Yard {
    /// The table; it is changed in one step under the lock, so a holder's panic leaves it whole.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says a word now. Nobody listens any more while the scheduler shuts down.
    fn say(&self, attempt: AttemptId, word: Word) {
        let _ = self.words.send((attempt, (self.now)(), word));
    }

    /// Strikes the attempt from the table and says its end.
    fn end(&self, attempt: AttemptId, ended: Ended, used: Used) {
        if self.table().places.remove(&attempt).is_some() {
            self.say(attempt, Word::Ended(ended, used));
        }
    }
}

impl Leader {
    /// Its pid, which is its group's number.
    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Signals the group; the leader alone when it has moved to another one.
    fn signal(&self, force: Force) {
        let signal = signal_of(force);
        if kill_process_group(self.pid(), signal).is_err() {
            // It may be dead already, which is what was asked for.
            let _ = kill_process(self.pid(), signal);
        }
    }
}

/// The signal that stands for `force`.
fn signal_of(force: Force) -> Signal {
    match force {
        Force::Term => Signal::TERM,
        Force::Kill => Signal::KILL,
    }
}
