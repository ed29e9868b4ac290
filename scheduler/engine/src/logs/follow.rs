//! A log as it grows, for somebody who looks.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use super::read::{LogSlice, read, whole_characters};

/// How often a file is looked at while somebody waits for it to grow. Only while: a timer also works
/// on network folders, and does not use up the few inotify instances a user may have.
const LOOK: Duration = Duration::from_millis(200);

/// Most bytes of one slice.
const MAX_SLICE: usize = 64 * 1024;

/// Follows a file from an offset on until `done` comes true, then to its end. It need not exist yet.
pub fn follow<F: Future<Output = ()>>(path: PathBuf, from: u64, done: F) -> Follow<F> {
    Follow { path, next: from, done: Some(Box::pin(done)) }
}

/// A log that is followed; made by [`follow`].
pub struct Follow<F> {
    path: PathBuf,
    next: u64,
    /// `None` once it has come true.
    done: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = ()>> Follow<F> {
    /// The next part, as soon as there is one; `None` at the end. Can be dropped and asked again
    /// without loss.
    pub async fn next(&mut self) -> io::Result<Option<LogSlice>> {
        loop {
            let is_over = self.done.is_none();
            if let Some(slice) =
                self.read().await?.filter(|slice| is_over || whole_characters(&slice.bytes) > 0)
            {
                self.next = slice.next;
                return Ok(Some(slice));
            }
            let Some(done) = &mut self.done else { return Ok(None) };
            tokio::select! {
                () = done => self.done = None,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// What is there now; `None` when that is nothing.
    async fn read(&self) -> io::Result<Option<LogSlice>> {
        let (path, next) = (self.path.clone(), self.next);
        let slice = tokio::task::spawn_blocking(move || read(&path, next, MAX_SLICE))
            .await
            .map_err(io::Error::other)?;
        match slice {
            Ok(slice) => Ok(Some(slice).filter(|slice| !slice.bytes.is_empty())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::Path;

    use tokio::sync::oneshot;

    use super::*;

    fn append(path: &Path, bytes: &[u8]) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    async fn text(followed: &mut Follow<impl Future<Output = ()>>) -> Option<String> {
        let slice = tokio::time::timeout(Duration::from_secs(20), followed.next()).await.unwrap().unwrap();
        slice.map(|slice| slice.text().into_owned())
    }

    #[tokio::test]
    async fn a_log_is_followed_from_before_its_birth_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (end, ended) = oneshot::channel::<()>();
        let mut followed = follow(path.clone(), 0, async { ended.await.unwrap() });

        let (first, ()) = tokio::join!(text(&mut followed), async { append(&path, b"one\n") });
        assert_eq!(first.as_deref(), Some("one\n"));
        append(&path, b"two \xE2\x82");
        assert_eq!(text(&mut followed).await.as_deref(), Some("two "));
        append(&path, b"\xAC\n");
        assert_eq!(text(&mut followed).await.as_deref(), Some("€\n"));
        append(&path, b"last \xE2");
        assert_eq!(text(&mut followed).await.as_deref(), Some("last "));
        end.send(()).unwrap();
        assert_eq!(text(&mut followed).await.as_deref(), Some("\u{FFFD}"));
        assert_eq!(text(&mut followed).await, None);
        assert_eq!(text(&mut followed).await, None);
    }

    #[tokio::test]
    async fn a_log_that_never_was_has_no_parts() {
        let folder = tempfile::tempdir().unwrap();
        let mut followed = follow(folder.path().join("log"), 0, std::future::ready(()));
        assert_eq!(text(&mut followed).await, None);
    }
}
