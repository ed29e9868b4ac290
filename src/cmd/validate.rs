//! `nightrun validate`: every fault of every file, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use nightrun_core::dag::{Known, Reading, Source, read};
use nightrun_core::diag::Diagnostic;
use nightrun_core::id::DagId;
use nightrun_engine::clock::system_clock;
use nightrun_engine::run::dag_files;

use super::suite;
use super::target::say_faults;
use crate::cli::{Format, Validate};
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

pub(crate) fn validate(args: &Validate) -> Verdict {
    let folder = args.paths.iter().find(|path| path.is_dir()).cloned();
    let config = Config::load(Given { dags: folder, ..Given::default() })?;
    let paths = if args.paths.is_empty() { std::slice::from_ref(&config.dags) } else { &args.paths };
    let mut look = Look {
        config: &config,
        known: config.known(system_clock()()),
        format: args.format,
        all: Vec::new(),
        files: 0,
        faulty: 0,
    };
    for path in paths {
        if path.is_dir() {
            let mut taken = BTreeMap::new();
            for file in dag_files(path) {
                look.at(&path.join(file), &mut taken)?;
            }
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

/// Reads files and gathers what is wrong with them.
struct Look<'a> {
    config: &'a Config,
    known: Known,
    format: Format,
    all: Vec<Diagnostic>,
    files: usize,
    faulty: usize,
}

impl Look<'_> {
    /// Looks at one file. `taken`: the DAGs of its folder that were read before it, with their files.
    fn at(&mut self, file: &Path, taken: &mut BTreeMap<DagId, String>) -> Result<(), Failure> {
        let bytes = std::fs::read(file).or_fail(file.display())?;
        let text = String::from_utf8_lossy(&bytes);
        let shown = file.display().to_string();
        let Reading { dags, mut diagnostics } = if suite::is_suite(file) {
            let cases = suite::load(file, self.config, &self.known)?.reading;
            Reading { dags: Vec::new(), diagnostics: cases.diagnostics }
        } else {
            read(&Source::new(&shown, &bytes), &self.known)
        };
        for dag in dags {
            if let Some(first) = taken.get(&dag.id) {
                diagnostics.push(Diagnostic::duplicate_dag(&shown, &text, dag.id.as_str(), first));
            } else {
                taken.insert(dag.id, shown.clone());
            }
        }
        if self.format == Format::Text {
            say_faults(&diagnostics, &text);
        }
        self.files += 1;
        self.faulty += usize::from(diagnostics.iter().any(Diagnostic::is_error));
        self.all.extend(diagnostics);
        Ok(())
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
