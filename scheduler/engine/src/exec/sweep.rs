//! Finds processes by the marker in their environment, and ends them.
//!
//! A process group tells which processes belong together until one of them leaves it (`setsid`, a
//! daemon). The environment stays: all that descends from an attempt bears its marker, unless it
//! wiped its environment. One look through `/proc` costs some microseconds a process.
//!
//! A pid may be given away as soon as its process is reaped. So a process that is found is held by a
//! pidfd and asked for its marker once more: what is signalled then is that process or nobody.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

use super::environment::MARKER;

/// A process that bears a marker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marked {
    /// Its process id.
    pub pid: u32,
    /// The whole marker, `<store id>/<run>.<task>.<item>.<number>`.
    pub marker: String,
}

/// What [`end_all`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Processes that were told to end and are gone.
    pub ended: Vec<Marked>,
    /// Processes that live on after SIGKILL, such as those that hang in a system call on a dead disk.
    pub left: Vec<Marked>,
}

/// How long processes may take to vanish after SIGKILL.
const DEATH: Duration = Duration::from_secs(5);

/// Longest environment that is read, in bytes; Linux allows 6 MiB with the default stack limit.
const MAX_ENVIRON: u64 = 8 << 20;

/// All living processes of attempts of this store. Fails when `/proc` cannot be read.
pub fn living(store: &str) -> io::Result<Vec<Marked>> {
    Ok(of_store(store)?.processes.into_iter().map(|(_, marked)| marked).collect())
}

/// Ends all processes of attempts of this store: SIGTERM, up to `grace`, SIGKILL, and up to 5 s more
/// until they are gone. Meant for the start after a crash, when nobody watches them any more. Blocks.
/// Fails when `/proc` cannot be read.
pub fn end_all(store: &str, grace: Duration) -> io::Result<Swept> {
    let mut told = BTreeSet::new();
    for (signal, patience) in [(Signal::TERM, grace), (Signal::KILL, DEATH)] {
        let deadline = Instant::now() + patience;
        // Who is forked between two looks is found by the next; so it ends when a look finds nobody.
        loop {
            let found = of_store(store)?;
            if found.processes.is_empty() {
                return Ok(Swept { ended: told.into_iter().collect(), left: Vec::new() });
            }
            for (process, marked) in &found.processes {
                if told.insert(marked.clone()) || signal == Signal::KILL {
                    process.signal(signal);
                }
            }
            if !all_gone_by(deadline, found.processes.into_iter().map(|(process, _)| process).collect()) {
                break;
            }
        }
    }
    let left = living(store)?;
    told.retain(|marked| !left.contains(marked));
    Ok(Swept { ended: told.into_iter().collect(), left })
}

/// The living processes of a store's attempts, without this one.
fn of_store(store: &str) -> io::Result<Found<Marked>> {
    let mut reader = Reader::default();
    find(|pid| {
        let marker =
            reader.marker(pid)?.filter(|m| m.strip_prefix(store).is_some_and(|rest| rest.starts_with('/')));
        Ok(marker
            .map(|marker| Marked { pid: pid.as_raw_nonzero().get().unsigned_abs(), marker: marker.into() }))
    })
}

/// Waits until all of them are gone; false when some live on at the deadline.
fn all_gone_by(deadline: Instant, mut processes: Vec<Process>) -> bool {
    loop {
        processes.retain(|process| !process.is_gone());
        let left = deadline.saturating_duration_since(Instant::now());
        if processes.is_empty() || left.is_zero() {
            return processes.is_empty();
        }
        wait_for_any(processes.iter().map(AsFd::as_fd), Some(left));
    }
}

/// A process that was found alive, held so that its pid cannot come to mean another.
pub(super) struct Process {
    /// Its process id.
    pub(super) pid: Pid,
    fd: OwnedFd,
}

impl Process {
    /// Signals it. It may be gone, or not ours to signal: then nothing happens.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.fd, signal);
    }

    /// It has exited; reaped or not.
    fn is_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Waits until one of these is readable, which a pidfd is when its process has exited; at most for
/// `timeout`. May return early.
pub(super) fn wait_for_any<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>, timeout: Option<Duration>) {
    let mut fds: Vec<_> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let timeout = timeout.and_then(|length| Timespec::try_from(length).ok());
    // An interrupted wait is a short one: the callers look again anyway.
    let _ = poll(&mut fds, timeout.as_ref());
}

/// What one look through `/proc` found.
pub(super) struct Found<T> {
    /// The processes, each with what was claimed of it.
    pub(super) processes: Vec<(Process, T)>,
    /// False when file descriptors ran out before the end: end some of these, and look again.
    pub(super) complete: bool,
}

/// Looks at every process but this one and holds the living ones that `claim` wants. Fails when
/// `/proc` cannot be read, or when not even one can be held.
pub(super) fn find<T>(mut claim: impl FnMut(Pid) -> io::Result<Option<T>>) -> io::Result<Found<T>> {
    let mut found = Found { processes: Vec::new(), complete: true };
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|pid| *pid != getpid()) else { continue };
        match hold(pid, &mut claim) {
            Ok(held) => found.processes.extend(held),
            Err(error) if found.processes.is_empty() => return Err(error),
            Err(_) => {
                found.complete = false;
                break;
            }
        }
    }
    Ok(found)
}

/// Holds a process that `claim` wants. It is asked again once the process is held: what it saw first
/// may have been another with the same pid.
fn hold<T>(
    pid: Pid,
    claim: &mut impl FnMut(Pid) -> io::Result<Option<T>>,
) -> io::Result<Option<(Process, T)>> {
    if claim(pid)?.is_none() {
        return Ok(None);
    }
    let Some(fd) = unless_vanished(pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from))? else {
        return Ok(None);
    };
    let process = Process { pid, fd };
    Ok(claim(pid)?.filter(|_| !process.is_gone()).map(|claimed| (process, claimed)))
}

/// Reads what `/proc` tells of a process; keeps its buffer from one to the next. A process that is gone
/// or not ours to look at tells nothing. Fails only when this process lacks descriptors or memory.
#[derive(Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// The marker in its environment.
    pub(super) fn marker(&mut self, pid: Pid) -> io::Result<Option<&str>> {
        let environ = self.read(pid, "environ")?;
        let mut variables = environ.split(|byte| *byte == 0);
        let marker = variables.find_map(|it| it.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"="));
        Ok(marker.and_then(|marker| std::str::from_utf8(marker).ok()))
    }

    /// The number of its process group. (`getpgid` would do, but rustix takes the 0 of the kernel's own
    /// threads for impossible.)
    pub(super) fn group(&mut self, pid: Pid) -> io::Result<Option<Pid>> {
        let stat = self.read(pid, "stat")?;
        // `pid (name) state parent group …`, and a name may hold anything.
        let name_end = stat.iter().rposition(|byte| *byte == b')').unwrap_or(0);
        let group = std::str::from_utf8(&stat[name_end..]).ok().and_then(|rest| rest.split(' ').nth(3));
        // It reads -1 in the moment in which a process vanishes.
        let group = group.and_then(|group| group.parse().ok()).filter(|group| *group > 0);
        Ok(group.and_then(Pid::from_raw))
    }

    fn read(&mut self, pid: Pid, what: &str) -> io::Result<&[u8]> {
        self.bytes.clear();
        let file = File::open(format!("/proc/{pid}/{what}"));
        unless_vanished(file.and_then(|file| file.take(MAX_ENVIRON).read_to_end(&mut self.bytes)))?;
        Ok(&self.bytes)
    }
}

/// A process that goes away while it is looked at, or is another user's, is no fault of ours; a lack
/// of file descriptors or memory is, and must not be taken for "there is nothing".
fn unless_vanished<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Err(error),
            _ => Ok(None),
        },
    }
}
