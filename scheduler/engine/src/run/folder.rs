//! The DAG folder: what its files say, what changed since the last look, and who tells the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nightrun_core::dag::{DefaultsFile, Known, Reading, Source, read, read_defaults};
use nightrun_core::decide::{DagText, Event};
use nightrun_core::diag::Diagnostic;
use nightrun_core::id::DagId;
use notify::{EventKind, RecursiveMode, Watcher};
use serde_json::{Value as Json, json};

use super::calendars::{calendar_folder, version_hash};
use super::defaults::{Files, FolderDefaults, hash_of, hash_with};
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
    defaults: FolderDefaults,
    /// Hash of the calendar folder, and its files that had faults.
    calendars: (String, Vec<String>),
}

#[derive(Debug, Default)]
struct Seen {
    /// Hash of the bytes and of the defaults above it; empty for a file known from the store only, and for
    /// one that must be read again.
    hash: String,
    /// It may mean something else when a calendar changes.
    has_calendar: bool,
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

    /// Says each file with faults in the log: where its first error is, or its first warning.
    pub fn log_faults(&self) {
        for (path, faults) in &self.faults {
            let all = faults.as_array().map_or(&[][..], Vec::as_slice);
            let is_error = |fault: &&Json| fault["severity"] == "error";
            let Some(first) = all.iter().find(is_error).or_else(|| all.first()) else { continue };
            let more = all.len() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let text = |key: &str| first[key].as_str().unwrap_or_default();
            let (line, column) = (&first["line"], &first["column"]);
            tracing::warn!("{path}:{line}:{column}: {}: {}{more}", text("code"), text("message"));
        }
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
        Self { root, known, seen, defaults: FolderDefaults::default(), calendars: Default::default() }
    }

    /// The same folder, with files that had faults when the store last heard of them: the faults of those
    /// that are gone are cleared.
    #[must_use]
    pub fn with_faults(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        for path in paths {
            self.seen.entry(path).or_default().faulty = true;
        }
        self
    }

    /// Looks at every file; only what changed is read. A DAG belongs to the file that defined it first.
    pub fn look(&mut self) -> FolderReport {
        let mut report = FolderReport::default();
        self.look_at_calendars(&mut report);
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

    /// Reads the calendars when a file of theirs changed; DAG files that use any are read again then.
    fn look_at_calendars(&mut self, report: &mut FolderReport) {
        let folder = calendar_folder(&self.root);
        if folder.hash == self.calendars.0 {
            return;
        }
        for seen in self.seen.values_mut().filter(|seen| seen.has_calendar) {
            seen.hash.clear();
        }
        self.known.calendars = folder.read.known;
        let faulty: Vec<String> = folder.read.faults.iter().map(|(path, _)| path.clone()).collect();
        let mended = self.calendars.1.iter().filter(|path| !faulty.contains(path));
        report.faults.extend(mended.map(|path| (path.clone(), json!([]))));
        let faults = folder.read.faults.into_iter();
        report.faults.extend(faults.map(|(path, faults)| (path, Json::Array(as_json(&faults)))));
        self.calendars = (folder.hash, faulty);
    }

    fn defines(&self, dag: &DagId) -> bool {
        self.seen.values().any(|seen| seen.dags.contains(dag))
    }

    /// One look; returns the DAGs that files gave up.
    fn look_once(&mut self, report: &mut FolderReport) -> BTreeSet<DagId> {
        let mut before = std::mem::take(&mut self.seen);
        let mut changed = Vec::new();
        let mut taken: BTreeMap<DagId, String> = BTreeMap::new();
        let files = Files::below(&self.root);
        self.defaults.keep(&files.defaults);
        for path in files.defaults {
            let old = before.remove(&path).unwrap_or_default();
            let now = self.look_at_defaults(&path, old, report);
            self.seen.insert(path, now);
        }
        for path in files.dags {
            let old = before.remove(&path).unwrap_or_default();
            let defaults = self.defaults.above(&path);
            match fs::read(self.root.join(&path)) {
                Ok(bytes) if hash_with(&path, &bytes, &defaults) != old.hash => {
                    changed.push((path, bytes, defaults, old));
                }
                // Unchanged, or unreadable just now: what it defined stays its own.
                Ok(_) | Err(_) => {
                    taken.extend(old.dags.iter().map(|dag| (dag.clone(), path.clone())));
                    self.seen.insert(path, old);
                }
            }
        }
        let mut lost: BTreeSet<DagId> = BTreeSet::new();
        for (path, bytes, defaults, old) in changed {
            let file = Source::new(&path, &bytes).with(&defaults);
            let now = self.read_file(&file, &old, &mut taken, report);
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

    /// Reads a `_defaults.yaml` if it changed. What it means shows in the files below it.
    fn look_at_defaults(&mut self, path: &str, old: Seen, report: &mut FolderReport) -> Seen {
        // Unreadable just now: what it said still holds.
        let Ok(bytes) = fs::read(self.root.join(path)) else { return old };
        let hash = hash_of(path, &bytes);
        if hash == old.hash {
            return old;
        }
        let faults = as_json(&read_defaults(&Source::new(path, &bytes), &self.known));
        let faulty = !faults.is_empty();
        if faulty || old.faulty || old.hash.is_empty() {
            report.faults.push((path.to_owned(), Json::Array(faults)));
        }
        self.defaults.put(path, &bytes);
        Seen { hash, faulty, ..Seen::default() }
    }

    fn read_file(
        &self,
        file: &Source<'_>,
        old: &Seen,
        taken: &mut BTreeMap<DagId, String>,
        report: &mut FolderReport,
    ) -> Seen {
        let path = file.path;
        let hash = hash_with(path, file.text, file.defaults);
        let Reading { dags, pieces, diagnostics } = read(file, &self.known);
        let mut faults = as_json(&diagnostics);
        let text = String::from_utf8_lossy(file.text);
        let defaults: Arc<[DefaultsFile]> = file.defaults.into();
        let broken = dags.is_empty();
        let mut now = Seen { hash, has_calendar: text.contains("calendar"), ..Seen::default() };
        for (dag, piece) in dags.into_iter().zip(pieces) {
            if let Some(first) = taken.get(&dag.id) {
                let fault = Diagnostic::duplicate_dag(path, &text, dag.id.as_str(), first);
                faults.extend(as_json(&[fault]));
                now.refused.push(dag.id);
                continue;
            }
            taken.insert(dag.id.clone(), path.to_owned());
            now.dags.push(dag.id.clone());
            let piece = &text[piece];
            let hash = version_hash(&hash_with(path, piece.as_bytes(), file.defaults), &dag);
            report.read.push(DagText {
                dag: Arc::new(dag),
                path: path.into(),
                text: piece.into(),
                defaults: defaults.clone(),
                hash,
            });
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
                report.log_faults();
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

fn as_json(diagnostics: &[Diagnostic]) -> Vec<Json> {
    diagnostics.iter().filter_map(|fault| serde_json::to_value(fault).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
    fn a_changed_calendar_gives_new_versions_of_the_dags_that_use_it_and_of_no_other() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("calendars")).unwrap();
        let using = format!("schedule: {{cron: \"0 6 * * *\", calendar: fr}}\n{TASKS}");
        write(root.path(), "using.yaml", &using);
        write(root.path(), "other.yaml", TASKS);
        let mut folder = folder(root.path());
        let unknown = folder.look();
        assert_eq!((ids(&unknown), unknown.faulty_files()), (vec!["other"], 1));
        write(root.path(), "calendars/fr.yaml", "holidays: [05-01]");
        let first = folder.look();
        assert_eq!((ids(&first), first.faulty_files()), (vec!["using"], 0));
        assert!(folder.look().is_empty());
        // A comment changes no day, so the version stays what it was.
        write(root.path(), "calendars/fr.yaml", "holidays: [05-01] # labour");
        assert_eq!(folder.look().read[0].hash, first.read[0].hash);
        write(root.path(), "calendars/fr.yaml", "holidays: [05-01, 05-08]");
        assert_ne!(folder.look().read[0].hash, first.read[0].hash);
        write(root.path(), "calendars/fr.yaml", "holidays: [05-32]");
        let broken = folder.look();
        assert!(broken.read.is_empty() && broken.gone.is_empty() && broken.faulty_files() == 2, "{broken:?}");
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

    #[test]
    fn of_several_dags_in_a_file_only_the_changed_ones_get_a_new_hash() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "two.yaml", &format!("id: x\n{TASKS}\n---\nid: y\n{TASKS}\n"));
        let mut folder = folder(root.path());
        let first = folder.look();
        assert_eq!(ids(&first), ["x", "y"]);
        write(root.path(), "two.yaml", &format!("id: x\n{TASKS}\n---\nid: y\nowner: me\n{TASKS}\n"));
        let second = folder.look();
        let hash = |report: &FolderReport, at: usize| report.read[at].hash.clone();
        assert_eq!(hash(&first, 0), hash(&second, 0));
        assert_ne!(hash(&first, 1), hash(&second, 1));
        write(root.path(), "two.yaml", &format!("id: x\n{TASKS}\n"));
        assert_eq!(folder.look().gone, ["y".into()]);
    }

    #[test]
    fn a_change_of_folder_defaults_is_a_change_of_the_dags_below_and_of_no_other() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("team")).unwrap();
        write(root.path(), "a.yaml", TASKS);
        write(root.path(), "team/b.yaml", TASKS);
        let mut folder = folder(root.path());
        assert_eq!(ids(&folder.look()), ["a", "b"]);
        write(root.path(), "team/_defaults.yaml", "owner: team\n");
        let told = folder.look();
        assert_eq!(ids(&told), ["b"]);
        assert_eq!(told.read[0].dag.owner.as_deref(), Some("team"));
        assert_eq!(told.read[0].defaults[0].path, "team/_defaults.yaml");
        assert!(folder.look().is_empty());
        write(root.path(), "team/_defaults.yaml", "owner: [\n");
        let broken = folder.look();
        assert!(broken.read.is_empty() && broken.gone.is_empty(), "{broken:?}");
        assert_eq!(broken.faulty_files(), 2);
        fs::remove_file(root.path().join("team/_defaults.yaml")).unwrap();
        let mended = folder.look();
        assert_eq!((ids(&mended), mended.faulty_files(), mended.faults.len()), (vec!["b"], 0, 2));
        assert_eq!(mended.read[0].dag.owner, None);
    }
}
