//! What can go wrong with the store: where, what, and the cure, in one sentence each.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A failure of the store: its place and its fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// The file or folder it is about.
    pub place: PathBuf,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Another process writes to it; its process id where it could be read.
    Locked(Option<u32>),
    /// There is none.
    Missing,
    /// Its write-ahead log is there, the database itself is not.
    Headless,
    /// The file is something else.
    NotAStore(String),
    /// The file is broken.
    Damaged(String),
    /// It was written by a newer version, up to this migration.
    Newer(u32),
    /// It was written by an older version and only a writer may bring it up to date.
    Older(u32),
    /// A migration that was applied is not the one this version knows under its number.
    Foreign(u32),
    /// The library is too old to be trusted with a write-ahead log.
    OldSqlite(&'static str),
    /// A fact does not fit what is stored, so nothing was written.
    Unlawful(String),
    /// The disk is full.
    Full,
    /// It may not be written to.
    ReadOnly,
    /// A read took longer than its deadline.
    TooSlow,
    /// An earlier commit failed, and nobody said yet that the state was loaded again.
    Halted(Box<Fault>),
    /// The thread that writes has ended.
    WriterGone,
    /// The target of a copy is there already.
    Exists,
    /// The file of a large value is gone or broken.
    BadValue(String),
    /// A value is larger than this many bytes.
    TooLarge(u64),
    /// Anything else, as the operating system or the database says it.
    Other(String),
}

impl Fault {
    /// This fault at its place.
    pub(super) fn at(self, place: &Path) -> StoreError {
        StoreError { place: place.to_owned(), fault: self }
    }
}

impl std::error::Error for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place.display(), self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(Some(pid)) => write!(
                f,
                "process {pid} already works with this data folder; stop it, or choose another folder with --data"
            ),
            Self::Locked(None) => write!(
                f,
                "another process already works with this data folder; stop it, or choose another folder with --data"
            ),
            Self::Missing => write!(f, "there is no store here yet; starting a run or the server makes one"),
            Self::Headless => write!(
                f,
                "the database is gone but its write-ahead log is still here; put the database back from a \
                 backup, or move the `-wal` file away to begin anew"
            ),
            Self::NotAStore(what) => {
                write!(f, "this is no Nightrun store ({what}); choose another folder with --data")
            }
            Self::Damaged(what) => write!(
                f,
                "the database is damaged ({what}); keep a copy, then put a backup in its place, or see what \
                 can be saved with `nightrun db check`"
            ),
            Self::Newer(found) => write!(
                f,
                "it was written by a newer Nightrun (migration {found}); use that version, or put back the \
                 copy from before the upgrade"
            ),
            Self::Older(found) => write!(
                f,
                "it was written by an older Nightrun (migration {found}); start the server once to bring it up to date"
            ),
            Self::Foreign(number) => write!(
                f,
                "its migration {number} is not the one this Nightrun knows; use the version that wrote it"
            ),
            Self::OldSqlite(found) => {
                write!(f, "SQLite {found} can damage a write-ahead log; build with 3.51.3 or newer")
            }
            Self::Unlawful(what) => write!(f, "{what}; nothing was written"),
            Self::Full => write!(f, "the disk is full; nothing was written: free some space"),
            Self::ReadOnly => {
                write!(f, "it may not be written to; check the owner and mode of file and folder")
            }
            Self::TooSlow => write!(f, "reading took too long and was given up; ask for less at once"),
            Self::Halted(cause) => write!(f, "nothing more is written after an earlier failure: {cause}"),
            Self::WriterGone => write!(f, "the thread that writes has ended; restart the scheduler"),
            Self::Exists => write!(f, "it exists already; choose another name"),
            Self::BadValue(what) => write!(f, "the value is lost ({what}); run its task again"),
            Self::TooLarge(limit) => {
                write!(f, "the value is larger than {limit} bytes; pass on a path to it instead")
            }
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotAStore("the file is not a SQLite database".into()),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(ErrorCode::ConstraintViolation) => Self::Unlawful(error.to_string()),
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::OperationInterrupted) => Self::TooSlow,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            std::io::ErrorKind::StorageFull => Self::Full,
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Fault {
    /// Stored JSON that does not read back is damage: only this room writes it.
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}
