//! `nightrun test`: plays the cases of `*.test.yaml` files, and says which did not come true, and why.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::case::Case;
use nightrun_core::dag::Known;
use nightrun_core::decide::DagText;
use nightrun_core::diag::Diagnostic;
use nightrun_engine::clock::{Clock, system_clock};
use nightrun_engine::run::test_files;
use nightrun_engine::sim::{self, Mismatch, Setting};
use serde::Serialize;

use super::suite;
use super::target::say_faults;
use crate::cli::Test;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn test(args: &Test) -> Verdict {
    let folder = args.paths.iter().find(|path| path.is_dir()).cloned();
    let config = Config::load(Given { dags: folder, ..Given::default() })?;
    let files = files_of(args, &config)?;
    let clock = system_clock();
    let mut stage = Stage {
        known: config.known(clock()),
        setting: Setting {
            slots: config.slots,
            pools: config.pools.clone(),
            max_items: config.max_items,
            url: config.hooks.url.clone(),
            operators: nightrun_plugins::builtin(),
        },
        config,
        clock,
        filter: args.filter.as_deref().unwrap_or_default(),
        silent: args.json,
    };
    let begun = (stage.clock)();
    let suites = files.iter().map(|file| stage.suite(file)).collect::<Result<Vec<_>, _>>()?;
    let report = Report::of(suites, (stage.clock)().since(begun));
    if report.passed + report.failed + report.faulty == 0 {
        let name = stage.filter;
        return Err(Failure::usage(format!("no case has `{name}` in its name")));
    }
    if args.json {
        say::json(&report)?;
    } else {
        say::println(&report.summary());
    }
    Ok(if report.failed + report.faulty == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The files of cases that were asked for.
fn files_of(args: &Test, config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let paths = if args.paths.is_empty() { std::slice::from_ref(&config.dags) } else { &args.paths };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(test_files(path).into_iter().map(|file| path.join(file)));
        } else if !path.is_file() {
            return Err(Failure::usage(format!("there is no file or folder {}", path.display())));
        } else if suite::is_suite(path) {
            files.push(path.clone());
        } else {
            files.push(beside(path)?);
        }
    }
    if files.is_empty() {
        let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let help =
            "cases of `nightly.yaml` stand in `nightly.test.yaml` beside it; docs/testing.md shows how";
        return Err(Failure::usage(format!("there are no cases in {}", shown.join(", "))).help(help));
    }
    Ok(files)
}

/// The cases of a DAG file.
fn beside(path: &Path) -> Result<PathBuf, Failure> {
    let stem = path.with_extension("");
    let candidates =
        [".test.yaml", ".test.yml"].map(|ending| PathBuf::from(format!("{}{ending}", stem.display())));
    let message = || format!("there is no {}, so {} has no cases", candidates[0].display(), path.display());
    candidates.iter().find(|it| it.is_file()).cloned().ok_or_else(|| Failure::usage(message()))
}

/// Where cases are played.
struct Stage<'a> {
    known: Known,
    setting: Setting,
    config: Config,
    clock: Clock,
    filter: &'a str,
    /// Nothing is said before the end.
    silent: bool,
}

/// What came of one file.
#[derive(Serialize)]
struct SuiteResult {
    file: String,
    dag: Option<String>,
    cases: Vec<CaseResult>,
    faults: Vec<Diagnostic>,
}

/// What came of one case.
#[derive(Serialize)]
struct CaseResult {
    name: String,
    line: usize,
    passed: bool,
    /// How long it took to play.
    took_ms: f64,
    /// How long its run took by its own clock.
    run_ms: u64,
    mismatches: Vec<Mismatch>,
}

impl Stage<'_> {
    fn suite(&mut self, file: &Path) -> Result<SuiteResult, Failure> {
        let suite::Loaded { reading, text, dag } = suite::load(file, &self.config, &self.known)?;
        let mut result = SuiteResult {
            file: file.display().to_string(),
            dag: dag.as_ref().map(|dag| dag.dag.id.to_string()),
            cases: Vec::new(),
            faults: reading.diagnostics,
        };
        if !self.silent {
            say_faults(&result.faults, &text);
        }
        let (Some(suite), Some(dag)) = (reading.suite, dag) else { return Ok(result) };
        let wanted: Vec<&Case> = suite.cases.iter().filter(|case| case.name.contains(self.filter)).collect();
        if !wanted.is_empty() && !self.silent {
            say::println(&result.file);
        }
        for case in wanted {
            let played = self.case(case, dag.clone());
            if !self.silent {
                played.say(&result.file);
            }
            result.cases.push(played);
        }
        Ok(result)
    }

    fn case(&self, case: &Case, dag: DagText) -> CaseResult {
        let begun = (self.clock)();
        let spec = dag.dag.clone();
        let story = sim::play(case, dag, &self.setting);
        let mismatches = sim::judge(case, &spec, &story);
        CaseResult {
            name: case.name.clone(),
            line: case.line,
            passed: mismatches.is_empty(),
            took_ms: (self.clock)().since(begun).as_secs_f64() * 1e3,
            run_ms: u64::try_from(story.took.as_millis()).unwrap_or(u64::MAX),
            mismatches,
        }
    }
}

impl CaseResult {
    fn say(&self, file: &str) {
        let state = if self.passed { "success" } else { "failed" };
        let (style, sign) = (say::style_of(state), say::sign(state));
        let took = say::length(Duration::from_secs_f64(self.took_ms / 1e3));
        say::println(&format!("  {style}{sign}{style:#} {}  {took}", self.name));
        if !self.passed {
            say::println(&format!("      at {file}:{}", self.line));
        }
        for Mismatch { what, expected, actual, why } in &self.mismatches {
            say::println(&format!("      {what}"));
            say_value("expected", expected);
            say_value("actual", actual);
            if let Some(why) = why.as_ref().filter(|why| *why != actual) {
                say_value("because", why);
            }
        }
    }
}

/// A word and what it is about, which may have several lines.
fn say_value(word: &str, value: &str) {
    let mut lines = value.lines();
    say::println(&format!("        {:<9} {}", format!("{word}:"), lines.next().unwrap_or_default()));
    lines.for_each(|line| say::println(&format!("        {:<9} {line}", "")));
}

/// What came of all files.
#[derive(Serialize)]
struct Report {
    passed: usize,
    failed: usize,
    /// Files with errors, whose cases were not played.
    faulty: usize,
    took_ms: f64,
    files: Vec<SuiteResult>,
}

impl Report {
    fn of(files: Vec<SuiteResult>, took: Duration) -> Self {
        let count =
            |passed| files.iter().flat_map(|it| &it.cases).filter(|case| case.passed == passed).count();
        let is_faulty = |file: &&SuiteResult| file.faults.iter().any(Diagnostic::is_error);
        let faulty = files.iter().filter(is_faulty).count();
        Self { passed: count(true), failed: count(false), faulty, took_ms: took.as_secs_f64() * 1e3, files }
    }

    fn summary(&self) -> String {
        let total = self.passed + self.failed;
        let took = say::length(Duration::from_secs_f64(self.took_ms / 1e3));
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let faulty = match self.faulty {
            0 => String::new(),
            1 => ", 1 file cannot be read".to_owned(),
            count => format!(", {count} files cannot be read"),
        };
        let cases = if total == 1 { "case" } else { "cases" };
        format!("{total} {cases}: {} passed{failed}{faulty}, in {took}", self.passed)
    }
}
