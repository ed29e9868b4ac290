//! DAGs made in code, valid by construction.

use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::{
    Backoff, Catchup, CatchupPolicy, Dag, Hook, HookAction, HookOn, HookRetry, Keep, Overlap, Retry, Task,
    TriggerRule, Work,
};
use nightrun_core::decide::DagText;
use nightrun_core::graph::Graph;
use nightrun_core::id::TaskIndex;
use nightrun_core::timetable::Zone;

/// A task that runs `true`, with nothing special about it.
pub(crate) fn task(id: &str) -> Task {
    Task {
        id: id.into(),
        description: None,
        work: Work::Argv(vec!["true".into()]),
        trigger_rule: TriggerRule::AllSuccess,
        when: None,
        fan: None,
        waits: Vec::new(),
        chooser: None,
        setup: false,
        teardown: None,
        allow_failure: false,
        env: vec![],
        working_dir: None,
        retry: Retry {
            retries: 0,
            delay: Duration::from_secs(1),
            backoff: Backoff::Constant,
            max_delay: None,
            jitter: false,
            on_exit: vec![],
        },
        skip_on_exit: vec![99],
        timeout: None,
        grace: Duration::from_secs(10),
        pool: None,
        pool_slots: 1,
        priority: 0,
        outputs: vec![],
        capture: None,
        deadline: None,
        hooks: vec![],
    }
}

/// A step that runs `true` at this point.
pub(crate) fn hook(on: HookOn, retries: u32) -> Hook {
    Hook {
        on,
        action: HookAction::Run(Work::Argv(vec!["true".into()])),
        env: vec![],
        timeout: Duration::from_secs(30),
        retry: HookRetry { retries, delay: Duration::from_secs(10) },
    }
}

/// A DAG of these tasks and edges (upstream, downstream), by place.
pub(crate) fn dag(id: &str, tasks: Vec<Task>, edges: &[(usize, usize)]) -> Dag {
    let at = |place: usize| TaskIndex(u32::try_from(place).unwrap());
    let edges: Vec<_> = edges.iter().map(|(up, down)| (at(*up), at(*down))).collect();
    Dag {
        id: id.into(),
        description: None,
        owner: None,
        tags: vec![],
        doc_md: None,
        enabled: true,
        timetable: None,
        zone: Zone::utc(),
        start: None,
        end: None,
        catchup: Catchup { policy: CatchupPolicy::None, window: None, limit: 1000 },
        max_active_runs: 1,
        overlap: Overlap::Queue,
        max_active_tasks: None,
        timeout: None,
        fail_fast: false,
        keep: Keep::default(),
        params: vec![],
        vars: vec![],
        env: vec![],
        groups: Vec::new(),
        fans: Vec::new(),
        deadline: None,
        hooks: vec![],
        graph: Graph::new(tasks.len(), &edges).unwrap(),
        tasks,
    }
}

/// The DAG as the core is told of it; its hash is made from `edition`.
pub(crate) fn text(dag: Dag, edition: u32) -> DagText {
    DagText {
        path: format!("{}.yaml", dag.id),
        text: format!("id: {}", dag.id).into(),
        defaults: [].into(),
        hash: format!("{}#{edition}", dag.id),
        dag: Arc::new(dag),
    }
}
