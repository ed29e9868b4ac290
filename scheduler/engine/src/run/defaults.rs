//! The `_defaults.yaml` files of the DAG folder, and the hash of what a DAG file means with them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use nightrun_core::dag::{DEFAULTS_FILE, DefaultsFile};
use sha2::{Digest, Sha256};

/// How paths of calendar files begin.
const CALENDAR_FILES: &str = "calendars/";

/// Files below the DAG folder, by their paths below it.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) dags: Vec<String>,
    pub(super) defaults: Vec<String>,
    tests: Vec<String>,
}

impl Files {
    /// Looks for them: `*.yaml` and `*.yml`, but not what begins with `_` or `.`, the configuration,
    /// and calendars; every `_defaults.yaml`; and every file of test cases.
    pub(super) fn below(root: &Path) -> Self {
        let walk = WalkBuilder::new(root).standard_filters(false).hidden(true).follow_links(true).build();
        let mut files = Self::default();
        for entry in walk.filter_map(Result::ok) {
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let Ok(path) = entry.path().strip_prefix(root) else { continue };
            let (name, path) = (entry.file_name().to_string_lossy(), path.to_string_lossy().into_owned());
            if is_dag_file(&name) && !path.starts_with(CALENDAR_FILES) {
                files.dags.push(path);
            } else if name == DEFAULTS_FILE {
                files.defaults.push(path);
            } else if stem_of_test(&name).is_some() && !name.starts_with('_') {
                files.tests.push(path);
            }
        }
        files.dags.sort();
        files.defaults.sort();
        files.tests.sort();
        files
    }
}

fn is_dag_file(name: &str) -> bool {
    let yaml = [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
    yaml && stem_of_test(name).is_none()
        && !name.starts_with('_')
        && !matches!(name, "nightrun.yaml" | "nightrun.yml")
}

/// Every DAG file below a folder, by its path below it: `*.yaml` and `*.yml`, but not what begins with
/// `_` or `.`, the configuration, tests, and calendars.
pub fn dag_files(root: &Path) -> Vec<String> {
    Files::below(root).dags
}

/// Every file of test cases below a folder, by its path below it: `*.test.yaml` and `*.test.yml`, but not what
/// begins with `_` or `.`.
pub fn test_files(root: &Path) -> Vec<String> {
    Files::below(root).tests
}

/// What a file of test cases is called without its ending: `nightly` of `nightly.test.yaml`.
pub fn stem_of_test(name: &str) -> Option<&str> {
    name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".test.yml"))
}

/// Every `_defaults.yaml` below a folder, by its path below it.
pub fn defaults_files(root: &Path) -> Vec<String> {
    Files::below(root).defaults
}

/// The texts of all `_defaults.yaml` below a folder, by their paths below it.
#[derive(Debug, Default)]
pub struct FolderDefaults(BTreeMap<PathBuf, String>);

impl FolderDefaults {
    /// Reads them all.
    pub fn below(root: &Path) -> Self {
        let mut defaults = Self::default();
        for path in Files::below(root).defaults {
            if let Ok(bytes) = fs::read(root.join(&path)) {
                defaults.put(&path, &bytes);
            }
        }
        defaults
    }

    /// Takes the bytes of one in.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) {
        self.0.insert(path.into(), String::from_utf8_lossy(bytes).into_owned());
    }

    /// Forgets those that are gone.
    pub(super) fn keep(&mut self, paths: &[String]) {
        self.0.retain(|path, _| paths.iter().any(|known| Path::new(known) == path));
    }

    /// Those that hold for the file of this path, the farthest first.
    pub fn above(&self, path: &str) -> Vec<DefaultsFile> {
        let mut files: Vec<DefaultsFile> = Path::new(path)
            .ancestors()
            .skip(1)
            .filter_map(|folder| self.0.get_key_value(&folder.join(DEFAULTS_FILE)))
            .map(|(path, text)| DefaultsFile { path: path.to_string_lossy().into(), text: text.clone() })
            .collect();
        files.reverse();
        files
    }
}

/// The hash of what a DAG file means: its path gives it its id, its bytes and the defaults of its folders
/// the rest.
pub fn hash_with(path: &str, bytes: &[u8], defaults: &[DefaultsFile]) -> String {
    let mut hash = Sha256::new();
    hash.update(path.as_bytes());
    hash.update([0]);
    hash.update(bytes);
    for file in defaults {
        for part in [file.path.as_bytes(), file.text.as_bytes()] {
            hash.update([0]);
            hash.update(part);
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The same of something without defaults.
pub fn hash_of(path: &str, bytes: &[u8]) -> String {
    hash_with(path, bytes, &[])
}
