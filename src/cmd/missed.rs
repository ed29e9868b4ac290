//! What fires when a DAG that was paused goes on.

use nightrun_core::dag::spec::{CatchupPolicy, Dag};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{DagItem, Fault, Page, Reader};

use crate::config::Config;
use crate::wire;

/// Most DAGs that are looked through.
const MOST: u32 = 1_000;

/// What is said of the ticks that waited for the end of a pause; empty where none did.
pub(super) fn missed(config: &Config, only: Option<&str>) -> String {
    let found = Reader::open(&wire::database(&config.data))
        .and_then(|reader| reader.read_now(|page| sentence(page, config, only)));
    // It only adds to what was done: a store that cannot be read is no failure of that.
    found.unwrap_or_default()
}

fn sentence(page: &Page, config: &Config, only: Option<&str>) -> Result<String, Fault> {
    let now = system_clock()();
    if only.is_some() && page.everything_paused()? {
        return Ok("; but everything is paused: `nightrun unpause --all`".to_owned());
    }
    let dags = match only {
        Some(id) => page.dag(&DagId::from(id), 0)?.into_iter().collect(),
        None => page.dags(None, MOST, 0)?,
    };
    let parse = wire::parse_with(config.known(now));
    let mut late = Vec::new();
    for dag in dags.into_iter().filter(|dag| !dag.retired && (only.is_some() || !dag.paused)) {
        let spec = page.version(dag.version)?.and_then(|version| parse(&version.source()));
        late.extend(spec.filter(|spec| has_missed(spec, &dag, now)).map(|spec| (dag.dag, spec)));
    }
    Ok(match late.as_slice() {
        [] => String::new(),
        [(id, dag)] => {
            let which = match dag.catchup.policy {
                CatchupPolicy::All => format!("up to {} of them fire now", dag.catchup.limit),
                _ => "the newest of them fires now".to_owned(),
            };
            let of = if only.is_some() { String::new() } else { format!(" of {id}") };
            format!("; ticks{of} waited meanwhile: {which} (`catchup: {}`)", word(dag.catchup.policy))
        }
        all => format!("; ticks of {} DAGs waited meanwhile, and fire now by their `catchup`", all.len()),
    })
}

/// Ticks of a DAG that catches up wait while it is paused; of others they are skipped.
fn has_missed(spec: &Dag, dag: &DagItem, now: Timestamp) -> bool {
    spec.enabled
        && spec.catchup.policy != CatchupPolicy::None
        && spec.instants_after(dag.cursor).next().is_some_and(|at| at <= now)
}

fn word(policy: CatchupPolicy) -> &'static str {
    match policy {
        CatchupPolicy::None => "none",
        CatchupPolicy::Latest => "latest",
        CatchupPolicy::All => "all",
    }
}
