//! The DAG folder: what its files say, what changed since the last look, and who tells the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ignore::WalkBuilder;
use nightrun_core::dag::{Known, Reading, Source, read};
use nightrun_core::decide::{DagText, Event};
use nightrun_core::diag::Diagnostic;
use nightrun_core::id::DagId;
use notify::{EventKind, RecursiveMode, Watcher};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::handle::Handle;

/// Files are looked at so long after the first change: an editor writes a file in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// A look without any notice: network folders and overflowing queues lose some.
const RESCAN: Duration = Duration::from_secs(30);

/// A folder of DAG files and what was last seen in it.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    known: Known,
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Hash of the bytes; empty for a file known from the store only.
    hash: String,
    /// DAGs of the last good version.
    dags: Vec<DagId>,
    /// DAGs that it defines too, but that another file had defined before.
    refused: Vec<DagId>,
    faulty: bool,
}

/// What one look found.
#[derive(Debug, Default)]
pub struct FolderReport {
    /// New and changed DAGs.
    pub read: Vec<DagText>,
    /// DAGs that no file defines any more.
    pub gone: Vec<DagId>,
    /// Files whose faults changed.
    pub faults: Vec<(String, Json)>,
}

impl FolderReport {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.gone.is_empty() && self.faults.is_empty()
    }

    /// How many files were found with faults.
    pub fn faulty_files(&self) -> usize {
        self.faults
            .iter()
            .filter(|(_, faults)| faults.as_array().is_some_and(|list| !list.is_empty()))
            .count()
    }

    /// As the loop takes it.
    pub fn into_event(self) -> Event {
        Event::DagsRead { read: self.read, gone: self.gone, faults: self.faults }
    }
}

impl Folder {
    /// A folder whose files were never looked at. `stored`: DAGs in force in the store, with the file
    /// each came from; those whose file is missing at the first look are gone.
    pub fn new(root: PathBuf, known: Known, stored: impl IntoIterator<Item = (DagId, String)>) -> Self {
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        for (dag, path) in stored {
            seen.entry(path).or_default().dags.push(dag);
        }
        Self { root, known, seen }
    }

    /// Looks at every file; only what changed is read. A DAG belongs to the file that defined it first.
    pub fn look(&mut self) -> FolderReport {
        let mut report = FolderReport::default();
        let lost = self.look_once(&mut report);
        // A DAG whose file gave it up may be defined in one that was refused it: those are read again.
        let refused = |seen: &&mut Seen| lost.iter().any(|dag| seen.refused.contains(dag));
        let mut again = false;
        for seen in self.seen.values_mut().filter(refused) {
            seen.hash.clear();
            again = true;
        }
        if again {
            self.look_once(&mut report);
        }
        let read = |dag: &DagId| report.read.iter().any(|text| text.dag.id == *dag);
        report.gone = lost.into_iter().filter(|dag| !read(dag) && !self.defines(dag)).collect();
        report
    }

    fn defines(&self, dag: &DagId) -> bool {
        self.seen.values().any(|seen| seen.dags.contains(dag))
    }

    /// One look; returns the DAGs that files gave up.
    fn look_once(&mut self, report: &mut FolderReport) -> BTreeSet<DagId> {
        let mut before = std::mem::take(&mut self.seen);
        let mut changed = Vec::new();
        let mut taken: BTreeMap<DagId, String> = BTreeMap::new();
        for path in dag_files(&self.root) {
            let old = before.remove(&path).unwrap_or_default();
            match fs::read(self.root.join(&path)) {
                Ok(bytes) if hash_of(&path, &bytes) != old.hash => changed.push((path, bytes, old)),
                // Unchanged, or unreadable just now: what it defined stays its own.
                Ok(_) | Err(_) => {
                    taken.extend(old.dags.iter().map(|dag| (dag.clone(), path.clone())));
                    self.seen.insert(path, old);
                }
            }
        }
        let mut lost: BTreeSet<DagId> = BTreeSet::new();
        for (path, bytes, old) in changed {
            let now = self.read_file(&path, &bytes, &old, &mut taken, report);
            lost.extend(old.dags.into_iter().filter(|dag| !now.dags.contains(dag)));
            self.seen.insert(path, now);
        }
        for (path, old) in before {
            lost.extend(old.dags);
            if old.faulty {
                report.faults.push((path, json!([])));
            }
        }
        lost
    }

    fn read_file(
        &self,
        path: &str,
        bytes: &[u8],
        old: &Seen,
        taken: &mut BTreeMap<DagId, String>,
        report: &mut FolderReport,
    ) -> Seen {
        let hash = hash_of(path, bytes);
        let Reading { dags, diagnostics } = read(&Source::new(path, bytes), &self.known);
        let mut faults = as_json(&diagnostics);
        let text: Arc<str> = String::from_utf8_lossy(bytes).into();
        let broken = dags.is_empty();
        let mut now = Seen { hash, ..Seen::default() };
        for dag in dags {
            if let Some(first) = taken.get(&dag.id) {
                let fault = Diagnostic::duplicate_dag(path, &text, dag.id.as_str(), first);
                faults.extend(as_json(&[fault]));
                now.refused.push(dag.id);
                continue;
            }
            taken.insert(dag.id.clone(), path.to_owned());
            now.dags.push(dag.id.clone());
            let hash = now.hash.clone();
            report.read.push(DagText { dag: Arc::new(dag), path: path.into(), text: text.clone(), hash });
        }
        // A broken file changes nothing: its last good version stays in force.
        if broken {
            now.dags.clone_from(&old.dags);
            taken.extend(now.dags.iter().map(|dag| (dag.clone(), path.to_owned())));
        }
        now.faulty = !faults.is_empty();
        if now.faulty || old.faulty || old.hash.is_empty() {
            report.faults.push((path.to_owned(), Json::Array(faults)));
        }
        now
    }

    /// Looks again whenever files change, and tells the loop; on a thread of its own, until the loop ends.
    pub fn watch(mut self, loop_: Handle) {
        let spawned = std::thread::Builder::new().name("dag-folder".into()).spawn(move || {
            let (notice, notices) = mpsc::channel();
            let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // Reading a file is no change of it; otherwise each look would cause the next.
                if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                    // The thread that listens ends only with the process.
                    let _ = notice.send(());
                }
            });
            let watching = watcher.and_then(|mut watcher| {
                watcher.watch(&self.root, RecursiveMode::Recursive)?;
                Ok(watcher)
            });
            if let Err(fault) = &watching {
                tracing::warn!(%fault, "the DAG folder cannot be watched; it is looked at every 30 s");
            }
            while !loop_.is_stopped() {
                match notices.recv_timeout(RESCAN) {
                    Err(mpsc::RecvTimeoutError::Disconnected) => std::thread::sleep(RESCAN),
                    Ok(()) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                }
                std::thread::sleep(SETTLE);
                while notices.try_recv().is_ok() {}
                let report = self.look();
                if !report.is_empty() {
                    loop_.tell(report.into_event());
                }
            }
        });
        if let Err(fault) = spawned {
            tracing::error!(%fault, "the DAG folder is not watched");
        }
    }
}

/// The hash of a file's meaning: its path gives it its id, its bytes the rest.
pub fn hash_of(path: &str, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(path.as_bytes());
    hash.update([0]);
    hash.update(bytes);
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Every DAG file below a folder, by its path below it: `*.yaml` and `*.yml`, but not what begins with
/// `_` or `.`, the configuration, and tests.
pub fn dag_files(root: &Path) -> Vec<String> {
    files(root, is_dag_file)
}

/// Every file of test cases below a folder, by its path below it: `*.test.yaml` and `*.test.yml`, but not what
/// begins with `_` or `.`.
pub fn test_files(root: &Path) -> Vec<String> {
    files(root, |name| stem_of_test(name).is_some() && !name.starts_with('_'))
}

/// What a file of test cases is called without its ending: `nightly` of `nightly.test.yaml`.
pub fn stem_of_test(name: &str) -> Option<&str> {
    name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".test.yml"))
}

fn files(root: &Path, is_wanted: fn(&str) -> bool) -> Vec<String> {
    let walk = WalkBuilder::new(root).standard_filters(false).hidden(true).follow_links(true).build();
    let mut files: Vec<String> = walk
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .filter(|entry| is_wanted(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some(entry.path().strip_prefix(root).ok()?.to_string_lossy().into_owned()))
        .collect();
    files.sort();
    files
}

fn is_dag_file(name: &str) -> bool {
    let yaml = [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
    yaml && stem_of_test(name).is_none()
        && !name.starts_with('_')
        && !matches!(name, "nightrun.yaml" | "nightrun.yml")
}

fn as_json(diagnostics: &[Diagnostic]) -> Vec<Json> {
    diagnostics.iter().filter_map(|fault| serde_json::to_value(fault).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightrun_core::time::Timestamp;
    use nightrun_core::timetable::Zone;

    fn folder(root: &Path) -> Folder {
        Folder::new(root.to_owned(), Known::new(Zone::utc(), Timestamp::from_nanos(0)), [])
    }

    fn write(root: &Path, name: &str, text: &str) {
        fs::write(root.join(name), text).unwrap();
    }

    fn ids(report: &FolderReport) -> Vec<&str> {
        report.read.iter().map(|text| text.dag.id.as_str()).collect()
    }

    const TASKS: &str = "tasks: [{id: a, run: echo}]";

    #[test]
    fn only_what_changed_is_read_and_a_broken_file_keeps_its_dag() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "one.yaml", TASKS);
        let mut folder = folder(root.path());
        assert_eq!(ids(&folder.look()), ["one"]);
        assert!(folder.look().is_empty());
        write(root.path(), "one.yaml", "tasks: [");
        let broken = folder.look();
        assert!(broken.read.is_empty() && broken.gone.is_empty() && broken.faulty_files() == 1);
        fs::remove_file(root.path().join("one.yaml")).unwrap();
        assert_eq!(folder.look().gone, ["one".into()]);
    }

    #[test]
    fn a_dag_stays_with_the_file_that_had_it_first_and_goes_to_the_next_when_that_gives_it_up() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "b.yaml", &format!("id: x\n{TASKS}"));
        let mut folder = folder(root.path());
        assert_eq!(folder.look().read[0].path, "b.yaml");
        write(root.path(), "a.yaml", &format!("id: x\n{TASKS}"));
        let second = folder.look();
        assert!(second.read.is_empty() && second.faulty_files() == 1, "{second:?}");
        fs::remove_file(root.path().join("b.yaml")).unwrap();
        let third = folder.look();
        assert_eq!(third.read[0].path, "a.yaml");
        assert!(third.gone.is_empty(), "{third:?}");
    }
}
