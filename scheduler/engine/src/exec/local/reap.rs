//! The reaper: waits for the leaders of all attempts at once.

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::{io, mem};

use nightrun_core::decide::Used;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::process::{Signal, kill_process_group, test_kill_process_group};
use wait4::{ResourceUsage, Wait4};

use super::bury::Grave;
use super::{Ended, Stage, Word, Yard};

/// What the closing bell is known by in the epoll: a pid that no process has.
pub(super) const CLOSING: epoll::EventData = epoll::EventData::new_u64(0);

/// Leaders that are looked at per wake-up; the rest follow in the next.
const BATCH: usize = 64;

/// Waits for leaders to exit until the executor is dropped.
pub(super) fn run(yard: &Yard, graves: &mpsc::Sender<Grave>) {
    let mut events = Vec::with_capacity(BATCH);
    loop {
        events.clear();
        rustix::io::retry_on_intr(|| epoll::wait(&yard.exits, spare_capacity(&mut events), None))
            .expect("the epoll is open as long as the yard, and the buffer is sound");
        for event in &events {
            match u32::try_from({ event.data }.u64()) {
                Ok(pid) if pid > 0 => yard.leader_exited(pid, graves),
                _ => return,
            }
        }
    }
}

impl Yard {
    /// The leader with this pid has exited: kill what it left behind, reap it, and say the end of the
    /// attempt unless something may still live.
    fn leader_exited(&self, pid: u32, graves: &mpsc::Sender<Grave>) {
        let mut table = self.table();
        let Some(attempt) = table.leaders.remove(&pid) else { return };
        let Some(place) = table.places.get_mut(&attempt) else { return };
        let Stage::Living(mut leader) = mem::replace(&mut place.stage, Stage::Buried) else { return };
        let (group, stop) = (leader.pid(), place.stop);
        if stop.is_none() {
            // While the leader is not reaped its number belongs to its group alone: now is the moment
            // at which this signal cannot hit a stranger. It fails only when the leader left the group.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let (ended, used) = reap(&mut leader.child);
        if stop.is_none() && test_kill_process_group(group).is_err() {
            table.places.remove(&attempt);
            self.say(attempt, Word::Ended(ended, used));
        } else {
            drop(table);
            // The undertaker ends only with the yard.
            let told = HashSet::new();
            let _ = graves.send(Grave { attempt, group, marker: leader.marker, ended, used, told });
            self.burials.ring();
        }
    }
}

/// Reaps a child that has exited.
fn reap(child: &mut Child) -> (Ended, Used) {
    let reaped = match child.wait4() {
        Ok(reaped) => reaped,
        Err(error) => return (unknown(&error), Used::default()),
    };
    let ended = match (reaped.status.code(), reaped.status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signaled(signal),
        (None, None) => unknown(&io::Error::other("neither an exit nor a signal")),
    };
    let ResourceUsage { utime, stime, maxrss } = reaped.rusage;
    let cpu_us = u64::try_from((utime + stime).as_micros()).ok();
    (ended, Used { cpu_us, peak_bytes: (maxrss > own_peak(maxrss)).then_some(maxrss) })
}

/// The most memory this process has had, as far as it matters beside that of a child: until it is another program, a
/// child counts the memory of its parent as its own, so less than that says nothing.
fn own_peak(beside: u64) -> u64 {
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    if KNOWN.load(Ordering::Relaxed) < beside {
        // Where it cannot be read nothing is claimed.
        KNOWN.store(peak_of_this_process().unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    KNOWN.load(Ordering::Relaxed)
}

fn peak_of_this_process() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Somebody else took the status: SIGCHLD is ignored in this process, or it waits for any child.
fn unknown(error: &io::Error) -> Ended {
    Ended::NotStarted(format!(
        "the exit status of its process is lost: {error}; start the scheduler with SIGCHLD at its default"
    ))
}
