//! Which `_defaults.yaml` hold for a file that somebody named.
//!
//! Below the DAG folder: those from the DAG folder down to the file's own folder, as the server reads
//! them. Elsewhere: the one of the file's own folder, and of each parent as long as it has one.

use std::path::{Path, PathBuf};

use nightrun_core::dag::{DEFAULTS_FILE, DefaultsFile};

/// The folders whose defaults hold for a file.
pub(crate) struct Above {
    /// The DAG folder, if there is one.
    root: Option<PathBuf>,
    /// A folder that was named: it and those between it and the file count even where one has none.
    named: Option<PathBuf>,
}

impl Above {
    /// Within this DAG folder, and this folder that was named.
    pub(crate) fn new(root: &Path, named: Option<&Path>) -> Self {
        let real = |path: &Path| path.canonicalize().ok();
        Self { root: real(root), named: named.and_then(real) }
    }

    /// The defaults of a file, the farthest first.
    pub(crate) fn of(&self, file: &Path) -> Vec<DefaultsFile> {
        let Ok(real) = file.canonicalize() else { return Vec::new() };
        let folder = real.parent().unwrap_or(Path::new("/"));
        let within = |root: &Option<PathBuf>| root.clone().filter(|root| folder.starts_with(root));
        let (root, named) = (within(&self.root), within(&self.named));
        let sure = root.as_ref().or(named.as_ref());
        let mut found = Vec::new();
        for above in folder.ancestors() {
            let known = sure.is_some_and(|sure| above.starts_with(sure));
            let path = above.join(DEFAULTS_FILE);
            match std::fs::read(&path) {
                Ok(bytes) if known || root.is_none() => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    found.push(DefaultsFile { path: shown(&path), text });
                }
                Err(_) if known => {}
                Ok(_) | Err(_) => break,
            }
        }
        found.reverse();
        found
    }
}

/// A path as it is shown: from here, where it is below.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or_else(|| path.to_owned()).display().to_string()
}
