//! How many files may be open: the scheduler takes what the system grants, its tasks get what it was given.

use std::io;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// As many as the scheduler takes at most: programs that close every descriptor they could have must not
/// take long about it.
const MOST: u64 = 65_536;

/// What this process was started with.
static GIVEN: OnceLock<Rlimit> = OnceLock::new();

/// What helps when there are too many of them.
pub(crate) const CURE: &str = "raise the limit of open files (`ulimit -n`), or run fewer tasks at once";

/// A fault of the file system, with what helps where it is the number of open files.
pub(crate) fn explained(fault: &io::Error) -> String {
    match Errno::from_io_error(fault) {
        Some(Errno::MFILE | Errno::NFILE) => format!("{fault}; {CURE}"),
        _ => fault.to_string(),
    }
}

/// How many files this process may have open now.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(MOST)
}

/// Raises the soft limit of this process to its hard limit, as far as that is sane.
pub fn raise_limit() {
    let given = getrlimit(Resource::Nofile);
    let most = given.maximum.map_or(MOST, |maximum| maximum.min(MOST));
    let raised = Rlimit { current: Some(most), maximum: given.maximum };
    if given.current.is_some_and(|current| current < most) && setrlimit(Resource::Nofile, raised).is_ok() {
        GIVEN.get_or_init(|| given);
    }
}

/// Gives a child that was started just now the limit that we were given. It cannot be done before its first
/// instruction: the soft limit would have to be set between fork and exec, which `posix_spawn` has no word for.
pub(super) fn give_back(child: Pid) {
    if let Some(given) = GIVEN.get() {
        // A program that runs as another user keeps the raised limit.
        let _ = prlimit(Some(child), Resource::Nofile, *given);
    }
}
