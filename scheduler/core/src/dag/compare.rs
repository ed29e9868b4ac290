//! What is different between two versions of a DAG, in the words of its file.

use serde::Serialize;

use super::spec::{Dag, Fan, Group, Matching, Task};

/// The difference between two versions of a DAG.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Keys of the DAG that mean something else now.
    pub keys: Vec<&'static str>,
    /// Ids of tasks that only the newer one has.
    pub added: Vec<String>,
    /// Ids of tasks that only the older one has.
    pub removed: Vec<String>,
    /// Tasks that both have and that are not the same, with the keys that differ.
    pub changed: Vec<TaskChanges>,
}

/// The difference between two versions of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskChanges {
    /// Its id.
    pub task: String,
    /// Keys that mean something else now.
    pub keys: Vec<&'static str>,
}

impl Changes {
    /// Both mean the same: only how it is written is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What `new` says otherwise than `old`.
pub fn compare(old: &Dag, new: &Dag) -> Changes {
    let ids = |of: &Dag, other: &Dag| {
        let only = of.tasks.iter().filter(|task| other.find(&task.id).is_none());
        only.map(|task| task.id.clone()).collect::<Vec<_>>()
    };
    let (added, removed) = (ids(new, old), ids(old, new));
    let mut changed = Vec::new();
    for task in &new.tasks {
        let Some(at) = old.find(&task.id) else { continue };
        // Places of fans move when others come and go: what they say is compared.
        let before = old.task(at);
        let alike = Task { fan: before.fan, ..task.clone() };
        let mut keys = task_keys(&without_previous(before), &without_previous(&alike));
        if waits_for_itself(before) != waits_for_itself(task) {
            keys.push("wait_for_previous");
        }
        if fan(old, &task.id) != fan(new, &task.id) {
            keys.push("foreach");
        }
        if upstream(old, &task.id) != upstream(new, &task.id) {
            keys.insert(0, "depends_on");
        }
        if !keys.is_empty() {
            changed.push(TaskChanges { task: task.id.clone(), keys });
        }
    }
    Changes { keys: dag_keys(old, new), added, removed, changed }
}

/// The keys whose values differ; `other` where something differs that has no key here.
macro_rules! differing {
    ($old:expr, $new:expr, $($key:literal: $($field:ident),+;)*) => {{
        let mut keys = Vec::new();
        let mut alike = $new.clone();
        $($(alike.$field.clone_from(&$old.$field);)+
        if $($old.$field != $new.$field)||+ {
            keys.push($key);
        })*
        if alike != *$old {
            keys.push("other");
        }
        keys
    }};
}

fn dag_keys(old: &Dag, new: &Dag) -> Vec<&'static str> {
    // Tasks and their order are told by themselves.
    let without_tasks = |dag: &Dag| Dag {
        tasks: Vec::new(),
        graph: old.graph.clone(),
        groups: Vec::new(),
        fans: Vec::new(),
        ..dag.clone()
    };
    let same_groups = groups(old) == groups(new);
    let (waited, waits) = (runs_wait(old), runs_wait(new));
    let (old, new) = (&without_tasks(old), &without_tasks(new));
    let mut keys = differing!(old, new,
        "description": description;
        "owner": owner;
        "tags": tags;
        "doc_md": doc_md;
        "enabled": enabled;
        "schedule": timetable;
        "timezone": zone;
        "start_date": start;
        "end_date": end;
        "catchup": catchup;
        "max_active_runs": max_active_runs;
        "overlap": overlap;
        "max_active_tasks": max_active_tasks;
        "timeout": timeout;
        "deadline": deadline;
        "hooks": hooks;
        "keep_runs": keep;
        "fail_fast": fail_fast;
        "params": params;
        "vars": vars;
        "env": env;
    );
    if !same_groups {
        keys.push("groups");
    }
    if waited != waits {
        keys.push("wait_for_previous");
    }
    keys
}

/// The task without its waits for the run before, which have a key of their own.
fn without_previous(task: &Task) -> Task {
    let others = task.waits.iter().filter(|wait| wait.matching != Matching::Previous);
    Task { waits: others.cloned().collect(), ..task.clone() }
}

/// It waits for itself in the run before.
fn waits_for_itself(task: &Task) -> bool {
    task.waits.iter().any(|wait| wait.matching == Matching::Previous && wait.task.is_some())
}

/// Its runs wait for the run before.
fn runs_wait(dag: &Dag) -> bool {
    let mut waits = dag.tasks.iter().flat_map(|task| &task.waits);
    waits.any(|wait| wait.matching == Matching::Previous && wait.task.is_none())
}

/// The groups, and the ids of the tasks of each.
fn groups(dag: &Dag) -> Vec<(Group, Vec<&str>)> {
    let ids = |group: &Group| group.tasks.iter().map(|at| dag.task(*at).id.as_str()).collect();
    dag.groups.iter().map(|group| (Group { tasks: Vec::new(), ..group.clone() }, ids(group))).collect()
}

/// The `foreach` of a task, without the places of its tasks.
fn fan(dag: &Dag, id: &str) -> Option<Fan> {
    let (_, fan) = dag.fan_of(dag.find(id)?)?;
    Some(Fan { tasks: Vec::new(), ..fan.clone() })
}

fn task_keys(old: &Task, new: &Task) -> Vec<&'static str> {
    differing!(old, new,
        "description": description;
        "run": work, chooser;
        "setup": setup;
        "teardown": teardown;
        "wait_for": waits;
        "trigger_rule": trigger_rule;
        "when": when;
        "allow_failure": allow_failure;
        "env": env;
        "working_dir": working_dir;
        "retries": retry;
        "skip_on_exit": skip_on_exit;
        "timeout": timeout;
        "deadline": deadline;
        "hooks": hooks;
        "grace": grace;
        "pool": pool, pool_slots;
        "priority": priority;
        "outputs": outputs;
        "capture": capture;
    )
}

/// The ids right before a task, in order.
fn upstream<'d>(dag: &'d Dag, id: &str) -> Vec<&'d str> {
    let Some(at) = dag.find(id) else { return Vec::new() };
    let mut ids: Vec<&str> = dag.graph.upstream(at).map(|above| dag.task(above).id.as_str()).collect();
    ids.sort_unstable();
    ids
}
