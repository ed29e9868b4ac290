//! `nightrun dags history`, `diff`, `show`: the versions of a DAG.

use std::collections::BTreeMap;
use std::process::ExitCode;

use nightrun_core::id::{DagId, VersionId};
use nightrun_core::timetable::Timetable;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{DagItem, VersionText};
use serde_json::{Value as Json, json};
use similar::TextDiff;

use super::look::Looker;
use crate::cli::{DagDiff, DagHistory, DagShow};
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{say, wire};

/// Letters of a hash that are shown.
const HASH: usize = 12;

/// Lines around each difference.
const AROUND: usize = 3;

pub(crate) fn history(args: DagHistory) -> Verdict {
    let looker = Looker::open(args.look.data)?;
    let item = dag(&looker, &args.dag)?;
    let versions = looker.read(|page| page.versions(&item.dag, None, u32::MAX))?;
    let current = |version: VersionId| version == item.version && !item.retired;
    if args.look.json {
        let rows: Vec<Json> = versions
            .iter()
            .map(|it| {
                json!({
                    "version": it.version, "since": it.created_at, "hash": it.hash, "path": it.path,
                    "current": current(it.version),
                })
            })
            .collect();
        say::json(&rows)?;
    } else {
        let row = |it: &nightrun_engine::store::VersionItem| {
            let mark = if current(it.version) { "in force" } else { "" };
            let hash = it.hash.chars().take(HASH).collect();
            vec![
                it.version.0.to_string(),
                say::instant(Some(it.created_at)),
                hash,
                it.path.clone(),
                mark.into(),
            ]
        };
        let rows = versions.iter().map(row).collect();
        say::println(say::table(&["version", "since", "hash", "file", ""], rows).trim_end());
        warn_of_faults(&looker, &item)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn diff(args: DagDiff) -> Verdict {
    let looker = Looker::open(args.look.data)?;
    let item = dag(&looker, &args.dag)?;
    let new = args.new.map_or(item.version, VersionId);
    let old = match args.old {
        Some(old) => VersionId(old),
        None => looker
            .read(|page| page.versions(&item.dag, Some(new), 1))?
            .pop()
            .map(|it| it.version)
            .ok_or_else(|| Failure::new(format!("DAG `{}` has only one version", item.dag)))?,
    };
    let (old, new) = (version(&looker, &item, old)?, version(&looker, &item, new)?);
    let diff = unified(&old, &new);
    if args.look.json {
        say::json(
            &json!({ "dag": item.dag, "old": old.item.version, "new": new.item.version, "diff": diff }),
        )?;
    } else {
        say::println(diff.trim_end_matches('\n'));
    }
    Ok(ExitCode::SUCCESS)
}

/// The differences of the texts, and of the folder defaults they were read with.
fn unified(old: &VersionText, new: &VersionText) -> String {
    let mut files: BTreeMap<&str, [&str; 2]> = BTreeMap::new();
    for (side, version) in [old, new].into_iter().enumerate() {
        for file in &version.defaults {
            files.entry(&file.path).or_default()[side] = &file.text;
        }
    }
    let named = |path: &str, version: &VersionText| format!("{path} (version {})", version.item.version.0);
    let one = |(from, to): (&str, &str), texts: [&str; 2]| {
        let diff = TextDiff::from_lines(texts[0], texts[1]);
        let shown =
            diff.unified_diff().context_radius(AROUND).header(&named(from, old), &named(to, new)).to_string();
        if texts[0] == texts[1] { String::new() } else { shown }
    };
    let defaults: String = files.into_iter().map(|(path, texts)| one((path, path), texts)).collect();
    defaults + &one((&old.item.path, &new.item.path), [&old.text, &new.text])
}

pub(crate) fn show(args: DagShow) -> Verdict {
    let looker = Looker::open(args.look.data)?;
    let item = dag(&looker, &args.dag)?;
    let found = version(&looker, &item, args.version.map_or(item.version, VersionId))?;
    let current = found.item.version == item.version && !item.retired;
    if !args.look.json {
        let since = say::instant(Some(found.item.created_at));
        let mark = if current { "in force since" } else { "of" };
        anstream::eprintln!(
            "# version {} of {}, {mark} {since}, {}",
            found.item.version.0,
            item.dag,
            found.item.path
        );
        for file in &found.defaults {
            anstream::eprintln!("# read with {}", file.path);
        }
        say::println(found.text.trim_end_matches('\n'));
        warn_of_faults(&looker, &item)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(Given { data: Some(looker.data.clone()), ..Given::default() })?;
    let spec = wire::parse_with(config.known(system_clock()()))(&found.source());
    let spec = spec.as_deref();
    say::json(&json!({
        "dag": item.dag,
        "path": found.item.path,
        "version": found.item.version,
        "current": current,
        "since": found.item.created_at,
        "hash": found.item.hash,
        "text": found.text,
        "defaults": found.defaults,
        "description": spec.and_then(|dag| dag.description.clone()),
        "owner": spec.and_then(|dag| dag.owner.clone()),
        "tags": spec.map(|dag| dag.tags.clone()),
        "enabled": spec.map(|dag| dag.enabled),
        "schedule": spec.and_then(|dag| dag.timetable.as_ref()).map(Timetable::to_string),
        "params": spec.map(|dag| &dag.params),
        "vars": spec.map(|dag| &dag.vars),
        "tasks": spec.map(|dag| dag.tasks.iter().map(|task| task.id.clone()).collect::<Vec<_>>()),
        "paused": item.paused,
        "retired": item.retired,
        "faults": faults(&looker, &item)?,
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn dag(looker: &Looker, name: &str) -> Result<DagItem, Failure> {
    let id = DagId::from(name);
    let found = looker.read(|page| page.dag(&id, 0))?;
    found.ok_or_else(|| {
        Failure::new(format!("there is no DAG `{name}` in the store")).help("`nightrun dags` lists them")
    })
}

fn version(looker: &Looker, item: &DagItem, version: VersionId) -> Result<VersionText, Failure> {
    let found = looker.read(|page| page.version(version))?.filter(|found| found.item.dag == item.dag);
    found.ok_or_else(|| {
        Failure::new(format!("DAG `{}` has no version {}", item.dag, version.0))
            .help(format!("`nightrun dags history {}` lists them", item.dag))
    })
}

/// What is wrong with the DAG's file as it is on disk, as far as a server has seen it.
fn faults(looker: &Looker, item: &DagItem) -> Result<Json, Failure> {
    let found = looker.read(|page| page.faults(Some(&item.path)))?.pop();
    Ok(found.map_or(json!([]), |found| found.faults))
}

fn warn_of_faults(looker: &Looker, item: &DagItem) -> Result<(), Failure> {
    let faults = faults(looker, item)?;
    for fault in faults.as_array().into_iter().flatten() {
        let said = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        anstream::eprintln!(
            "{}[{}]: {}\n  --> {}:{}:{}",
            said("severity"),
            said("code"),
            said("message"),
            said("path"),
            fault["line"],
            fault["column"]
        );
    }
    if faults.as_array().is_some_and(|all| all.iter().any(|fault| fault["severity"] == "error")) {
        anstream::eprintln!("the file on disk has errors; the last good version stays in force");
    }
    Ok(())
}
