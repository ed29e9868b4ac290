//! Where the calendars of a DAG file are: in the folder `calendars` beside it, or above it.

use std::path::{Path, PathBuf};

use nightrun_engine::run::{CALENDARS, CalendarFolder, calendar_folder};

/// The calendars that the files of `folder` are read with: from the nearest folder that has some, not
/// above the DAG folder `root`.
pub(crate) fn of_folder(folder: &Path, root: &Path) -> CalendarFolder {
    calendar_folder(&owner(folder, root))
}

/// The nearest folder from `folder` upwards that has calendars.
fn owner(folder: &Path, root: &Path) -> PathBuf {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (Ok(full), root) = (here.canonicalize(), root.canonicalize().ok()) else { return here.to_owned() };
    for at in full.ancestors() {
        if at.join(CALENDARS).is_dir() {
            return at.to_owned();
        }
        if root.as_deref() == Some(at) {
            break;
        }
    }
    here.to_owned()
}
