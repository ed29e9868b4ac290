//! The undertaker: sees to what still lives of an attempt after its leader is reaped.
//!
//! It looks through `/proc` only while there are burials, for all of them in one pass, and sleeps until
//! a process it found dies or somebody rings. It signals through pidfds, never by number.

use std::collections::{HashMap, HashSet};
use std::iter::once;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, mem};

use nightrun_core::decide::{Force, Used};
use nightrun_core::id::AttemptId;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{Pid, Signal};

use super::{Ended, Yard};
use crate::exec::sweep::{Found, Reader, find, wait_for_any};

/// How long until it looks again when a look failed, or found more than it could hold.
const RETRY: Duration = Duration::from_secs(1);

/// An attempt whose leader is reaped.
pub(super) struct Grave {
    pub(super) attempt: AttemptId,
    /// The group that its leader led. Its number is not given away while a member lives.
    pub(super) group: Pid,
    /// What all its processes bear in their environment.
    pub(super) marker: Option<String>,
    /// What is said once nothing of it lives.
    pub(super) ended: Ended,
    /// What its leader used, and those it waited for.
    pub(super) used: Used,
    /// Those outside the group that were told to end: nobody is told twice, as some programs take a
    /// second SIGTERM for impatience.
    pub(super) told: HashSet<Pid>,
}

/// What a survivor has to do with an attempt.
#[derive(Clone, Copy)]
struct Bond {
    /// Which grave.
    grave: usize,
    /// It is in the group still, and heard what the group was told.
    in_group: bool,
}

pub(super) struct Undertaker {
    yard: Arc<Yard>,
    incoming: mpsc::Receiver<Grave>,
    graves: Vec<Grave>,
    reader: Reader,
}

impl Undertaker {
    pub(super) fn new(yard: Arc<Yard>, incoming: mpsc::Receiver<Grave>) -> Self {
        Self { yard, incoming, graves: Vec::new(), reader: Reader::default() }
    }

    /// Works until the executor is dropped.
    pub(super) fn run(mut self) {
        loop {
            self.yard.burials.hush();
            self.graves.extend(self.incoming.try_iter());
            let Some(stops) = self.stops() else { return };
            match self.look(&stops) {
                Ok(found) => {
                    self.tell(&found, &stops);
                    if found.complete {
                        self.close(&found);
                    }
                    let bell = once(self.yard.burials.as_fd());
                    let survivors = found.processes.iter().map(|(process, _)| process.as_fd());
                    wait_for_any(bell.chain(survivors), (!found.complete).then_some(RETRY));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot look for processes of ended attempts; trying again");
                    wait_for_any(once(self.yard.burials.as_fd()), Some(RETRY));
                }
            }
        }
    }

    /// How each attempt was told to stop, in the order of the graves; `None` once the executor is gone.
    fn stops(&self) -> Option<Vec<Option<Force>>> {
        let table = self.yard.table();
        let stop = |grave: &Grave| table.places.get(&grave.attempt).and_then(|place| place.stop);
        (!table.closed).then(|| self.graves.iter().map(stop).collect())
    }

    /// Finds all that still lives: members of the groups, and for attempts that were told to stop
    /// those that bear the marker too.
    fn look(&mut self, stops: &[Option<Force>]) -> io::Result<Found<Bond>> {
        let (mut groups, mut markers) = (HashMap::new(), HashMap::new());
        for (at, grave) in self.graves.iter().enumerate() {
            groups.insert(grave.group, at);
            if let (Some(marker), Some(_)) = (&grave.marker, stops[at]) {
                markers.insert(marker.as_str(), at);
            }
        }
        if groups.is_empty() {
            return Ok(Found { processes: Vec::new(), complete: true });
        }
        find(|pid| {
            let group = self.reader.group(pid)?.and_then(|group| groups.get(&group));
            if let Some(&grave) = group {
                return Ok(Some(Bond { grave, in_group: true }));
            }
            if markers.is_empty() {
                return Ok(None);
            }
            let grave = self.reader.marker(pid)?.and_then(|marker| markers.get(marker));
            Ok(grave.map(|&grave| Bond { grave, in_group: false }))
        })
    }

    /// Tells survivors to end. Without a stop, the reaper has sent the group what there is to send.
    fn tell(&mut self, found: &Found<Bond>, stops: &[Option<Force>]) {
        for (process, bond) in &found.processes {
            match stops[bond.grave] {
                Some(Force::Kill) => process.signal(Signal::KILL),
                Some(Force::Term) if !bond.in_group && self.graves[bond.grave].told.insert(process.pid) => {
                    process.signal(Signal::TERM);
                }
                Some(Force::Term) | None => {}
            }
        }
    }

    /// Says the end of the attempts of which nothing lives.
    fn close(&mut self, found: &Found<Bond>) {
        let mourned: HashSet<usize> = found.processes.iter().map(|(_, bond)| bond.grave).collect();
        for (at, grave) in mem::take(&mut self.graves).into_iter().enumerate() {
            if mourned.contains(&at) {
                self.graves.push(grave);
            } else {
                self.yard.end(grave.attempt, grave.ended, grave.used);
            }
        }
    }
}

/// Wakes a thread that waits for file descriptors.
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
    }

    /// Wakes whoever waits, or the next who will.
    pub(super) fn ring(&self) {
        // It can only fail when it has rung 2^64 times.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Makes it wait again. Fails only when it has not rung.
    pub(super) fn hush(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
