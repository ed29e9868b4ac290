//! Opening the file: what it must be before anybody trusts it, and how each kind of connection is set.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::Fault;
use super::migrate;

/// What `PRAGMA application_id` says of a store; set by the first migration.
const APPLICATION_ID: i64 = 0x4e52_4e31;

/// Older ones can lose pages when a write-ahead log is reset.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a connection waits for a lock; nobody but a stranger's tool ever holds one.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared by one connection; there are fewer in this room.
const PREPARED: usize = 64;

/// The only connection that writes: makes the store where there is none, brings an older one up to date.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, Fault> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(Fault::OldSqlite(rusqlite::version()));
    }
    if !exists(path)? {
        create(path)?;
    }
    let mut conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    set_up(&conn)?;
    refuse_strangers(&conn)?;
    migrate::migrate(&mut conn, path, migrate::ALL)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Other(
            "a write-ahead log is impossible here; use a folder on a local disk".into(),
        ));
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "cache_size", -16_000)?;
    Ok(conn)
}

/// A connection that cannot write, with or without a writer beside it.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, Fault> {
    if !exists(path)? {
        return Err(Fault::Missing);
    }
    read_only(path, open_read_only)
}

/// Opens a store by its `file:` URI in the ways in which it can be read, until one works.
pub(super) fn read_only<T>(path: &Path, open: impl Fn(&str) -> Result<T, Fault>) -> Result<T, Fault> {
    let plain = open(&uri(path, "mode=ro")?);
    // In a folder that cannot be written to, SQLite cannot make the files of the write-ahead log. When
    // there is none, nobody writes either, and the database alone is all there is.
    if plain.is_err() && !beside(path, "-wal").exists() {
        return open(&uri(path, "immutable=1")?);
    }
    plain
}

fn open_read_only(uri: &str) -> Result<Connection, Fault> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri, flags)?;
    set_up(&conn)?;
    conn.pragma_update(None, "query_only", true)?;
    refuse_strangers(&conn)?;
    let (found, known) = (migrate::applied(&conn, migrate::ALL)?, migrate::known(migrate::ALL));
    if found < known { Err(Fault::Older(found)) } else { Ok(conn) }
}

fn set_up(conn: &Connection) -> Result<(), Fault> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(PREPARED);
    conn.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// True when there is a database; an empty file is not one, it is what is left of one.
fn exists(path: &Path) -> Result<bool, Fault> {
    match fs::metadata(path) {
        Ok(file) if file.is_dir() => Err(Fault::NotAStore("it is a folder".into())),
        Ok(file) if file.len() == 0 => Err(Fault::Damaged("the file is empty".into())),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let log_left = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
            if log_left { Err(Fault::Headless) } else { Ok(false) }
        }
        Err(error) => Err(error.into()),
    }
}

/// A database with all tables and nothing in them; without a path a temporary one.
pub(super) fn open_new(path: &Path) -> Result<Connection, Fault> {
    let mut conn = Connection::open(path)?;
    set_up(&conn)?;
    migrate::migrate(&mut conn, path, migrate::ALL)?;
    Ok(conn)
}

/// Makes a new store beside its place and moves it there whole, so that a crash leaves all or nothing.
fn create(path: &Path) -> Result<(), Fault> {
    let draft = beside(path, ".new");
    remove(&draft)?;
    remove(&beside(&draft, "-journal"))?;
    open_new(&draft)?.close().map_err(|(_, error)| error)?;
    // It holds values and hashes of passwords, in whatever folder somebody made; SQLite gives the files beside it the
    // same mode.
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
    move_into_place(&draft, path)
}

/// Renames a finished and synced file and makes the new name durable.
pub(super) fn move_into_place(draft: &Path, path: &Path) -> Result<(), Fault> {
    fs::rename(draft, path)?;
    File::open(folder(path))?.sync_all()?;
    Ok(())
}

/// Makes the data folder where there is none, for its owner only.
pub(super) fn make_folder(data: &Path) -> Result<(), Fault> {
    Ok(fs::DirBuilder::new().recursive(true).mode(0o700).create(data)?)
}

fn refuse_strangers(conn: &Connection) -> Result<(), Fault> {
    let id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    Err(Fault::NotAStore("a SQLite database of another program".into()))
}

/// The folder a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file whose name is that of `path` and `ending`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// A file as a `file:` URI with one option.
fn uri(path: &Path, how: &str) -> Result<String, Fault> {
    let absolute = std::path::absolute(path)?;
    let text = absolute.to_str().ok_or_else(|| Fault::Other("the path is not UTF-8".into()))?;
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("file:{escaped}?{how}"))
}
