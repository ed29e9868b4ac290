//! `nightrun validate`: every fault of every file, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{
    DEFAULTS_FILE, Known, Others, Reading, Source, Written, read, read_defaults, unknown_elsewhere,
};
use nightrun_core::diag::Diagnostic;
use nightrun_core::id::DagId;
use nightrun_engine::clock::system_clock;
use nightrun_engine::run::{CALENDARS, CalendarFolder, calendar_folder, dag_files, defaults_files};

use super::suite;
use super::target::say_faults;
use crate::above::Above;
use crate::calendars;
use crate::cli::{Format, Validate};
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

pub(crate) fn validate(args: &Validate) -> Verdict {
    let dags = Config::load(Given::default())?.dags;
    let folder = args.paths.iter().find(|path| path.is_dir()).cloned();
    let config = Config::load(Given { dags: folder, ..Given::default() })?;
    let paths = if args.paths.is_empty() { std::slice::from_ref(&config.dags) } else { &args.paths };
    let mut look = Look {
        config: &config,
        known: config.known(system_clock()()),
        above: Above::new(&dags, None),
        seen: BTreeSet::new(),
        dags: Vec::new(),
        others: Others::new(),
        format: args.format,
        all: Vec::new(),
        files: 0,
        faulty: 0,
    };
    for path in paths {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        if folder.file_name().is_some_and(|name| name == CALENDARS) {
            look.at_calendars(folder.parent().unwrap_or(Path::new("")), Some(path));
            continue;
        }
        look.known.calendars = calendars::of_folder(folder, &config.dags).read.known;
        if path.is_dir() {
            look.at_calendars(path, None);
            let mut taken = BTreeMap::new();
            (look.dags, look.others) = Default::default();
            look.above = Above::new(&dags, Some(path));
            for file in defaults_files(path) {
                look.at_defaults(&path.join(file))?;
            }
            for file in dag_files(path) {
                look.at(&path.join(file), &mut taken)?;
            }
            look.at_all();
        } else if path.file_name().is_some_and(|name| name == DEFAULTS_FILE) && path.exists() {
            look.at_defaults(path)?;
        } else if path.exists() {
            look.at(path, &mut BTreeMap::new())?;
        } else {
            return Err(Failure::usage(format!("there is no file or folder {}", path.display())));
        }
    }
    match args.format {
        Format::Json => say::json(&look.all)?,
        Format::Github => look.all.iter().for_each(annotate),
        Format::Text if look.faulty > 0 => {
            anstream::eprintln!("{} of {} files cannot be run", look.faulty, look.files);
        }
        Format::Text => {}
    }
    Ok(if look.faulty > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A DAG that names others, and where it stands.
struct Found {
    dag: Arc<Dag>,
    shown: String,
    text: Arc<str>,
    piece: Range<usize>,
}

/// The DAGs that a file with faults may define.
fn may_define(file: &Path, text: &str) -> impl Iterator<Item = DagId> {
    let quoted = |id: &str| DagId::from(id.trim().trim_matches(['"', '\'']));
    let stem = file.file_stem().map(|stem| DagId::from(stem.to_string_lossy().as_ref()));
    stem.into_iter().chain(text.lines().filter_map(|line| line.strip_prefix("id:")).map(quoted))
}

/// Reads files and gathers what is wrong with them.
struct Look<'a> {
    config: &'a Config,
    known: Known,
    above: Above,
    /// Defaults of folders that were looked at.
    seen: BTreeSet<PathBuf>,
    /// The DAGs of the folder that name others, as they were read.
    dags: Vec<Found>,
    others: Others,
    format: Format,
    all: Vec<Diagnostic>,
    files: usize,
    faulty: usize,
}

impl Look<'_> {
    /// Looks at the `_defaults.yaml` of one folder; once.
    fn at_defaults(&mut self, file: &Path) -> Result<(), Failure> {
        if self.seen.insert(file.canonicalize().or_fail(file.display())?) {
            let bytes = std::fs::read(file).or_fail(file.display())?;
            let found = read_defaults(&Source::new(&file.display().to_string(), &bytes), &self.known);
            self.take(found, &String::from_utf8_lossy(&bytes));
        }
        Ok(())
    }

    /// Looks at one file. `taken`: the DAGs of its folder that were read before it, with their files.
    fn at(&mut self, file: &Path, taken: &mut BTreeMap<DagId, String>) -> Result<(), Failure> {
        let bytes = std::fs::read(file).or_fail(file.display())?;
        let text = String::from_utf8_lossy(&bytes);
        let shown = file.display().to_string();
        let defaults = self.above.of(file);
        for above in &defaults {
            self.at_defaults(Path::new(&above.path))?;
        }
        if suite::is_suite(file) {
            let found = suite::load(file, self.config, &self.known)?.reading.diagnostics;
            self.take(found, &text);
            return Ok(());
        }
        let source = Source::new(&shown, &bytes).with(&defaults);
        let Reading { dags, pieces, mut diagnostics } = read(&source, &self.known);
        if dags.is_empty() {
            self.others.extend(may_define(file, &text).map(|id| (id, None)));
        }
        for (dag, piece) in dags.into_iter().zip(pieces) {
            if let Some(first) = taken.get(&dag.id) {
                diagnostics.push(Diagnostic::duplicate_dag(&shown, &text, dag.id.as_str(), first));
            } else {
                taken.insert(dag.id.clone(), shown.clone());
                let dag = Arc::new(dag);
                self.others.insert(dag.id.clone(), Some(dag.clone()));
                if dag.tasks.iter().any(|task| !task.waits.is_empty() || task.work.as_call().is_some()) {
                    self.dags.push(Found { dag, shown: shown.clone(), text: text.clone().into(), piece });
                }
            }
        }
        self.take(diagnostics, &text);
        Ok(())
    }

    /// Looks at what the DAGs of a folder say of each other.
    fn at_all(&mut self) {
        for Found { dag, shown, text, piece } in std::mem::take(&mut self.dags) {
            let written = Written { path: &shown, text: &text, piece };
            let found = unknown_elsewhere(&dag, &written, &self.others);
            if self.format == Format::Text {
                say_faults(&found, &text);
            }
            self.all.extend(found);
        }
    }

    /// Says and keeps what was found in one file.
    fn take(&mut self, found: Vec<Diagnostic>, text: &str) {
        if self.format == Format::Text {
            say_faults(&found, text);
        }
        self.files += 1;
        self.faulty += usize::from(found.iter().any(Diagnostic::is_error));
        self.all.extend(found);
    }

    /// Looks at the calendars of a DAG folder, or at only one of their files.
    fn at_calendars(&mut self, root: &Path, only: Option<&Path>) {
        let CalendarFolder { read, texts, .. } = calendar_folder(root);
        for (path, text) in texts {
            let full = root.join(&path);
            if only.is_some_and(|only| only.is_file() && only != full) {
                continue;
            }
            let shown: Arc<str> = full.display().to_string().into();
            let found = read.faults.iter().filter(|(of, _)| *of == path).flat_map(|(_, found)| found.clone());
            let found: Vec<_> = found.map(|fault| Diagnostic { path: shown.clone(), ..fault }).collect();
            self.take(found, &text);
        }
    }
}

/// One annotation of GitHub Actions.
fn annotate(fault: &Diagnostic) {
    let level = if fault.is_error() { "error" } else { "warning" };
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let help = fault.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    say::println(&format!(
        "::{level} file={},line={},col={},title={}::{}",
        escape(&fault.path),
        fault.place.line,
        fault.place.column,
        fault.code,
        escape(&format!("{}{help}", fault.message)),
    ));
}
