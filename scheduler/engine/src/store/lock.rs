//! One process a store: an exclusive lock on a file of the data folder, held as long as it is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::Fault;

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
    pub(super) fn take(data: &Path) -> Result<Self, Fault> {
        let path = data.join("lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok());
                return Err(Fault::Locked(holder));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { held: file })
    }
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
}
