//! `nightrun run`: one run, here and now, without a server. The exit code is the verdict.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::decide::{Answer, DagText, Event, HookState, RunRequest, RunState, TaskState, Transition};
use nightrun_core::id::{AttemptId, RunId};
use nightrun_engine::clock::system_clock;
use nightrun_engine::logs::LogPaths;
use nightrun_engine::run::{Handle, News};
use nightrun_engine::store::{Reader, RunShow, TaskShow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::called;
use super::progress::Progress;
use super::target::{self, Target};
use crate::cli::Run;
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::{say, wire};

/// How many failed tasks are shown with their logs.
const SHOWN: usize = 20;

/// How long the end of the program waits for hooks.
const HOOKS_WAIT: Duration = Duration::from_mins(1);

/// How many lines of a failed task's log are shown.
const TAIL: usize = 20;

/// The output by which a task says what its run has to say: text that is printed when the run is over.
const REPORT: &str = "report";

pub(crate) fn run(args: Run) -> Verdict {
    say::start_tracing(tracing::Level::WARN);
    let config = Config::load(Given { dags: args.dags.dags, slots: args.slots, ..Given::default() })?;
    let now = system_clock()();
    let target = target::find(&args.target.named(), &config, now)?;
    let params = target::params(&target.dag, &args.params.params)?;
    let logical_date = target::at(&target.dag, args.params.at.as_deref())?;
    let temporary = tempfile::Builder::new().prefix("nightrun-").tempdir().or_fail("no temporary folder")?;
    let kept = args.data.is_some();
    let config = Config { data: args.data.unwrap_or_else(|| temporary.path().to_owned()), ..config };
    let request = RunRequest {
        dag: target.dag.id.clone(),
        params,
        logical_date,
        part: args.part.into(),
        force: true,
        by: "nightrun run".into(),
    };
    let called = called::by(&target, &config, now);
    let progress = if args.quiet { None } else { Some(Progress::new(&target.dag)) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let object = runtime.or_fail("the runtime cannot start")?.block_on(play(
        &config,
        (target, called),
        request,
        progress,
    ))?;
    if args.json {
        say::json(&object)?;
    } else {
        if !args.quiet {
            conclude(&config.data, &object, kept);
        }
        print_reports(&object, args.quiet);
    }
    Ok(if object.state == RunState::Success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs it to its end, and gives back what the store holds of it.
async fn play(
    config: &Config,
    (target, called): (Target, Vec<DagText>),
    request: RunRequest,
    mut progress: Option<Progress>,
) -> Result<RunShow, Failure> {
    let wired = wire::scheduler(config, &target.root.clone(), false)?;
    let unfinished = wired.scheduler.unfinished();
    if unfinished > 0 {
        let help = "`nightrun serve` goes on with them; or name another folder with --data";
        return Err(
            Failure::new(format!("{unfinished} runs in {} are not over", config.data.display())).help(help)
        );
    }
    let handle = wired.scheduler.handle();
    let mut news = handle.news();
    let read = called.into_iter().chain([target.into_text()]).collect();
    let first = Event::DagsRead { read, gone: vec![], faults: vec![] };
    let interrupts = Interrupts::listen()?;
    let loop_ = tokio::spawn(wired.scheduler.run(vec![first]));
    let run = match handle.request(Event::RunRequested(request)).await.or_fail("the run")? {
        Answer::Run(run) => run,
        Answer::Refused(refusal) => return Err(Failure::usage(refusal)),
        _ => return Err(Failure::new("the run was not made")),
    };
    let interrupts = tokio::spawn(interrupts.cancel(handle.clone(), run));
    loop {
        let ended = match news.recv().await {
            Ok(News { at, facts, .. }) => {
                if let Some(progress) = &mut progress {
                    facts.iter().for_each(|fact| progress.take(run, at, fact));
                }
                facts.iter().any(ends_a_run) && is_quiet(&wired.database)?
            }
            Err(RecvError::Lagged(_)) => is_quiet(&wired.database)?,
            Err(RecvError::Closed) => true,
        };
        if ended {
            break;
        }
    }
    wait_for_hooks(&mut news, &wired.database, config, run).await?;
    interrupts.abort();
    handle.stop(false);
    loop_.await.or_fail("the scheduler")?;
    if let Some(progress) = progress {
        progress.finish();
    }
    look(&wired.database, config, run)
}

/// Waits until the hooks of a run that is over are delivered or given up, though not for ever.
async fn wait_for_hooks(
    news: &mut Receiver<News>,
    database: &Path,
    config: &Config,
    run: RunId,
) -> Result<(), Failure> {
    let all_over = async {
        while look(database, config, run)?.hooks.iter().any(|hook| hook.state == HookState::Pending) {
            // Whatever comes, the store is looked at again.
            if let Err(RecvError::Closed) = news.recv().await {
                break;
            }
        }
        Ok(())
    };
    // What is left then is shown as pending.
    tokio::time::timeout(HOOKS_WAIT, all_over).await.unwrap_or(Ok(()))
}

/// What the store holds of the run.
fn look(database: &Path, config: &Config, run: RunId) -> Result<RunShow, Failure> {
    let found =
        Reader::open(database).and_then(|reader| reader.read_now(|page| page.run(run, Some(&config.data))));
    found.map_err(Failure::new)?.ok_or_else(|| Failure::new("the store has lost the run"))
}

fn ends_a_run(fact: &Transition) -> bool {
    matches!(fact, Transition::RunMoved { to, .. } if to.is_final())
}

/// True when no run goes on: neither the one that was asked for, nor what it called without waiting. What is queued
/// then is held up by somebody.
pub(super) fn is_quiet(database: &Path) -> Result<bool, Failure> {
    let found = Reader::open(database).and_then(|reader| reader.read_now(|page| page.active_runs(None)));
    found.map_err(Failure::new).map(|active| active.running + active.stopping == 0)
}

/// Ctrl-C and SIGTERM, heard from before the first process of a run lives.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(super) fn listen() -> Result<Self, Failure> {
        let hear = |kind| signal(kind).or_fail("signals cannot be heard");
        Ok(Self { interrupt: hear(SignalKind::interrupt())?, terminate: hear(SignalKind::terminate())? })
    }

    /// They end the program.
    pub(super) async fn leave(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        std::process::exit(130);
    }

    /// They end the run in order; a second one ends the program.
    pub(super) async fn cancel(mut self, handle: Handle, run: RunId) {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            if std::mem::replace(&mut asked, true) {
                std::process::exit(130);
            }
            anstream::eprintln!("ending the run; once more to leave at once");
            handle.tell(Event::CancelRequested { run, by: "an interrupt".into() });
        }
    }
}

/// What went wrong, with the end of its log, and the verdict.
fn conclude(data: &Path, run: &RunShow, kept: bool) {
    if run.state != RunState::Success {
        let failed = run.instances().filter(|task| task.state == TaskState::Failed);
        failed.take(SHOWN).for_each(|task| show_failed(data, run.run_id, task));
    }
    let verdict = say::state(run.state.as_str(), 0);
    let took = say::took(run.started_at, run.ended_at);
    anstream::eprintln!(
        "\n{} {} {verdict} in {took}: {}",
        say::sign(run.state.as_str()),
        run.dag,
        run.reason
    );
    for hook in run.hooks.iter().filter(|hook| hook.state != HookState::Delivered) {
        let error = hook.error.as_deref().unwrap_or("not tried to its end");
        anstream::eprintln!(
            "{} {} ({}) is {}: {error}",
            say::sign("failed"),
            hook.on,
            hook.action,
            hook.state.as_str()
        );
    }
    if kept {
        let data = data.display();
        anstream::eprintln!("look at it again with: nightrun runs show {} --data {data}", run.run_id);
    }
}

/// A failed task with the end of what it printed.
fn show_failed(data: &Path, run: RunId, task: &TaskShow) {
    anstream::eprintln!("\n{} {}: {}", say::sign("failed"), task.name(), task.reason);
    let Some(attempt) = last_attempt(run, task) else { return };
    let paths = LogPaths::new(data);
    for path in [paths.stdout(attempt), paths.log(attempt)] {
        let log = nightrun_engine::logs::tail(&path, TAIL).unwrap_or_default();
        // What a task prints must not steer the terminal.
        nightrun_engine::logs::plain(&log).lines().for_each(|line| anstream::eprintln!("  │ {line}"));
    }
}

/// The reports of a run, as they are, on standard output: `nightrun run sales.yaml > report.md` works.
fn print_reports(run: &RunShow, quiet: bool) {
    for report in run.tasks.iter().filter_map(|task| task.outputs.get(REPORT)?.as_str()) {
        if !quiet {
            anstream::eprintln!();
        }
        say::println(report.trim_end_matches('\n'));
    }
}

fn last_attempt(run: RunId, task: &TaskShow) -> Option<AttemptId> {
    let instance = task.instance(run);
    task.attempts.last().map(|attempt| AttemptId { instance, number: attempt.number })
}
