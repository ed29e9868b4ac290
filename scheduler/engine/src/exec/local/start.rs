//! The starters: from an order to a living process.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};

use nightrun_core::decide::Used;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::{AttemptOrder, Ended, Leader, Stage, Word, Yard, fault};
use crate::exec::environment::MARKER;
use crate::exec::files;

/// Where programs are looked for when the order says nothing.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Starts what the queue holds until the executor is dropped.
pub(super) fn run(yard: &Yard, queue: &Mutex<mpsc::Receiver<AttemptOrder>>) {
    while let Some(order) = next(queue) {
        yard.start(&order);
    }
}

/// The next order; `None` when no more can come. The lock is held while waiting: who has it is next.
fn next(queue: &Mutex<mpsc::Receiver<AttemptOrder>>) -> Option<AttemptOrder> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl Yard {
    /// Spawns the process of an order and says so, or says why there is none.
    fn start(&self, order: &AttemptOrder) {
        let table = self.table();
        if table.closed {
            return;
        }
        let stopped = table.places.get(&order.attempt).is_some_and(|place| place.stop.is_some());
        drop(table);
        let started = if stopped {
            Err("it was told to stop before its process was started".into())
        } else {
            spawn(order).and_then(|child| self.admit(order, child))
        };
        if let Err(why) = started {
            self.end(order.attempt, Ended::NotStarted(why), Used::default());
        }
    }

    /// Takes a new process into the table and gives it to the reaper. All under one lock: neither its
    /// exit nor a stop can come between, and `Started` is said before its `Ended`.
    fn admit(&self, order: &AttemptOrder, mut child: Child) -> Result<(), String> {
        let mut table = self.table();
        let pidfd = match self.watch(&child) {
            Ok(pidfd) => pidfd,
            Err(error) => {
                // Nobody would see it end, so it must not live.
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                return Err(fault::not_watched(&error));
            }
        };
        let pid = child.id();
        let marker = variable(&order.env, MARKER).map(str::to_owned);
        let leader = Leader { child, _pidfd: pidfd, marker };
        table.leaders.insert(pid, order.attempt);
        self.say(order.attempt, Word::Started { pid });
        if let Some(place) = table.places.get_mut(&order.attempt) {
            if let Some(force) = place.stop {
                leader.signal(force);
            }
            place.stage = Stage::Living(leader);
        }
        Ok(())
    }

    /// Has the reaper woken, once, when the child exits.
    fn watch(&self, child: &Child) -> io::Result<OwnedFd> {
        let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
        let pid = EventData::new_u64(child.id().into());
        epoll::add(&self.exits, &pidfd, pid, EventFlags::IN | EventFlags::ONESHOT)?;
        Ok(pidfd)
    }
}

/// Starts the process of an order, or says in a sentence what hinders it.
///
/// Only what `posix_spawn` can do is asked for, which costs the same however large the scheduler is.
/// A bare name together with an environment of its own would make the standard library fork instead
/// (74 ms at 2 GB), so the program is looked up here.
fn spawn(order: &AttemptOrder) -> Result<Child, String> {
    let (program, arguments) = order.argv.split_first().ok_or_else(fault::no_program)?;
    let path = look_up(program, &order.env)?;
    let log = open(&order.log)?;
    let stdout = match &order.stdout {
        Some(file) => open(file)?,
        None => log.try_clone().map_err(|error| fault::no_file(&order.log, &error))?,
    };
    let child = Command::new(&path)
        .arg0(program)
        .args(arguments)
        .env_clear()
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.working_dir)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(log)
        .spawn()
        .map_err(|error| fault::not_spawned(order, &path, &error))?;
    files::give_back(Pid::from_child(&child));
    Ok(child)
}

/// Opens a file to append to; made for its owner alone, never through a link.
pub(in crate::exec) fn open(file: &Path) -> Result<OwnedFd, String> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(file, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| fault::no_file(file, &error.into()))
}

/// Where the program is. A name with a slash is taken as it is, relative to the working directory;
/// others are looked for in the absolute directories of the order's own `PATH`.
pub(in crate::exec) fn look_up(program: &str, env: &[(String, String)]) -> Result<PathBuf, String> {
    if program.contains('/') {
        return Ok(program.into());
    }
    let path = variable(env, "PATH").unwrap_or(DEFAULT_PATH);
    path.split(':')
        .filter(|directory| directory.starts_with('/'))
        .map(|directory| Path::new(directory).join(program))
        .find(|file| is_program(file))
        .ok_or_else(|| fault::not_found(program, path))
}

/// A variable as the process will see it: the last of this name.
fn variable<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter().rev().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
}

/// A file that somebody may execute.
fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
}
