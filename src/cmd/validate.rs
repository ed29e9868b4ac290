//! `nightrun validate`: every fault of every file, and nothing else.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nightrun_core::dag::{Known, Source, read};
use nightrun_core::diag::Diagnostic;
use nightrun_core::id::DagId;
use nightrun_engine::clock::system_clock;
use nightrun_engine::run::dag_files;

use super::target::say_faults;
use crate::cli::{Format, Validate};
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

pub(crate) fn validate(args: &Validate) -> Verdict {
    let folder = args.paths.iter().find(|path| path.is_dir()).cloned();
    let config = Config::load(Given { dags: folder, ..Given::default() })?;
    let paths = if args.paths.is_empty() { std::slice::from_ref(&config.dags) } else { &args.paths };
    let known = config.known(system_clock()());
    let mut all = Vec::new();
    let mut faulty = 0;
    let mut seen: Vec<(DagId, PathBuf)> = Vec::new();
    let mut twice = false;
    let files = files(paths)?;
    for file in &files {
        let (faults, ids) = look(file, &known, args.format)?;
        faulty += usize::from(faults.iter().any(Diagnostic::is_error));
        all.extend(faults);
        for id in ids {
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == id) {
                twice = true;
                anstream::eprintln!(
                    "error: DAG `{id}` is defined in {} and in {}",
                    first.display(),
                    file.display()
                );
            }
            seen.push((id, file.clone()));
        }
    }
    match args.format {
        Format::Json => say::json(&all)?,
        Format::Github => all.iter().for_each(annotate),
        Format::Text if faulty > 0 => anstream::eprintln!("{faulty} of {} files cannot be run", files.len()),
        Format::Text => {}
    }
    Ok(if faulty > 0 || twice { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(dag_files(path).into_iter().map(|file| path.join(file)));
        } else if path.exists() {
            files.push(path.clone());
        } else {
            return Err(Failure::usage(format!("there is no file or folder {}", path.display())));
        }
    }
    Ok(files)
}

fn look(file: &Path, known: &Known, format: Format) -> Result<(Vec<Diagnostic>, Vec<DagId>), Failure> {
    let bytes = std::fs::read(file).or_fail(file.display())?;
    let shown = file.display().to_string();
    let reading = read(&Source::new(&shown, &bytes), known);
    if format == Format::Text {
        say_faults(&reading.diagnostics, &String::from_utf8_lossy(&bytes));
    }
    Ok((reading.diagnostics, reading.dags.into_iter().map(|dag| dag.id).collect()))
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
