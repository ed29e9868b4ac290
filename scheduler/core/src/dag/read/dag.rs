//! The keys of the DAG itself, and everything put together.

use std::collections::HashMap;

use super::Reader;
use super::entry::{Owner, is_meant};
use super::group::DraftGroup;
use super::hook::DraftHook;
use super::settings::Settings;
use super::task::DraftTask;
use super::value::as_written;
use crate::dag::check;
use crate::dag::keys::{Level, dag as keys, task as task_keys};
use crate::dag::spec::{Dag, Keep, Overlap, Param, Var};
use crate::dag::tree::{Kind, Map, Node};
use crate::diag::{Code, Fault, Span};
use crate::id::{DagId, is_name};

/// A DAG whose parts are read, before the checks of how they hang together.
pub(crate) struct Draft<'n, 'a> {
    pub(crate) groups: Vec<DraftGroup<'n, 'a>>,
    pub(crate) tasks: Vec<DraftTask<'n, 'a>>,
    pub(crate) params: Vec<Param>,
    pub(crate) vars: Vec<Var>,
    /// The DAG's own `env`, whose templates every task renders.
    pub(crate) env: Option<&'n Node<'a>>,
    pub(crate) hooks: Vec<DraftHook<'n, 'a>>,
}

/// The id in the `group` of a task.
fn group_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    let Kind::Map(map) = &node.kind else { return None };
    as_written(map.get(task_keys::GROUP.name)?)
}

impl Draft<'_, '_> {
    /// Ids among which one is looked for that was perhaps meant: not all, where there are very many.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.tasks.iter().map(|draft| draft.task.id.as_str()).filter(|id| !id.is_empty()).take(2_000)
    }
}

impl Reader<'_> {
    /// The DAG of a document; complete only where no error was reported.
    pub(super) fn dag(&mut self, root: &Node<'_>, path: &str) -> Option<Dag> {
        let Kind::Map(map) = &root.kind else {
            let message = format!("a DAG file is a map of keys, and this is {}", root.what());
            self.faults.add(
                Fault::new(Code::WrongType, root.at, message).help("put the tasks in a list under `tasks:`"),
            );
            return None;
        };
        self.check_keys(map, Owner { level: Level::Dag, name: "the DAG" });
        let id = self.dag_id(map, path);
        self.dag.clone_from(&id);
        let params = self.read(map, &keys::PARAMS, Self::params).unwrap_or_default();
        let firing = self.firing(map);
        let base = self.base(map);
        let defaults = self.defaults(map, &base);
        let groups = self.groups(map, &defaults);
        let tasks = self.tasks(map, &defaults, &groups);
        let env = self.read(map, &keys::ENV, Self::env).unwrap_or_default();
        let hooks = self.hooks(map, &base, &[], Level::Dag);
        let deadline = self.read(map, &keys::DEADLINE, Self::deadline);
        self.check_finish(map, deadline.as_ref(), &firing);
        if map.get(keys::DEADLINE.name).is_none() {
            self.no_effect(map, &keys::ON_LATE, "without a `deadline`");
        }
        let mut dag = Dag {
            id: DagId::from(id.as_str()),
            description: self.read(map, &keys::DESCRIPTION, Self::owned_text),
            owner: self.read(map, &keys::OWNER, Self::owned_text),
            tags: self.read(map, &keys::TAGS, Self::texts).unwrap_or_default(),
            doc_md: self.read(map, &keys::DOC_MD, Self::owned_text),
            enabled: self.read(map, &keys::ENABLED, Self::boolean).unwrap_or(true),
            timetable: firing.timetable,
            zone: firing.zone,
            start: firing.start,
            end: firing.end,
            catchup: firing.catchup,
            max_active_runs: self.read(map, &keys::MAX_ACTIVE_RUNS, Self::integer).unwrap_or(1),
            overlap: self.read(map, &keys::OVERLAP, Self::word).unwrap_or(Overlap::Queue),
            max_active_tasks: self.read(map, &keys::MAX_ACTIVE_TASKS, Self::integer),
            timeout: self.read(map, &keys::TIMEOUT, Self::duration),
            deadline,
            fail_fast: self.read(map, &keys::FAIL_FAST, Self::boolean).unwrap_or(false),
            keep: Keep {
                runs: self.read(map, &keys::KEEP_RUNS, Self::integer),
                days: self.read(map, &keys::KEEP_DAYS, Self::integer),
            },
            params: Vec::new(),
            vars: Vec::new(),
            env,
            hooks: Vec::new(),
            tasks: Vec::new(),
            graph: crate::graph::Graph::new(0, &[]).ok()?,
            groups: Vec::new(),
            fans: Vec::new(),
        };
        let vars = self.read(map, &keys::VARS, Self::vars).unwrap_or_default();
        let env = map.get(keys::ENV.name);
        let mut draft = Draft { groups, tasks: tasks?, params, vars, env, hooks };
        let checked = check::check(&mut draft, self)?;
        check::check_endless(&dag.id, &draft, &checked.graph, self.faults);
        (dag.graph, dag.groups, dag.fans) = (checked.graph, checked.groups, checked.fans);
        dag.params = draft.params;
        dag.vars = draft.vars;
        dag.hooks = draft.hooks.into_iter().map(|draft| draft.hook).collect();
        dag.tasks = draft.tasks.into_iter().map(DraftTask::finish).collect();
        self.wait_for_previous(map, &mut dag);
        Some(dag)
    }

    /// Lets the first tasks of a run wait for the run before.
    fn wait_for_previous(&mut self, map: &Map<'_>, dag: &mut Dag) {
        if self.read(map, &keys::WAIT_FOR_PREVIOUS, Self::boolean).unwrap_or(false) {
            for at in dag.graph.order().iter().filter(|at| dag.graph.upstream(**at).next().is_none()) {
                dag.tasks[at.at()].waits.push(self.previous(None));
            }
        }
        let waits = dag.waits_for_previous();
        if let Some(entry) =
            map.entry(keys::OVERLAP.name).filter(|_| waits && dag.overlap == Overlap::Replace)
        {
            let message = "`overlap: replace` cancels the run that `wait_for_previous` waits for";
            let fault = Fault::new(Code::KeysClash, entry.key_at, message);
            self.faults
                .add(fault.help("leave out one of them; with `overlap: queue` runs follow each other"));
        }
    }

    /// Reports what is wrong with the keys of a folder's defaults that no other part reads.
    pub(super) fn limits(&mut self, map: &Map<'_>) {
        self.read(map, &keys::OWNER, Self::owned_text);
        self.read(map, &keys::TAGS, Self::texts);
        self.read(map, &keys::ENABLED, Self::boolean);
        self.read(map, &keys::MAX_ACTIVE_RUNS, Self::integer::<u32>);
        self.read(map, &keys::WAIT_FOR_PREVIOUS, Self::boolean);
        self.read::<Overlap>(map, &keys::OVERLAP, Self::word);
        self.read(map, &keys::MAX_ACTIVE_TASKS, Self::integer::<u32>);
        self.read(map, &keys::TIMEOUT, Self::duration);
        self.read(map, &keys::FAIL_FAST, Self::boolean);
        self.read(map, &keys::VARS, Self::vars);
        self.read(map, &keys::ENV, Self::env);
    }

    /// The id in the file, or the file's stem.
    fn dag_id(&mut self, map: &Map<'_>, path: &str) -> String {
        if let Some(node) = map.get(keys::ID.name) {
            return self.name(&keys::ID, node).unwrap_or_default().to_owned();
        }
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let stem = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file);
        if !is_name(stem) {
            let message = format!("the DAG has no `id`, and its file's name `{stem}` cannot be one");
            let help = "give it one: `id: nightly_sales`; letters, digits, `.`, `_` and `-`";
            self.faults.add(Fault::new(Code::BadName, Span::default(), message).help(help));
        }
        stem.to_owned()
    }

    /// What the DAG itself says of how things are run.
    pub(super) fn base<'n, 'a>(&mut self, map: &'n Map<'a>) -> Settings<'n, 'a> {
        let mut base = Settings::default();
        if let Some(shell) = self.read(map, &keys::SHELL, Self::command) {
            base.shell = shell;
        }
        base.working_dir =
            self.read(map, &keys::WORKING_DIR, |r, key, node| r.some_text(key, node).map(|_| node));
        base
    }

    /// What tasks have where they say nothing: `defaults` over the DAG's own keys.
    pub(super) fn defaults<'n, 'a>(&mut self, map: &'n Map<'a>, base: &Settings<'n, 'a>) -> Settings<'n, 'a> {
        let Some(defaults) = map.get(keys::DEFAULTS.name) else { return base.clone() };
        let Some(defaults) = self.map(&keys::DEFAULTS, defaults) else { return base.clone() };
        self.check_keys(defaults, Owner { level: Level::Defaults, name: "`defaults`" });
        self.settings(defaults, base)
    }

    /// Every task gets a copy of what it takes over, so that a small file could ask for a lot of memory.
    fn check_inherited(&mut self, map: &Map<'_>, tasks: usize) -> Option<()> {
        let sources = [&keys::DEFAULTS, &keys::SHELL, &keys::WORKING_DIR];
        let largest =
            sources.iter().filter_map(|key| map.entry(key.name)).max_by_key(|entry| entry.value.weight());
        let Some(entry) = largest else { return Some(()) };
        if entry.value.weight().saturating_mul(tasks) <= self.known.limits.inherited {
            return Some(());
        }
        let message = format!("`{}` is too large for {tasks} tasks that all take it over", entry.key);
        let help = "keep long texts in files of their own, or divide the DAG";
        self.faults.add(Fault::new(Code::TooLarge, entry.key_at, message).help(help));
        None
    }

    fn tasks<'n, 'a>(
        &mut self,
        map: &'n Map<'a>,
        defaults: &Settings<'n, 'a>,
        groups: &[DraftGroup<'n, 'a>],
    ) -> Option<Vec<DraftTask<'n, 'a>>> {
        let Some(entry) = map.entry(keys::TASKS.name) else {
            if is_meant(map, Level::Dag, &keys::TASKS) {
                return None;
            }
            let at = map.entries.first().map(|entry| entry.key_at).unwrap_or_default();
            let fault = Fault::new(Code::MissingKey, at, "the DAG has no `tasks`");
            self.faults
                .add(fault.help("add `tasks:` with at least one task: `- {id: extract, run: ./extract.sh}`"));
            return None;
        };
        if let Kind::Map(tasks) = &entry.value.kind {
            let first = tasks.entries.first().map_or("extract", |entry| &entry.key);
            let fault = Fault::new(Code::WrongType, entry.value.at, "`tasks` is a list, and this is a map");
            self.faults.add(fault.help(format!("write `- id: {first}` and indent its keys beneath `id`")));
            return None;
        }
        let nodes = self.list(&keys::TASKS, &entry.value)?;
        if nodes.is_empty() {
            let fault = Fault::new(Code::Empty, entry.value.at, "`tasks` is empty");
            self.faults.add(fault.help("a DAG has at least one task: `- {id: extract, run: ./extract.sh}`"));
        }
        self.check_inherited(map, nodes.len())?;
        let scopes: HashMap<&str, &Settings<'n, 'a>> =
            groups.iter().map(|group| (group.id, &group.settings)).collect();
        let scope =
            |node: &Node<'_>| group_of(node).and_then(|id| scopes.get(id)).copied().unwrap_or(defaults);
        let tasks: Vec<_> =
            nodes.iter().enumerate().map(|(at, node)| self.task(node, at + 1, scope(node))).collect();
        Some(tasks.into_iter().flatten().collect())
    }
}
