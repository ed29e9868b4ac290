//! One process a store: an exclusive lock on a file of the data folder, held as long as it is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::Fault;

/// Longest wait for a lock whose holder is dead, or has not yet said who it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often such a lock is tried again.
const LOOK: Duration = Duration::from_millis(5);

/// The lock; dropping it, or the end of the process however it comes, gives it back.
#[derive(Debug)]
pub(super) struct Lock {
    held: File,
}

impl Drop for Lock {
    /// Said aloud: a process that is just being forked holds a copy of the file, and with it the lock, until it
    /// becomes another program.
    fn drop(&mut self) {
        if let Err(error) = self.held.unlock() {
            tracing::warn!(%error, "the lock of the data folder could not be given back");
        }
    }
}

impl Lock {
    /// Takes the lock of a data folder, or says who holds it.
    ///
    /// A holder that is dead is waited for: a process that it was just forking when it was killed holds the lock until
    /// it becomes another program, and whoever starts the scheduler again at once must not fail over that.
    pub(super) fn take(data: &Path) -> Result<Self, Fault> {
        let path = data.join("lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let holder = std::fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok());
            if begin.elapsed() > PATIENCE || holder.is_some_and(is_alive) {
                return Err(Fault::Locked(holder));
            }
            std::thread::sleep(LOOK);
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { held: file })
    }
}

/// A process that is dead and not yet reaped is dead.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_given_back_is_free_though_a_child_still_has_a_copy_of_the_file() {
        let data = tempfile::tempdir().unwrap();
        let lock = Lock::take(data.path()).unwrap();
        assert!(matches!(Lock::take(data.path()), Err(Fault::Locked(Some(_)))));
        let copy = lock.held.try_clone().unwrap();
        drop(lock);
        Lock::take(data.path()).unwrap();
        drop(copy);
    }

    #[test]
    fn who_was_killed_while_it_forked_a_child_is_followed_as_soon_as_the_child_lets_go() {
        let data = tempfile::tempdir().unwrap();
        let mut killed = std::process::Command::new("true").spawn().unwrap();
        killed.wait().unwrap();
        let child = File::create(data.path().join("lock")).unwrap();
        child.lock().unwrap();
        writeln!(&child, "{}", killed.id()).unwrap();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| Lock::take(data.path()).map(drop));
            std::thread::sleep(LOOK);
            drop(child);
            next.join().unwrap().unwrap();
        });
    }
}
