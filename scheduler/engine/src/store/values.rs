//! Outputs of tasks as values: small ones live in the database, large ones in files named by their hash,
//! so that a value that is put out twice is kept once and a broken file is noticed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use nightrun_core::decide::Output;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::connect::{folder, move_into_place};
use super::error::{Fault, StoreError};
use super::{VALUES, hex};

/// Longest JSON text, in bytes, that is kept in the database.
pub const INLINE_BYTES: usize = 64 << 10;

/// Longest JSON text, in bytes, that is taken at all.
pub const MAX_BYTES: u64 = 16 << 20;

/// Longest JSON text of a file, in bytes, that a page shows.
const SHOWN_BYTES: u64 = 1 << 20;

/// Makes an output of a value: as it is, or as a file of the data folder, which is on disk when this
/// returns.
pub fn spill(data: &Path, value: &Json) -> Result<Output, StoreError> {
    let text = value.to_string();
    if text.len() <= INLINE_BYTES {
        return Ok(Output::Inline(value.clone()));
    }
    let bytes = text.len() as u64;
    if bytes > MAX_BYTES {
        return Err(Fault::TooLarge(MAX_BYTES).at(data));
    }
    let sha256 = hex(&Sha256::digest(&text));
    let path = place(data, &sha256);
    write_once(&path, text.as_bytes()).map_err(|fault| fault.at(&path))?;
    Ok(Output::Spilled { sha256, bytes })
}

/// The value of an output; a file that does not have its hash any more is refused.
pub fn fetch(data: &Path, output: &Output) -> Result<Json, StoreError> {
    match output {
        Output::Inline(value) => Ok(value.clone()),
        Output::Spilled { sha256, .. } => {
            let path = place(data, sha256);
            read(&path, sha256).map_err(|fault| fault.at(&path))
        }
    }
}

/// The value of an output for a page, or what stands for it: `{"$file": hash, "bytes": size}`.
pub(super) fn show(data: Option<&Path>, output: &Output) -> Json {
    match output {
        Output::Inline(value) => value.clone(),
        Output::Spilled { sha256, bytes } => data
            .filter(|_| *bytes <= SHOWN_BYTES)
            .and_then(|data| fetch(data, output).ok())
            .unwrap_or_else(|| json!({ "$file": sha256, "bytes": bytes })),
    }
}

/// Where the value of a hash is kept. Hashes are made by this room, but the database may be damaged.
fn place(data: &Path, sha256: &str) -> PathBuf {
    let clean: String = sha256.chars().filter(char::is_ascii_hexdigit).collect();
    data.join(VALUES).join(clean.get(..2).unwrap_or("")).join(clean)
}

fn write_once(path: &Path, text: &[u8]) -> Result<(), Fault> {
    if fs::metadata(path).is_ok_and(|file| file.len() == text.len() as u64) && renew(path).is_ok() {
        return Ok(());
    }
    let shelf = folder(path);
    if !shelf.exists() {
        fs::create_dir_all(shelf)?;
        for above in [folder(shelf), folder(folder(shelf))] {
            File::open(above)?.sync_all()?;
        }
    }
    // The same value may be spilled twice at once, each time into a draft of its own.
    let number = getrandom::u64().map_err(|error| Fault::Other(error.to_string()))?;
    let draft = path.with_extension(format!("{number:016x}.draft"));
    let mut file = File::create(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    move_into_place(&draft, path)
}

/// Makes a value as fresh as if it were written now, so that no sweep takes it for left over.
fn renew(path: &Path) -> Result<(), Fault> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    let file = File::options().write(true).open(path)?;
    Ok(futimens(&file, &times).map_err(std::io::Error::from)?)
}

/// All files of the value folder of a data folder, drafts that a crash left too.
pub fn value_files(data: &Path) -> Vec<PathBuf> {
    let list = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path());
    list(data.join(VALUES)).flat_map(list).collect()
}

fn read(path: &Path, sha256: &str) -> Result<Json, Fault> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| Fault::BadValue(error.to_string()))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if hex(&Sha256::digest(&text)) != sha256 {
        return Err(Fault::BadValue("its content is not what was stored".into()));
    }
    Ok(serde_json::from_slice(&text)?)
}
