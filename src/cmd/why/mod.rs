//! `nightrun why`: one sentence for everything that waits, was left out or ended, with what would unblock it.

mod dag;
mod holders;
mod run;
mod task;
mod wait;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::VersionId;
use nightrun_core::time::Timestamp;
use nightrun_engine::clock::system_clock;
use nightrun_engine::run::Parse;
use nightrun_engine::store::LateShow;
use serde::Serialize;

use super::look::Looker;
use crate::cli::Why;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{client, say, wire};

/// How many names are said before the rest is counted.
const NAMED: usize = 5;

/// What is said of one thing.
#[derive(Serialize)]
struct Answer {
    what: String,
    state: String,
    why: String,
    /// What lets it go on, where something must happen or can be done.
    unblock: Option<String>,
}

pub(crate) fn why(args: Why) -> Verdict {
    let looker = Looker::open(args.look.data)?;
    let now = system_clock()();
    let config = Config::load(Given { data: Some(looker.data.clone()), ..Given::default() })?;
    let parse = wire::parse_with(config.known(now));
    let mut asker = Asker { looker, config, parse, now, specs: HashMap::new() };
    let mut answers = match args.target.parse::<i64>() {
        Ok(number) => asker.run(number, args.task.as_deref())?,
        Err(_) => asker.dag(&args.target, args.task.as_deref())?,
    };
    let waits =
        |answer: &Answer| matches!(answer.state.as_str(), "queued" | "waiting" | "up_for_retry" | "deferred");
    if answers.iter().any(waits) && !client::is_served(&asker.looker.data) {
        answers.push(Answer {
            what: "the scheduler".into(),
            state: "stopped".into(),
            why: format!("no scheduler works on {}, so nothing moves", asker.looker.data.display()),
            unblock: Some("`nightrun serve` goes on with it".into()),
        });
    }
    if args.look.json {
        say::json(&answers)?;
    } else {
        for Answer { what, state, why, unblock } in answers {
            let unblock = unblock.map_or_else(String::new, |unblock| format!("; {unblock}"));
            say::println(&format!("{} {what} is {state}: {why}{unblock}", say::sign(&state)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks up what the answers hang on.
struct Asker {
    looker: Looker,
    config: Config,
    parse: Parse,
    now: Timestamp,
    specs: HashMap<VersionId, Option<Arc<Dag>>>,
}

impl Asker {
    /// What a version of a DAG means; `None`: this program cannot read it.
    fn spec(&mut self, version: VersionId) -> Result<Option<Arc<Dag>>, Failure> {
        if let Some(known) = self.specs.get(&version) {
            return Ok(known.clone());
        }
        let text = self.looker.read(|page| page.version(version))?;
        let spec = text.and_then(|version| (self.parse)(&version.source()));
        self.specs.insert(version, spec.clone());
        Ok(spec)
    }
}

/// What is said of it, and the deadlines that it missed.
fn with_lateness(why: String, late: &[LateShow]) -> String {
    late.iter().fold(why, |why, it| format!("{why}; {}: {}", it.kind, it.kind.sentence(it.due)))
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names[..names.len() - more].join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}
