//! From a file of test cases to its cases and the DAG that they test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightrun_core::case::{self, NoDag, Reading};
use nightrun_core::dag::{Known, Source, read};
use nightrun_core::decide::DagText;
use nightrun_engine::run::{dag_files, hash_of, stem_of_test};

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
    let mut dag = None;
    let find = |named: Option<&str>| {
        let found = match named {
            None => beside(file, folder, known)?,
            Some(name) if is_path(name) => open(&folder.join(name), known, None)?,
            Some(id) => by_id(id, [folder, &config.dags], known)?,
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

fn beside(file: &Path, folder: &Path, known: &Known) -> Result<DagText, NoDag> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem_of_test(&name).unwrap_or_default();
    let candidates: [PathBuf; 2] = ["yaml", "yml"].map(|ending| folder.join(format!("{stem}.{ending}")));
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => open(path, known, None),
        None => Err(NoDag {
            message: format!("there is no {} to test", candidates[0].display()),
            help: "name the DAG: `dag: FILE` or `dag: ID`".into(),
        }),
    }
}

fn by_id(id: &str, folders: [&Path; 2], known: &Known) -> Result<DagText, NoDag> {
    for folder in folders {
        for file in dag_files(folder) {
            let bytes = std::fs::read(folder.join(&file)).unwrap_or_default();
            let found = read(&Source::new(&file, &bytes), known);
            if found.dags.iter().any(|dag| dag.id.as_str() == id) {
                return open(&folder.join(file), known, Some(id));
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

/// The DAG of a file, or the one of this id where it has several.
fn open(path: &Path, known: &Known, id: Option<&str>) -> Result<DagText, NoDag> {
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|fault| NoDag {
        message: format!("{shown}: {fault}"),
        help: "the path is taken from the folder of this file".into(),
    })?;
    let found = read(&Source::new(&shown, &bytes), known);
    let errors = found.diagnostics.iter().filter(|it| it.is_error()).count();
    let dag = found.dags.into_iter().find(|dag| id.is_none_or(|id| dag.id.as_str() == id));
    let dag = dag.ok_or_else(|| NoDag {
        message: format!("{shown} has {errors} error{}", if errors == 1 { "" } else { "s" }),
        help: format!("`nightrun validate {shown}` shows them"),
    })?;
    let path = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let hash = hash_of(&path, &bytes);
    Ok(DagText { dag: Arc::new(dag), path, text: String::from_utf8_lossy(&bytes).into(), hash })
}
