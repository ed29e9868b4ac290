//! The folder of calendar files in a DAG folder: read as a whole, since calendars include each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{Calendars, Source, read_calendars};
use nightrun_core::timetable::Timetable;

use super::defaults::hash_of;

/// Where calendar files are, below the DAG folder.
pub const CALENDARS: &str = "calendars";

/// What the calendar folder was found to say.
#[derive(Debug, Default)]
pub struct CalendarFolder {
    /// The calendars, and the faults of their files.
    pub read: Calendars,
    /// The text of each file by its path below the DAG folder, to show faults in.
    pub texts: BTreeMap<String, String>,
    /// Changes whenever any file of the folder does.
    pub hash: String,
}

/// Reads the calendars of the DAG folder `root`; none when it has no folder for them.
pub fn calendar_folder(root: &Path) -> CalendarFolder {
    let (mut texts, mut icals) = (BTreeMap::new(), BTreeMap::new());
    let mut hash = String::new();
    let mut entries: Vec<_> = fs::read_dir(root.join(CALENDARS)).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        let yaml = is(&[".yaml", ".yml"]);
        if name.starts_with(['.', '_']) || !(yaml || is(&[".ics"])) {
            continue;
        }
        let Ok(bytes) = fs::read(entry.path()) else { continue };
        hash = hash_of(&format!("{hash} {name}"), &bytes);
        if yaml {
            texts.insert(format!("{CALENDARS}/{name}"), bytes);
        } else {
            icals.insert(name, bytes);
        }
    }
    let files: Vec<_> = texts.iter().map(|(path, bytes)| Source::new(path, bytes)).collect();
    let read = read_calendars(&files, &icals);
    let texts =
        texts.into_iter().map(|(path, bytes)| (path, String::from_utf8_lossy(&bytes).into())).collect();
    CalendarFolder { read, texts, hash }
}

/// The hash of a DAG's meaning: that of its file, and of the calendars that its schedule was read with.
pub fn version_hash(file: &str, dag: &Dag) -> String {
    let calendars = dag.timetable.iter().flat_map(Timetable::calendars);
    calendars.fold(file.to_owned(), |hash, calendar| hash_of(&hash, calendar.fingerprint().as_bytes()))
}
