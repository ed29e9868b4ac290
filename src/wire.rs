//! Builds everything that runs, once, and passes it on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{Known, read};
use nightrun_engine::clock::{Clock, system_clock};
use nightrun_engine::exec::{Local, environment, files, sweep};
use nightrun_engine::keep::Keeper;
use nightrun_engine::run::{Handle, Parse, Parts, Scheduler, Vars, hash_of};
use nightrun_engine::store::{DATABASE, Page, Reader, Writer};
use nightrun_web::App;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::failure::{Failure, OrFail};
use crate::say;

/// How long processes that a crashed scheduler left behind may take to end by themselves.
const SWEEP_GRACE: Duration = Duration::from_secs(2);

/// A scheduler that is ready to run.
pub(crate) struct Wired {
    pub(crate) scheduler: Scheduler,
    pub(crate) clock: Clock,
    pub(crate) database: PathBuf,
}

/// Where the database of a data folder is.
pub(crate) fn database(data: &Path) -> PathBuf {
    data.join(DATABASE)
}

/// Opens the store, ends what a crashed scheduler left behind, and puts a scheduler together.
/// `dags` is the folder that paths of DAG files are relative to; without `schedules` nothing fires.
pub(crate) fn scheduler(config: &Config, dags: &Path, schedules: bool) -> Result<Wired, Failure> {
    files::raise_limit();
    let clock = system_clock();
    let dags = dags.canonicalize().map_err(|fault| {
        Failure::usage(format!("the DAG folder {}: {fault}", dags.display())).help("name it with --dags DIR")
    })?;
    // Makes the folder, closed to others.
    let writer = Writer::open(&database(&config.data)).map_err(Failure::new)?;
    let data = config.data.canonicalize().or_fail(config.data.display())?;
    let store_id = Reader::open(&database(&data)).and_then(|reader| reader.read_now(Page::store_id));
    // A copy of a store has its id; the place tells them apart, so that neither ends the other's processes.
    let store_id = hash_of(&data.to_string_lossy(), store_id.map_err(Failure::new)?.as_bytes());
    let swept =
        sweep::end_all(&store_id, SWEEP_GRACE).or_fail("processes left behind cannot be looked for")?;
    for left in &swept.ended {
        tracing::warn!(
            pid = left.pid,
            attempt = left.marker,
            "ended a process that the last scheduler left behind"
        );
    }
    let (words, heard) = mpsc::unbounded_channel();
    let executor = Local::new(words, clock.clone()).or_fail("the executor cannot start")?;
    let parse = parse_with(config.known(clock()));
    let scheduler = Scheduler::new(Parts {
        data,
        dags,
        slots: config.slots,
        max_items: config.max_items,
        pools: config.pools.clone(),
        schedules,
        clock: clock.clone(),
        writer,
        executor: Arc::new(executor),
        words: heard,
        operators: nightrun_plugins::builtin(),
        hooks: config.hooks.clone(),
        parse,
        environment: with_own_folder(environment::inherited()),
        vars: vars(),
        store_id,
    })
    .map_err(Failure::new)?;
    Ok(Wired { scheduler, clock, database: database(&config.data) })
}

/// The vars of the environment of this program.
pub(crate) fn vars() -> Vars {
    Vars::new(environment::vars())
}

/// What the pages and the API over the store of this configuration are made from; `handle` leads to the loop.
pub(crate) fn app(config: &Config, handle: Handle) -> Result<App, Failure> {
    let keeper = keeper(config)?;
    Ok(App {
        reader: keeper.reader.clone(),
        handle,
        data: config.data.clone(),
        dags: config.dags.clone(),
        clock: keeper.clock.clone(),
        parse: keeper.parse.clone(),
        version: say::version().to_owned(),
        vars: vars(),
        hosts: Vec::new(),
        slots: config.slots,
        pools: config.pools.clone(),
        zone: config.zone.clone(),
        access: config.access,
        keeper,
    })
}

/// What forgets old runs of the store of this configuration.
pub(crate) fn keeper(config: &Config) -> Result<Keeper, Failure> {
    let clock = system_clock();
    Ok(Keeper {
        reader: Reader::open(&database(&config.data)).map_err(Failure::new)?,
        data: config.data.clone(),
        parse: parse_with(config.known(clock())),
        default: config.keep,
        clock,
    })
}

/// Puts the folder of this program last on `PATH`, so that a task can call `nightrun output`.
fn with_own_folder(mut environment: Vec<(String, String)>) -> Vec<(String, String)> {
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent).and_then(Path::to_str);
    let path = environment.iter_mut().find(|(name, _)| name == "PATH");
    if let (Some(folder), Some((_, path))) = (folder, path)
        && path.split(':').all(|known| known != folder)
    {
        *path = format!("{path}:{folder}");
    }
    environment
}

/// Reads stored DAG texts: they were good once, so a pool, a calendar or a destination that is gone since does
/// not matter.
pub(crate) fn parse_with(mut known: Known) -> Parse {
    (known.any_pool, known.any_calendar, known.any_destination) = (true, true, true);
    Arc::new(move |source| {
        let dag: Option<Dag> = read(source, &known).dags.into_iter().next();
        dag.map(Arc::new)
    })
}
