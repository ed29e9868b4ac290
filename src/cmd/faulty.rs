//! Files of the DAG folder that have faults, as the store last heard of them.

use std::path::Path;

use nightrun_core::id::DagId;
use nightrun_engine::store::{Fault, FileFaults, Page, Reader};

use super::target::says_id;
use crate::config::Config;
use crate::failure::Failure;
use crate::wire;

/// How many files with errors there are, and how to see what is wrong with them.
pub(super) fn footer(page: &Page, config: &Config) -> Result<Option<String>, Fault> {
    let files: Vec<FileFaults> = page.faults(None)?.into_iter().filter(has_errors).collect();
    Ok(match files.as_slice() {
        [] => None,
        [only] => Some(format!("1 file has faults: {}", validate(&only.path, config))),
        all => {
            Some(format!("{} files have faults: `nightrun validate {}`", all.len(), config.dags.display()))
        }
    })
}

/// That there is no such DAG, or that the file which should define it has faults.
pub(super) fn no_dag(page: &Page, config: &Config, name: &str) -> Result<Failure, Fault> {
    let faulty = page.faults(None)?.into_iter().filter(has_errors).find(|file| {
        let stem = Path::new(&file.path).file_stem().is_some_and(|stem| stem == name);
        stem || std::fs::read(config.dags.join(&file.path)).is_ok_and(|bytes| says_id(&bytes, name))
    });
    let none = Failure::new(format!("there is no DAG `{name}`")).help("`nightrun dags` lists them");
    Ok(faulty.map_or(none, |file| {
        Failure::new(format!("there is no DAG `{name}`: the file {} has faults", file.path))
            .help(format!("{} shows them", validate(&file.path, config)))
    }))
}

/// What to say where a server refused something for a DAG: that its file has faults, if it is not in force.
pub(super) fn instead(failure: Failure, config: &Config, name: &str) -> Failure {
    let reader = Reader::open(&wire::database(&config.data));
    let found = reader.and_then(|reader| {
        reader.read_now(|page| match page.dag(&DagId::from(name), 0)? {
            Some(_) => Ok(None),
            None => no_dag(page, config, name).map(Some),
        })
    });
    found.ok().flatten().unwrap_or(failure)
}

fn has_errors(file: &FileFaults) -> bool {
    file.faults.as_array().into_iter().flatten().any(|fault| fault["severity"] == "error")
}

fn validate(path: &str, config: &Config) -> String {
    format!("`nightrun validate {}`", config.dags.join(path).display())
}
