//! Files that belong to nothing any more: folders of runs that were pruned, values that no output names.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nightrun_core::id::RunId;
use nightrun_core::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::logs::LogPaths;
use crate::store::{Reader, StoreError, value_files};

/// A value is written before the fact that names it is stored. A file that was written or asked for within
/// this time is left alone, though nothing names it yet.
const FRESH: Duration = Duration::from_hours(24);

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Swept {
    /// Folders of runs.
    pub folders: u64,
    /// Files of values.
    pub values: u64,
    /// Bytes of all of it.
    pub bytes: u64,
}

/// Removes what belongs to nothing. What cannot be removed is left to the next sweep.
pub(super) fn sweep(reader: &Reader, data: &Path, now: Timestamp) -> Result<Swept, StoreError> {
    let mut swept = Swept::default();
    // Listed before the store is asked: a folder is made only after its run is stored.
    let runs = run_folders(data);
    let paths = LogPaths::new(data);
    for run in reader.read_now(|page| page.gone_runs(&runs))? {
        let folder = paths.run(run);
        let bytes = size_of(&folder);
        if fs::remove_dir_all(&folder).is_ok() {
            swept.folders += 1;
            swept.bytes += bytes;
        }
    }
    for path in value_files(data).into_iter().filter(|path| is_old(path, now)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if reader.read_now(|page| page.is_value_used(&name))? {
            continue;
        }
        let bytes = fs::metadata(&path).map_or(0, |file| file.len());
        if remove_unless_renewed(&path, now) {
            swept.values += 1;
            swept.bytes += bytes;
        }
    }
    Ok(swept)
}

/// Bytes of all files below a folder; 0 when it is not there.
pub(super) fn size_of(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}

/// The numbers of the runs that have a folder.
fn run_folders(data: &Path) -> Vec<RunId> {
    let folders = fs::read_dir(data.join("runs")).into_iter().flatten().flatten();
    let number = |name: std::ffi::OsString| name.to_str()?.parse().ok().map(RunId);
    let mut runs: Vec<RunId> = folders.filter_map(|folder| number(folder.file_name())).collect();
    runs.sort_unstable();
    runs
}

fn is_old(path: &Path, now: Timestamp) -> bool {
    let Ok(written) = fs::metadata(path).and_then(|file| file.modified()) else { return false };
    let since = written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let nanos = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_nanos(nanos) < now.minus(FRESH)
}

/// Takes the file away first and looks again: a task may have put the same value out just now, and then it
/// is put back.
fn remove_unless_renewed(path: &Path, now: Timestamp) -> bool {
    let aside: PathBuf = path.with_extension("gone");
    if fs::rename(path, &aside).is_err() {
        return false;
    }
    if is_old(&aside, now) {
        return fs::remove_file(&aside).is_ok();
    }
    // The value is the same whoever wrote it, so that a new file may be overwritten.
    let _ = fs::rename(&aside, path);
    false
}

#[cfg(test)]
mod tests;
