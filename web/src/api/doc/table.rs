//! Every route of the API with what it reads and writes.

use std::collections::BTreeMap;

use nightrun_core::decide::{BackfillRequest, ClearPlan, ClearRequest, MarkRequest, NoteRequest, PlanShow};
use nightrun_engine::store::{
    AttemptShow, AuditItem, BackfillShow, FileFaults, HookShow, RunItem, RunShow, TaskShow, TickItem,
    TokenItem, UserItem, VarItem, VersionItem,
};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::operation::{Operation, get, post};
use super::schema::Schemas;
use crate::api::acts::{AheadTold, Asked, Made, Pausing};
use crate::api::wait::Wait;
use crate::api::{
    After, Before, Limit, Listed, access, again, audit, dags, holds, hooks, look, prune, runs, tasks, vars,
    waiting, why,
};
use crate::live::{Changed, Since};
use crate::page::schedule::Coming;
use crate::why::Because;

/// All operations, as the document lists them.
pub(super) fn all(schemas: &mut Schemas) -> Vec<Operation> {
    let s = schemas;
    [
        of_dags(s),
        of_runs(s),
        of_tasks(s),
        of_backfills(s),
        of_holds(s),
        of_vars(s),
        of_access(s),
        of_server(s),
        super::more::all(s),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The answer to a request that made nothing with a number.
const DONE: u16 = 204;

fn page<T: JsonSchema>(s: &mut Schemas) -> Value {
    s.told::<Listed<T>>()
}

fn of_dags(s: &mut Schemas) -> Vec<Operation> {
    let tag = "DAGs";
    vec![
        get("/api/v1/dags", tag, "DAGs by their ids")
            .asks(s.query::<dags::Which>())
            .asks(s.query::<After>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of DAGs", page::<dags::DagLine>(s)),
        get("/api/v1/dags/{dag}", tag, "A DAG, and what its file says").tells(
            200,
            "The DAG",
            s.told::<dags::DagTold>(),
        ),
        get(
            "/api/v1/dags/{dag}/ticks",
            tag,
            "Instants of its schedule that fired or were skipped, newest first",
        )
        .asks(s.query::<dags::BeforeInstant>())
        .asks(s.query::<Limit>())
        .tells(200, "A page of ticks", page::<TickItem>(s)),
        get("/api/v1/dags/{dag}/next", tag, "The coming instants of its schedule")
            .asks(s.query::<look::From>())
            .asks(s.query::<Limit>())
            .tells(200, "The next ticks", s.told::<Vec<Coming>>()),
        get("/api/v1/dags/{dag}/why", tag, "Why it fires or does not, and what became of a tick")
            .asks(s.query::<why::OfDag>())
            .tells(200, "The reasons", s.told::<Vec<Because>>()),
        get("/api/v1/dags/{dag}/versions", tag, "Its versions, newest first")
            .asks(s.query::<Before>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of versions", page::<VersionItem>(s)),
        get("/api/v1/dags/{dag}/versions/{version}", tag, "The text of a version").tells(
            200,
            "The version",
            s.told::<dags::VersionTold>(),
        ),
        get("/api/v1/dags/{dag}/versions/{version}/diff", tag, "What changed between two versions")
            .asks(s.query::<look::With>())
            .tells(200, "The difference", s.told::<look::Difference>()),
        post("/api/v1/dags/{dag}/pause", tag, "Fire no tick and begin no run of it")
            .takes(s.body::<Pausing>(json!({ "why": "the database moves" })))
            .maybe()
            .done(DONE),
        post("/api/v1/dags/{dag}/unpause", tag, "Let it go on")
            .takes(s.body::<Pausing>(json!({ "why": "the database moves" })))
            .maybe()
            .done(DONE),
        post("/api/v1/dags/{dag}/ticks/skip", tag, "Skip a coming tick, or take that back")
            .takes(s.body::<holds::Changed>(json!({ "why": "the source is moved" })))
            .maybe()
            .tells(200, "The tick", s.told::<holds::TickTold>()),
        post("/api/v1/dags/{dag}/ticks/move", tag, "Move a coming tick, or take that back")
            .takes(
                s.body::<holds::Changed>(
                    json!({ "to": "2030-01-01T05:00:00Z", "why": "the source is late" }),
                ),
            )
            .tells(200, "The tick", s.told::<holds::TickTold>()),
        get("/api/v1/faults", tag, "What is wrong with files")
            .asks(s.query::<After>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of files", page::<FileFaults>(s)),
    ]
}

fn of_runs(s: &mut Schemas) -> Vec<Operation> {
    let tag = "Runs";
    let rerun = json!({ "failed": true, "dry_run": true, "why": "the disk was full" });
    vec![
        get("/api/v1/runs", tag, "Runs, newest first")
            .asks(s.query::<runs::Which>())
            .asks(s.query::<Before>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of runs", page::<RunItem>(s)),
        get("/api/v1/dags/{dag}/runs", tag, "Runs of a DAG, newest first")
            .asks(s.query::<Before>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of runs", page::<RunItem>(s)),
        post("/api/v1/dags/{dag}/runs", tag, "Start a run, or say what would run")
            .asks(s.query::<Wait>())
            .takes(s.body::<Asked>(json!({ "params": {}, "part": { "only": [] } })))
            .maybe()
            .once()
            .waits()
            .tells(200, "Nothing is done: what would run", s.told::<AheadTold>())
            .tells(201, "The run is made; with `wait` it is told as it is then", s.told::<Made>()),
        get("/api/v1/runs/{run}", tag, "A run with its tasks; with `wait`, once it is over")
            .asks(s.query::<Wait>())
            .waits()
            .tells(200, "The run", s.told::<RunShow>()),
        get("/api/v1/runs/{run}/events", tag, "All that happened in a run, oldest first")
            .asks(s.query::<tasks::After>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of facts", page::<tasks::Happened>(s)),
        get("/api/v1/runs/{run}/why", tag, "Why a run and its tasks are where they are")
            .asks(s.query::<why::OfRun>())
            .tells(200, "The reasons", s.told::<Vec<Because>>()),
        get("/api/v1/runs/{run}/outputs", tag, "What its tasks and their items handed on, by task and name")
            .tells(200, "The values", s.told::<BTreeMap<String, BTreeMap<String, Value>>>()),
        get("/api/v1/hooks", tag, "Hooks of all runs, newest first")
            .asks(s.query::<hooks::Which>())
            .asks(s.query::<Before>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of hooks", page::<HookShow>(s)),
        get("/api/v1/runs/{run}/hooks", tag, "Hooks that became due in it").tells(
            200,
            "The hooks",
            s.told::<Vec<HookShow>>(),
        ),
        post("/api/v1/runs/{run}/cancel", tag, "End a run").done(DONE),
        post("/api/v1/runs/{run}/rerun", tag, "Run tasks of it again, or say which would")
            .takes(s.body::<ClearRequest>(rerun))
            .maybe()
            .once()
            .tells(200, "What changes", s.told::<ClearPlan>()),
        post("/api/v1/runs/{run}/mark", tag, "Settle a task by hand")
            .takes(s.body::<MarkRequest>(json!({ "task": "load", "state": "success", "dry_run": true })))
            .tells(200, "What changes", s.told::<ClearPlan>()),
        post("/api/v1/runs/{run}/note", tag, "Write something down about it")
            .takes(s.body::<NoteRequest>(json!({ "text": "the source was late" })))
            .once()
            .done(DONE),
    ]
}

fn of_tasks(s: &mut Schemas) -> Vec<Operation> {
    let tag = "Tasks";
    let text = json!({ "type": "string" });
    vec![
        get("/api/v1/runs/{run}/tasks", tag, "The task instances of a run; each is followed by its items")
            .asks(s.query::<tasks::Which>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of task instances", page::<TaskShow>(s)),
        get("/api/v1/runs/{run}/tasks/{task}", tag, "A task instance with its attempts and values").tells(
            200,
            "The task instance",
            s.told::<TaskShow>(),
        ),
        get("/api/v1/runs/{run}/tasks/{task}/attempts", tag, "Its attempts, first to last").tells(
            200,
            "The attempts",
            s.told::<Vec<AttemptShow>>(),
        ),
        get(
            "/api/v1/runs/{run}/tasks/{task}/attempts/{number}/log",
            tag,
            "What an attempt wrote; takes `Range`",
        )
        .asks(s.query::<runs::Offset>())
        .says(200, "The log", "text/plain", text.clone())
        .says(206, "A part of it", "text/plain", text.clone())
        .has(416),
        get(
            "/api/v1/runs/{run}/tasks/{task}/attempts/{number}/stdout",
            tag,
            "What it wrote to stdout, where that is a value and not in the log; takes `Range`",
        )
        .asks(s.query::<runs::Offset>())
        .says(200, "The text", "text/plain", text.clone())
        .says(206, "A part of it", "text/plain", text)
        .has(416),
    ]
}

fn of_backfills(s: &mut Schemas) -> Vec<Operation> {
    let tag = "Backfills";
    let stretch = json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-07T00:00:00Z", "dry_run": true });
    let steered = json!({ "why": "the disk is full" });
    vec![
        get("/api/v1/backfills", tag, "Backfills, newest first")
            .asks(s.query::<again::OfDag>())
            .asks(s.query::<Before>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of backfills", page::<BackfillShow>(s)),
        post(
            "/api/v1/dags/{dag}/backfills",
            tag,
            "Make runs for a stretch of the past, or say which would be made",
        )
        .takes(s.body::<BackfillRequest>(stretch))
        .once()
        .tells(200, "Nothing is done: what would be", s.told::<PlanShow>())
        .tells(201, "The backfill is made", s.told::<PlanShow>()),
        get("/api/v1/backfills/{backfill}", tag, "A backfill with its dates").tells(
            200,
            "The backfill",
            s.told::<again::Whole>(),
        ),
        post("/api/v1/backfills/{backfill}/pause", tag, "Begin no run of it")
            .takes(s.body::<again::Steered>(steered.clone()))
            .maybe()
            .done(DONE),
        post("/api/v1/backfills/{backfill}/resume", tag, "Let it go on")
            .takes(s.body::<again::Steered>(steered.clone()))
            .maybe()
            .done(DONE),
        post("/api/v1/backfills/{backfill}/cancel", tag, "End it; its runs that are at work go on")
            .takes(s.body::<again::Steered>(steered))
            .maybe()
            .done(DONE),
    ]
}

fn of_holds(s: &mut Schemas) -> Vec<Operation> {
    let tag = "Holds and calendars";
    let window = json!({ "all": true, "to": "2030-01-01T05:00:00Z", "why": "the database moves" });
    vec![
        get("/api/v1/holds", tag, "Maintenance windows and changed ticks").tells(
            200,
            "They",
            s.told::<holds::Laid>(),
        ),
        post("/api/v1/holds", tag, "Make a maintenance window")
            .takes(s.body::<holds::Wanted>(window))
            .once()
            .tells(201, "The window is made", s.told::<holds::Made>()),
        post("/api/v1/holds/{hold}/remove", tag, "End a maintenance window").done(DONE),
        get("/api/v1/calendars", tag, "Business calendars by their names")
            .asks(s.query::<After>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of calendars", page::<look::CalendarTold>(s)),
        get("/api/v1/calendars/{calendar}", tag, "A calendar with its holidays")
            .asks(s.query::<look::Year>())
            .tells(200, "The calendar", s.told::<look::CalendarTold>()),
    ]
}

fn of_vars(s: &mut Schemas) -> Vec<Operation> {
    let tag = "Vars";
    vec![
        get("/api/v1/vars", tag, "Vars of the store by their names")
            .asks(s.query::<After>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of vars", page::<VarItem>(s)),
        get("/api/v1/vars/{var}", tag, "A var").tells(200, "The var", s.told::<VarItem>()),
        post("/api/v1/vars/{var}", tag, "Give a var a value")
            .takes(s.body::<vars::Asked>(json!({ "value": "postgres://warehouse" })))
            .done(DONE),
        post("/api/v1/vars/{var}/delete", tag, "Take a var away").done(DONE),
    ]
}

fn of_access(s: &mut Schemas) -> Vec<Operation> {
    let tag = "Users and tokens";
    let user = json!({ "user": "ana", "password": "a long one of her own", "role": "operator", "dags": ["sales_*"] });
    let token = json!({ "token": "ci", "role": "viewer", "expires_in": "90d" });
    vec![
        get("/api/v1/me", tag, "Who the server takes you for").tells(200, "You", s.told::<access::Me>()),
        get("/api/v1/users", tag, "Users by their names")
            .asks(s.query::<After>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of users", page::<UserItem>(s)),
        post("/api/v1/users", tag, "Add a user").takes(s.body::<access::NewUser>(user)).done(201),
        post("/api/v1/users/{user}/grant", tag, "Say what a user may do")
            .takes(s.body::<access::Granted>(json!({ "role": "viewer" })))
            .done(DONE),
        post("/api/v1/users/{user}/password", tag, "Give a user a new password")
            .takes(s.body::<access::NewPassword>(json!({ "password": "another long one" })))
            .done(DONE),
        post("/api/v1/users/{user}/remove", tag, "Remove a user").done(DONE),
        get("/api/v1/tokens", tag, "Tokens by their names")
            .asks(s.query::<After>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of tokens", page::<TokenItem>(s)),
        post("/api/v1/tokens", tag, "Make a token").takes(s.body::<access::Wanted>(token)).tells(
            201,
            "The token with its secret, told once",
            s.told::<access::Made>(),
        ),
        post("/api/v1/tokens/{token}/revoke", tag, "Let a token be good no more").done(DONE),
    ]
}

fn of_server(s: &mut Schemas) -> Vec<Operation> {
    let tag = "Server";
    vec![
        get("/api/v1/waiting", tag, "DAGs whose ticks wait for the end of a pause, to fire then")
            .asks(s.query::<waiting::OfDag>())
            .tells(200, "The DAGs", s.told::<Vec<waiting::Waiting>>()),
        post("/api/v1/pause", tag, "Pause everything")
            .takes(s.body::<Pausing>(json!({ "why": "the database moves" })))
            .maybe()
            .done(DONE),
        post("/api/v1/unpause", tag, "Let everything go on")
            .takes(s.body::<Pausing>(json!({ "why": "the database moves" })))
            .maybe()
            .done(DONE),
        get("/api/v1/pools", tag, "Slots, and how many are taken").tells(
            200,
            "The pools",
            s.told::<Vec<look::PoolTold>>(),
        ),
        get("/api/v1/audit", tag, "Who did what, newest first")
            .asks(s.query::<audit::Which>())
            .asks(s.query::<Before>())
            .asks(s.query::<Limit>())
            .tells(200, "A page of deeds", page::<AuditItem>(s)),
        post("/api/v1/prune", tag, "Forget old runs")
            .takes(s.body::<prune::Wanted>(json!({ "keep_runs": 1000 })))
            .maybe()
            .tells(200, "What went", s.told::<prune::Pruned>()),
        get(
            "/api/v1/events",
            tag,
            "What changes, as server-sent events; resumes by `since` or `Last-Event-ID`",
        )
        .asks(s.query::<Since>())
        .waits()
        .says(200, "A stream of messages", "text/event-stream", s.told::<Changed>()),
        get("/api/v1/openapi.json", tag, "This document").tells(
            200,
            "The document",
            json!({ "type": "object" }),
        ),
        get("/api/v1/docs", tag, "This document for people").says(
            200,
            "A page",
            "text/html",
            json!({ "type": "string" }),
        ),
    ]
}
