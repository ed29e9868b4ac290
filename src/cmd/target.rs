//! From `FILE|DAG` to a DAG that was read, with its faults said.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{Known, Reading, Source, read};
use nightrun_core::decide::{DagText, Values};
use nightrun_core::diag::{Diagnostic, Style};
use nightrun_core::time::Timestamp;
use nightrun_engine::run::{dag_files, hash_of};

use crate::config::Config;
use crate::failure::{Failure, OrFail};

/// A DAG that somebody named.
pub(crate) struct Target {
    pub(crate) dag: Arc<Dag>,
    /// The folder its path is relative to.
    pub(crate) root: PathBuf,
    pub(crate) path: String,
    pub(crate) text: Arc<str>,
}

impl Target {
    /// As the core is told of it.
    pub(crate) fn into_text(self) -> DagText {
        let hash = hash_of(&self.path, self.text.as_bytes());
        DagText { dag: self.dag, path: self.path, text: self.text, hash }
    }
}

/// Reads the file of this name, or the file in the DAG folder that defines the DAG of this id.
/// Its faults are said on standard error; an error among them ends it.
pub(crate) fn find(name: &str, config: &Config, now: Timestamp) -> Result<Target, Failure> {
    let known = config.known(now);
    let path = Path::new(name);
    if path.is_file() {
        let root = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return open(root, file, name, &known);
    }
    let looks_like_a_file =
        [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending)) || name.contains('/');
    if looks_like_a_file {
        return Err(Failure::usage(format!("there is no file {name}")));
    }
    for file in dag_files(&config.dags) {
        let full = config.dags.join(&file);
        let bytes = std::fs::read(&full).unwrap_or_default();
        let Reading { dags, .. } = read(&Source::new(&file, &bytes), &known);
        let stem = Path::new(&file).file_stem().is_some_and(|stem| stem == name);
        if dags.iter().any(|dag| dag.id.as_str() == name) || (dags.is_empty() && stem) {
            let shown = full.display().to_string();
            return open(config.dags.clone(), file, &shown, &known);
        }
    }
    let help = "name a file, or the folder with --dags DIR";
    Err(Failure::usage(format!("there is no DAG `{name}` in {}", config.dags.display())).help(help))
}

fn open(root: PathBuf, path: String, shown: &str, known: &Known) -> Result<Target, Failure> {
    let bytes = std::fs::read(root.join(&path)).or_fail(shown)?;
    let Reading { dags, diagnostics } = read(&Source::new(shown, &bytes), known);
    let text: Arc<str> = String::from_utf8_lossy(&bytes).into();
    say_faults(&diagnostics, &text);
    if let Some(dag) = dags.into_iter().next() {
        return Ok(Target { dag: Arc::new(dag), root, path, text });
    }
    let errors = diagnostics.iter().filter(|it| it.is_error()).count();
    let faults = if errors == 1 { "an error".to_owned() } else { format!("{errors} errors") };
    Err(Failure::new(format!("{shown} has {faults}, so it was not run")))
}

/// Says faults as a compiler does, on standard error.
pub(crate) fn say_faults(diagnostics: &[Diagnostic], text: &str) {
    let style = if std::io::stderr().is_terminal() { Style::Colored } else { Style::Plain };
    for fault in diagnostics {
        anstream::eprintln!("{}\n", fault.render(text, style).trim_end());
    }
}

/// Reads `-p name=value` by the types of the DAG's params.
pub(crate) fn params(dag: &Dag, given: &[String]) -> Result<Values, Failure> {
    let mut values = Values::new();
    for pair in given {
        let (name, text) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("`{pair}` is not NAME=VALUE")))?;
        let Some(param) = dag.params.iter().find(|param| param.name == name) else {
            let names: Vec<&str> = dag.params.iter().map(|param| param.name.as_str()).collect();
            let help =
                if names.is_empty() { "it has none".into() } else { format!("it has {}", names.join(", ")) };
            return Err(Failure::usage(format!("DAG `{}` has no param `{name}`", dag.id)).help(help));
        };
        values.insert(name.to_owned(), param.read_text(text).map_err(Failure::usage)?);
    }
    Ok(values)
}

/// Reads `--at`: an instant with its offset, or a date or local time in the DAG's zone.
pub(crate) fn at(dag: &Dag, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let at = dag.zone.read_instant(text);
    at.map(Some).ok_or_else(|| {
        let help = "write 2026-11-21, 2026-11-21T01:30 (in the DAG's zone) or 2026-11-21T01:30:00Z";
        Failure::usage(format!("`{text}` is no date")).help(help)
    })
}
