//! Why a process could not be started: what, where, and what helps.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::exec::AttemptOrder;
use crate::exec::files::CURE as FILES;

/// The order has no program.
pub(super) fn no_program() -> String {
    "the order names no program".into()
}

/// No directory of `PATH` has the program.
pub(super) fn not_found(program: &str, path: &str) -> String {
    format!(
        "cannot start `{program}`: no such program in PATH ({path}); \
         install it, correct its name, or give its full path"
    )
}

/// A file for its output cannot be opened.
pub(super) fn no_file(file: &Path, error: &io::Error) -> String {
    let cure = match errno(error) {
        Some(Errno::MFILE | Errno::NFILE) => FILES,
        Some(Errno::NOSPC | Errno::DQUOT) => "free some space on this disk",
        _ => "the scheduler must be able to write there",
    };
    format!("cannot open `{}` for its output: {}; {cure}", file.display(), plain(error))
}

/// It was started, but there is no way to learn of its end; it was killed at once.
pub(super) fn not_watched(error: &io::Error) -> String {
    format!("its process was ended at once, because it cannot be watched: {}; {FILES}", plain(error))
}

/// The system did not start it.
pub(super) fn not_spawned(order: &AttemptOrder, path: &Path, error: &io::Error) -> String {
    let (program, directory) = (&order.argv[0], &order.working_dir);
    if !directory.is_dir() {
        return format!(
            "cannot start `{program}` in `{}`: {}; create the directory or correct `working_dir`",
            directory.display(),
            if directory.exists() { "it is no directory" } else { "no such directory" },
        );
    }
    let cure = match errno(error) {
        Some(Errno::NOENT) if directory.join(path).exists() => {
            "the interpreter that its first line names does not exist".into()
        }
        Some(Errno::NOENT) => "correct its path; a relative one begins at the working directory".into(),
        Some(Errno::ACCESS | Errno::PERM) => {
            format!("make it executable (`chmod +x {program}`), and its directories accessible")
        }
        Some(Errno::NOEXEC) => {
            "it is no program for this machine; a script needs a first line like `#!/bin/sh`".into()
        }
        Some(Errno::TOOBIG) => format!(
            "its arguments and environment are {} bytes (one may have 128 KiB); pass large values in files",
            size(order)
        ),
        Some(Errno::TXTBSY) => "somebody is writing to it; write to another file and rename it".into(),
        Some(Errno::AGAIN) => {
            "the limit of processes is reached (`ulimit -u`, or pids.max of the control group)".into()
        }
        Some(Errno::NOMEM) => "there is not enough memory".into(),
        Some(Errno::MFILE | Errno::NFILE) => FILES.into(),
        _ if error.kind() == io::ErrorKind::InvalidInput => {
            "its arguments and environment must not contain NUL bytes".into()
        }
        _ => format!("the program is `{}`", path.display()),
    };
    format!("cannot start `{program}` in `{}`: {}; {cure}", directory.display(), plain(error))
}

/// What the system must take over, in bytes.
fn size(order: &AttemptOrder) -> usize {
    let arguments: usize = order.argv.iter().map(|argument| argument.len() + 1).sum();
    let env: usize = order.env.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    arguments + env
}

fn errno(error: &io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}

/// The system's text without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
