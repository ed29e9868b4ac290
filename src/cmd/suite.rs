//! From a file of test cases to its cases and the DAG that they test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightrun_core::case::{self, NoDag, Reading};
use nightrun_core::dag::{self, DefaultsFile, Known, Source};
use nightrun_core::decide::DagText;
use nightrun_engine::run::{dag_files, hash_of, stem_of_test};

use crate::above::Above;
use crate::calendars;
use crate::config::Config;
use crate::failure::{Failure, OrFail};

/// A file of cases that was read.
pub(crate) struct Loaded {
    pub(crate) reading: Reading,
    /// The text of the file.
    pub(crate) text: String,
    /// The DAG that is tested.
    pub(crate) dag: Option<DagText>,
}

/// True for a file of cases, by its name.
pub(crate) fn is_suite(file: &Path) -> bool {
    file.file_name().and_then(|name| stem_of_test(name.to_str()?)).is_some()
}

/// Reads a file of cases and the DAG it names, or the one beside it.
pub(crate) fn load(file: &Path, config: &Config, known: &Known) -> Result<Loaded, Failure> {
    let bytes = std::fs::read(file).or_fail(file.display())?;
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let library = Library { config, known };
    let mut dag = None;
    let find = |named: Option<&str>| {
        let found = match named {
            None => beside(file, folder, &library)?,
            Some(name) if is_path(name) => library.open(&folder.join(name), None)?,
            Some(id) => by_id(id, [folder, &config.dags], &library)?,
        };
        dag = Some(found.clone());
        Ok(found.dag)
    };
    let shown = file.display().to_string();
    let reading = case::read(&Source::new(&shown, &bytes), known, find);
    Ok(Loaded { reading, text: String::from_utf8_lossy(&bytes).into_owned(), dag })
}

fn is_path(name: &str) -> bool {
    name.contains('/') || [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending))
}

fn beside(file: &Path, folder: &Path, library: &Library<'_>) -> Result<DagText, NoDag> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem_of_test(&name).unwrap_or_default();
    let candidates: [PathBuf; 2] = ["yaml", "yml"].map(|ending| folder.join(format!("{stem}.{ending}")));
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => library.open(path, None),
        None => Err(NoDag {
            message: format!("there is no {} to test", candidates[0].display()),
            help: "name the DAG: `dag: FILE` or `dag: ID`".into(),
        }),
    }
}

fn by_id(id: &str, folders: [&Path; 2], library: &Library<'_>) -> Result<DagText, NoDag> {
    for folder in folders {
        for file in dag_files(folder) {
            let path = folder.join(file);
            if library
                .read(&path)
                .is_ok_and(|(found, _, _)| found.dags.iter().any(|dag| dag.id.as_str() == id))
            {
                return library.open(&path, Some(id));
            }
        }
    }
    Err(NoDag {
        message: format!(
            "there is no DAG `{id}` without faults in {} or {}",
            folders[0].display(),
            folders[1].display()
        ),
        help: "`nightrun validate` shows faults; `dag: FILE` names a file".into(),
    })
}

/// Where DAG files are read, and what with.
struct Library<'a> {
    config: &'a Config,
    known: &'a Known,
}

impl Library<'_> {
    /// What a file gives, with its bytes and the defaults of its folders.
    fn read(&self, path: &Path) -> std::io::Result<(dag::Reading, Vec<u8>, Vec<DefaultsFile>)> {
        let bytes = std::fs::read(path)?;
        let (root, folder) = (&self.config.dags, path.parent().unwrap_or(Path::new(".")));
        let mut known = self.known.clone();
        known.calendars = calendars::of_folder(folder, root).read.known;
        let defaults = Above::new(root, None).of(path);
        let shown = path.display().to_string();
        Ok((dag::read(&Source::new(&shown, &bytes).with(&defaults), &known), bytes, defaults))
    }

    /// The only DAG of a file, or the one of this id where it has several.
    fn open(&self, path: &Path, id: Option<&str>) -> Result<DagText, NoDag> {
        let shown = path.display().to_string();
        let (found, bytes, defaults) = self.read(path).map_err(|fault| NoDag {
            message: format!("{shown}: {fault}"),
            help: "the path is taken from the folder of this file".into(),
        })?;
        let errors = found.diagnostics.iter().filter(|it| it.is_error()).count();
        if found.dags.len() > 1 && id.is_none() {
            let ids: Vec<String> = found.dags.iter().map(|dag| dag.id.to_string()).collect();
            let message = format!("{shown} defines several DAGs");
            return Err(NoDag { message, help: format!("choose one with `dag: ID`: {}", ids.join(", ")) });
        }
        let mut dags = found.dags.into_iter().zip(found.pieces);
        let chosen = dags.find(|(dag, _)| id.is_none_or(|id| dag.id.as_str() == id));
        let (dag, piece) = chosen.ok_or_else(|| NoDag {
            message: format!("{shown} has {errors} error{}", if errors == 1 { "" } else { "s" }),
            help: format!("`nightrun validate {shown}` shows them"),
        })?;
        let path = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&bytes)[piece].into();
        let hash = hash_of(&path, &bytes);
        Ok(DagText { dag: Arc::new(dag), path, text, defaults: defaults.into(), hash })
    }
}
