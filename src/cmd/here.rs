//! Verbs that change what has been ask the server of the data folder; where none runs, they do it here and
//! now, as `nightrun run` does.

use std::path::Path;

use nightrun_core::decide::{Answer, Event, RunState, Transition};
use nightrun_core::id::{BackfillId, RunId};
use nightrun_engine::run::{Handle, News};
use serde_json::{Value as Json, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::run::{Interrupts, is_quiet};
use crate::config::Config;
use crate::failure::{Failure, OrFail};
use crate::{say, wire};

/// Asks a scheduler that is made for this request alone, and lets it work until what was asked for is over.
/// `first` is what it must know before.
pub(crate) fn ask(config: &Config, first: Vec<Event>, event: Event) -> Result<Json, Failure> {
    say::start_tracing(tracing::Level::WARN);
    // Who brings a DAG may begin with nothing: a backfill makes the first runs of a new store.
    if first.is_empty() && !wire::database(&config.data).exists() {
        let help = "name the data folder with --data DIR";
        return Err(Failure::new(format!("there is no store in {}", config.data.display())).help(help));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.or_fail("the runtime cannot start")?.block_on(work(config, first, event))
}

/// The same on a copy of the store, so that nothing of it stays: for a dry run.
pub(crate) fn try_out(config: &Config, first: Vec<Event>, event: Event) -> Result<Json, Failure> {
    let stored = wire::database(&config.data);
    if first.is_empty() || !stored.exists() {
        return ask(config, first, event);
    }
    let scratch = tempfile::tempdir().or_fail("a folder for the copy of the store")?;
    nightrun_engine::store::backup(&stored, &wire::database(scratch.path())).map_err(Failure::new)?;
    ask(&Config { data: scratch.path().to_owned(), ..config.clone() }, first, event)
}

async fn work(config: &Config, first: Vec<Event>, event: Event) -> Result<Json, Failure> {
    let wired = wire::scheduler(config, &config.dags, false)?;
    let unfinished = wired.scheduler.unfinished();
    if unfinished > 0 {
        let help = "start `nightrun serve`: it goes on with them, and takes this request";
        let sentence = format!("{unfinished} runs in {} are not over", config.data.display());
        return Err(Failure::new(sentence).help(help));
    }
    let handle = wired.scheduler.handle();
    let mut news = handle.news();
    let interrupts = Interrupts::listen()?;
    let loop_ = tokio::spawn(wired.scheduler.run(first));
    let answer = handle.request(event).await.or_fail("the scheduler")?;
    let (told, until) = match answer {
        Answer::Refused(refusal) => (Err(Failure::new(refusal)), Until::Now),
        Answer::Cleared(plan) => {
            let begun = !plan.dry_run && !plan.after.is_final();
            let run = plan.run_id.parse().map(RunId).ok().filter(|_| begun);
            (Ok(json!(plan)), run.map_or(Until::Now, Until::Run))
        }
        Answer::Backfill(plan) => (Ok(plan.to_json()), plan.backfill.map_or(Until::Now, Until::Backfill)),
        Answer::Done | Answer::Run(_) | Answer::Hold(_) | Answer::Tick(_) => (Ok(Json::Null), Until::Now),
    };
    wait((&handle, interrupts), &mut news, until, &wired.database).await?;
    handle.stop(false);
    loop_.await.or_fail("the scheduler")?;
    told
}

/// What is waited for.
enum Until {
    Now,
    Run(RunId),
    Backfill(BackfillId),
}

impl Until {
    fn is_met(&self, fact: &Transition) -> bool {
        match (self, fact) {
            (Self::Run(run), Transition::RunMoved { run: moved, to, .. }) => run == moved && to.is_final(),
            (Self::Backfill(id), Transition::BackfillMoved { backfill, to, .. }) => {
                id == backfill && to.is_final()
            }
            _ => false,
        }
    }
}

async fn wait(
    (handle, interrupts): (&Handle, Interrupts),
    news: &mut Receiver<News>,
    until: Until,
    database: &Path,
) -> Result<(), Failure> {
    let interrupts = match until {
        Until::Now => return Ok(()),
        Until::Run(run) => Some(tokio::spawn(interrupts.cancel(handle.clone(), run))),
        Until::Backfill(_) => Some(tokio::spawn(interrupts.leave())),
    };
    loop {
        match news.recv().await {
            Ok(News { facts, .. }) if facts.iter().any(|fact| until.is_met(fact)) => break,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => break,
        }
    }
    // What was called without waiting goes on.
    while !is_quiet(database)? {
        if let Err(RecvError::Closed) = news.recv().await {
            break;
        }
    }
    if let Some(interrupts) = interrupts {
        interrupts.abort();
    }
    Ok(())
}

/// The exit code of a verdict.
pub(crate) fn code_of(state: &str) -> std::process::ExitCode {
    if state == RunState::Success.as_str() {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    }
}
