//! The operations that tell what pages work out: how things stand, fared and differ.

use nightrun_engine::store::TaskItem;

use super::operation::{Operation, get};
use super::schema::Schemas;
use crate::api::{Before, Limit, Listed, attempts, beside, instances, overview, past, pools};

/// All of them.
pub(super) fn all(s: &mut Schemas) -> Vec<Operation> {
    let (dags, runs, tasks, server) = ("DAGs", "Runs", "Tasks", "Server");
    vec![
        get("/api/v1/dags/{dag}/durations", dags, "How long its runs and tasks took")
            .asks(s.query::<past::Days>())
            .tells(200, "The lengths", s.told::<past::Durations>()),
        get("/api/v1/dags/{dag}/days", dags, "How its runs ended, day by day")
            .asks(s.query::<past::OfYear>())
            .tells(200, "Days with runs", s.told::<Vec<past::Day>>()),
        get("/api/v1/dags/{dag}/deadlines", dags, "Its deadlines, and how it kept them").tells(
            200,
            "The deadlines",
            s.told::<past::Deadlines>(),
        ),
        get("/api/v1/dags/{dag}/file", dags, "Its file as it is on disk, with what is wrong in it").tells(
            200,
            "The file",
            s.told::<past::FileTold>(),
        ),
        get("/api/v1/runs/{run}/compare", runs, "What is different from another run of the DAG")
            .asks(s.query::<beside::With>())
            .tells(200, "The differences", s.told::<beside::Comparison>()),
        get("/api/v1/runs/{run}/pace", runs, "Its critical path, and how well it used what ran at once")
            .tells(200, "The pace", s.told::<beside::PaceTold>()),
        get(
            "/api/v1/runs/{run}/tasks/{task}/attempts/{number}/command",
            tasks,
            "The command it was started with, secrets masked",
        )
        .tells(200, "The command", s.told::<attempts::StartedWith>()),
        get(
            "/api/v1/runs/{run}/tasks/{task}/attempts/{number}/lines",
            tasks,
            "Lines of its log that have a word, the last ones",
        )
        .asks(s.query::<attempts::Word>())
        .tells(200, "The lines", s.told::<attempts::Lines>()),
        get(
            "/api/v1/tasks",
            tasks,
            "Task instances of all runs, newest run first; a page may be short, `next` tells",
        )
        .asks(s.query::<instances::Which>())
        .asks(s.query::<Limit>())
        .tells(200, "A page of task instances", s.told::<Listed<TaskItem>>()),
        get("/api/v1/dags/{dag}/tasks/{task}", tasks, "A task as its file has it, and how it fared of late")
            .tells(200, "The task", s.told::<instances::TaskTold>()),
        get("/api/v1/dags/{dag}/tasks/{task}/history", tasks, "A task in the runs of its DAG, newest first")
            .asks(s.query::<Before>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of runs of the task", s.told::<Listed<instances::TaskRun>>()),
        get("/api/v1/tonight", server, "What runs, what is due, what is late or failed, what is held up")
            .asks(s.query::<overview::Hours>())
            .tells(200, "The night", s.told::<overview::Tonight>()),
        get("/api/v1/pools/{pool}", server, "A pool: who holds its slots, and who waits for how many").tells(
            200,
            "The pool",
            s.told::<pools::PoolWhole>(),
        ),
        get("/api/v1/system", server, "How the scheduler itself fares").tells(
            200,
            "How",
            s.told::<overview::System>(),
        ),
    ]
}
