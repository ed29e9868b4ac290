//! From `FILE|DAG` to a DAG that was read, with its faults said.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightrun_core::dag::spec::{Dag, Param};
use nightrun_core::dag::{DefaultsFile, Known, Reading, Source, read};
use nightrun_core::decide::{DagText, Values};
use nightrun_core::diag::{Diagnostic, Style};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::run::{dag_files, hash_with, version_hash};

use crate::above::Above;
use crate::calendars;
use crate::config::Config;
use crate::failure::{Failure, OrFail};

/// A DAG that somebody named.
pub(crate) struct Target {
    pub(crate) dag: Arc<Dag>,
    /// The folder its path is relative to.
    pub(crate) root: PathBuf,
    pub(crate) path: String,
    pub(crate) text: Arc<str>,
    pub(crate) defaults: Arc<[DefaultsFile]>,
}

impl Target {
    /// As the core is told of it.
    pub(crate) fn into_text(self) -> DagText {
        let hash = version_hash(&hash_with(&self.path, self.text.as_bytes(), &self.defaults), &self.dag);
        DagText { dag: self.dag, path: self.path, text: self.text, defaults: self.defaults, hash }
    }
}

/// Which DAG somebody named.
pub(crate) struct Named<'a> {
    /// A file, a file with `#id`, or the id of a DAG.
    pub(crate) target: &'a str,
    /// Which DAG of the file.
    pub(crate) dag: Option<&'a str>,
}

/// Reads the file of this name, or the file in the DAG folder that defines the DAG of this id.
/// Its faults are said on standard error; an error among them ends it.
pub(crate) fn find(named: &Named<'_>, config: &Config, now: Timestamp) -> Result<Target, Failure> {
    let (mut known, above) = (config.known(now), Above::new(&config.dags, None));
    let (name, id) = match named.target.rsplit_once('#') {
        Some((file, id)) if !Path::new(named.target).is_file() => (file, Some(id)),
        _ => (named.target, None),
    };
    let id = named.dag.or(id);
    let path = Path::new(name);
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new("."));
        known.calendars = calendars::of_folder(folder, &config.dags).read.known;
        let root = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return File { root, path: file, shown: name, defaults: above.of(path) }.open(id, &known);
    }
    let looks_like_a_file =
        [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending)) || name.contains('/');
    if looks_like_a_file {
        return Err(Failure::usage(format!("there is no file {name}")));
    }
    known.calendars = calendars::of_folder(&config.dags, &config.dags).read.known;
    for file in dag_files(&config.dags) {
        let full = config.dags.join(&file);
        let bytes = std::fs::read(&full).unwrap_or_default();
        let defaults = above.of(&full);
        let Reading { dags, .. } = read(&Source::new(&file, &bytes).with(&defaults), &known);
        let stem = Path::new(&file).file_stem().is_some_and(|stem| stem == name);
        let defined = dags.iter().any(|dag| dag.id.as_str() == name);
        if defined || (dags.is_empty() && (stem || says_id(&bytes, name))) {
            let (root, shown) = (config.dags.clone(), full.display().to_string());
            return File { root, path: file, shown: &shown, defaults }.open(Some(name), &known);
        }
    }
    let help = "name a file, or the folder with --dags DIR";
    Err(Failure::usage(format!("there is no DAG `{name}` in {}", config.dags.display())).help(help))
}

/// True when a line of a broken file says this id.
pub(super) fn says_id(bytes: &[u8], id: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().any(|line| line.strip_prefix("id:").is_some_and(|said| said.trim() == id))
}

/// A file that is to be opened.
struct File<'a> {
    root: PathBuf,
    path: String,
    shown: &'a str,
    defaults: Vec<DefaultsFile>,
}

impl File<'_> {
    /// The DAG of this id; without one, the only DAG of the file.
    fn open(self, id: Option<&str>, known: &Known) -> Result<Target, Failure> {
        let Self { root, path, shown, defaults } = self;
        let bytes = std::fs::read(root.join(&path)).or_fail(shown)?;
        let source = Source::new(shown, &bytes).with(&defaults);
        let Reading { dags, pieces, diagnostics } = read(&source, known);
        let text = String::from_utf8_lossy(&bytes);
        say_faults(&diagnostics, &text);
        if dags.is_empty() {
            let errors = diagnostics.iter().filter(|it| it.is_error()).count();
            let faults = if errors == 1 { "an error".to_owned() } else { format!("{errors} errors") };
            return Err(Failure::new(format!("{shown} has {faults}, so it was not run")));
        }
        let ids = dags.iter().map(|dag| dag.id.to_string()).collect::<Vec<_>>().join(", ");
        let mut found = dags.into_iter().zip(pieces);
        let chosen = match id {
            Some(id) => found.find(|(dag, _)| dag.id.as_str() == id),
            None if found.len() > 1 => {
                let help = format!("choose one with {shown}#ID or --dag ID: {ids}");
                return Err(Failure::usage(format!("{shown} defines several DAGs")).help(help));
            }
            None => found.next(),
        };
        let Some((dag, piece)) = chosen else {
            let fault = format!("there is no DAG `{}` in {shown}", id.unwrap_or_default());
            return Err(Failure::usage(fault).help(format!("it defines {ids}")));
        };
        let (dag, text) = (Arc::new(dag), text[piece].into());
        Ok(Target { dag, root, path, text, defaults: defaults.into() })
    }
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
    read_params(dag.id.as_str(), &dag.params, given)
}

/// The same where only the params of the DAG are known.
pub(crate) fn read_params(dag: &str, params: &[Param], given: &[String]) -> Result<Values, Failure> {
    let mut values = Values::new();
    for pair in given {
        let (name, text) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("`{pair}` is not NAME=VALUE")))?;
        let Some(param) = params.iter().find(|param| param.name == name) else {
            let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
            let help =
                if names.is_empty() { "it has none".into() } else { format!("it has {}", names.join(", ")) };
            return Err(Failure::usage(format!("DAG `{dag}` has no param `{name}`")).help(help));
        };
        values.insert(name.to_owned(), param.read_text(text).map_err(Failure::usage)?);
    }
    Ok(values)
}

/// Reads `--at`: an instant with its offset, or a date or local time in the DAG's zone.
pub(crate) fn at(dag: &Dag, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    read_at(&dag.zone, text)
}

/// The same where only the zone of the DAG is known.
pub(crate) fn read_at(zone: &Zone, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let at = zone.read_instant(text);
    at.map(Some).ok_or_else(|| {
        let help = "write 2026-11-21, 2026-11-21T01:30 (in the DAG's zone) or 2026-11-21T01:30:00Z";
        Failure::usage(format!("`{text}` is no date")).help(help)
    })
}
