//! The configuration: flags before environment (both come in by clap) before `nightrun.yaml` before defaults.
//! Read once; each value knows where it came from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nightrun_core::dag::Known;
use nightrun_core::dag::spec::Keep;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use serde::Deserialize;

use crate::failure::Failure;

/// Slots of the executor when nobody says otherwise.
const SLOTS: u32 = 16;

/// How many items a `foreach` may have when nobody says otherwise.
const MAX_ITEMS: usize = 10_000;

/// What `nightrun.yaml` may say. An unknown key is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dags: Option<PathBuf>,
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    slots: Option<u32>,
    timezone: Option<String>,
    max_items: Option<usize>,
    keep_runs: Option<u32>,
    keep_days: Option<u32>,
    #[serde(default)]
    pools: BTreeMap<String, u32>,
}

/// What flags and environment say.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) dags: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) slots: Option<u32>,
}

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Config {
    /// The folder of DAG files.
    pub(crate) dags: PathBuf,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// How many attempts run at once.
    pub(crate) slots: u32,
    /// How many items a `foreach` may have.
    pub(crate) max_items: usize,
    /// How long ended runs of a DAG are kept that says nothing of it.
    pub(crate) keep: Keep,
    /// Slots of each pool.
    pub(crate) pools: BTreeMap<String, u32>,
    /// The zone of a DAG that names none.
    pub(crate) zone: Zone,
    /// Where each value came from.
    pub(crate) sources: BTreeMap<&'static str, String>,
}

impl Config {
    /// Puts together what was given, what the file says, and the defaults. The file is `nightrun.yaml`
    /// here, or in the DAG folder.
    pub(crate) fn load(given: Given) -> Result<Self, Failure> {
        let folder = given.dags.clone().unwrap_or_else(|| "dags".into());
        let path = [PathBuf::from("nightrun.yaml"), folder.join("nightrun.yaml")]
            .into_iter()
            .find(|it| it.is_file());
        let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let from = path.map_or_else(String::new, |path| path.display().to_string());
        let mut sources = BTreeMap::new();
        let dags = pick(&mut sources, "dags", given.dags, file.dags, &from, || "dags".into());
        let data = pick(&mut sources, "data", given.data, file.data, &from, || ".nightrun".into());
        let home = || SocketAddr::from(([127, 0, 0, 1], 8080));
        let listen = pick(&mut sources, "listen", given.listen, file.listen, &from, home);
        let slots = pick(&mut sources, "slots", given.slots, file.slots, &from, || SLOTS);
        let max_items = pick(&mut sources, "max_items", None, file.max_items, &from, || MAX_ITEMS);
        let keep = Keep {
            runs: pick(&mut sources, "keep_runs", None, file.keep_runs.map(Some), &from, || None),
            days: pick(&mut sources, "keep_days", None, file.keep_days.map(Some), &from, || None),
        };
        let zone = pick(&mut sources, "timezone", None, file.timezone, &from, || "UTC".into());
        sources.insert("pools", if file.pools.is_empty() { "default".into() } else { from.clone() });
        if slots == 0 || file.pools.values().any(|slots| *slots == 0) {
            return Err(Failure::usage(format!("{from}: `slots` must be at least 1")));
        }
        if keep.runs == Some(0) || keep.days == Some(0) {
            let help = "leave them out to keep all runs";
            let message = format!("{from}: `keep_runs` and `keep_days` must be at least 1");
            return Err(Failure::usage(message).help(help));
        }
        let zone = Zone::parse(&zone).map_err(|fault| Failure::usage(format!("{from}: {fault}")))?;
        Ok(Self { dags, data, listen, slots, max_items, keep, pools: file.pools, zone, sources })
    }

    /// What DAG files are read against.
    pub(crate) fn known(&self, now: Timestamp) -> Known {
        let mut known = Known::new(self.zone.clone(), now);
        known.pools.clone_from(&self.pools);
        known.operators = nightrun_plugins::builtin().signatures();
        known
    }
}

fn pick<T>(
    sources: &mut BTreeMap<&'static str, String>,
    name: &'static str,
    given: Option<T>,
    file: Option<T>,
    from: &str,
    default: impl FnOnce() -> T,
) -> T {
    let (value, source) = match (given, file) {
        (Some(value), _) => (value, "flag or environment"),
        (None, Some(value)) => (value, from),
        (None, None) => (default(), "default"),
    };
    sources.insert(name, source.to_owned());
    value
}

fn read(path: &Path) -> Result<File, Failure> {
    let show = path.display();
    let text = std::fs::read_to_string(path).map_err(|fault| Failure::usage(format!("{show}: {fault}")))?;
    let keys = "it may set dags, data, listen, slots, max_items, keep_runs, keep_days, timezone and pools";
    serde_yaml::from_str::<Option<File>>(&text)
        .map(Option::unwrap_or_default)
        .map_err(|fault| Failure::usage(format!("{show}: {fault}")).help(keys))
}
