//! Every route as data: who may use it is said here and nowhere else, and a test walks the table.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use nightrun_core::decide::Role;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::app::{App, House};
use crate::guard::Door;
use crate::problem::Problem;
use crate::{api, assets, guard, live, page, problem};

/// Longest body of a request, in bytes.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// The least that somebody must be to use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Anybody: it tells nothing about DAGs.
    Open,
    /// A viewer: it looks.
    View,
    /// An operator: it changes something.
    Act,
    /// An author: it shows the texts of files, or changes what DAGs read.
    Author,
    /// An admin.
    Admin,
}

impl Auth {
    /// The role that is needed; none for everybody.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::View => Some(Role::Viewer),
            Self::Act => Some(Role::Operator),
            Self::Author => Some(Role::Author),
            Self::Admin => Some(Role::Admin),
        }
    }
}

/// What a route is about, for those who are limited to some DAGs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The DAG that its path names.
    Dag,
    /// The DAG of the run that its path names.
    Run,
    /// The DAG of the backfill that its path names.
    Backfill,
    /// The DAGs of the maintenance window that its path names.
    Hold,
    /// Its handler leaves out what they may not see.
    Listed,
    /// All there is: not for them.
    Whole,
}

impl Reach {
    /// By the names in a path. What names nothing is about everything, unless the table says otherwise.
    fn of(path: &str) -> Self {
        [("{dag}", Self::Dag), ("{run}", Self::Run), ("{backfill}", Self::Backfill), ("{hold}", Self::Hold)]
            .into_iter()
            .find(|(name, _)| path.contains(name))
            .map_or(Self::Whole, |(_, reach)| reach)
    }
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with names in braces.
    pub path: &'static str,
    /// Who may use it.
    pub auth: Auth,
    /// About which DAGs it is.
    pub reach: Reach,
    /// A browser that is logged in must prove that one of our pages sends it.
    pub csrf: bool,
}

type Handler = MethodRouter<Arc<House>>;

type Table = Vec<(Route, Handler)>;

/// Every route there is.
pub fn routes() -> Vec<Route> {
    table().map(|(route, _)| route).collect()
}

/// The pages and the API, ready to be served.
pub fn router(app: App) -> Router {
    let house = Arc::new(House::new(app));
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let house = Arc::clone(&house);
        runtime.spawn(async move { house.specs.take_over(&house.app.handle).await });
    }
    let mut router = Router::new();
    for (route, handler) in table() {
        let path = route.path;
        let door = Door { house: Arc::clone(&house), route: Arc::new(route) };
        router = router.route(path, handler.route_layer(from_fn_with_state(door, guard::admit)));
    }
    router
        .fallback(|| async { Problem::not_found("there is no such page") })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(|_| Problem::internal("a handler panicked").into_response()))
        .layer(from_fn(problem::speak))
        .layer(from_fn(api::polish))
        .layer(from_fn_with_state(Arc::clone(&house), guard::watch))
        .layer(from_fn_with_state(Arc::clone(&house), page::dress))
        .layer(from_fn(guard::warn))
        .layer(CompressionLayer::new())
        .with_state(house)
}

fn table() -> impl Iterator<Item = (Route, Handler)> {
    pages().into_iter().chain(people()).chain(programs())
}

fn entry(method: Method, path: &'static str, auth: Auth, handler: Handler) -> (Route, Handler) {
    let csrf = !method.is_safe();
    (Route { method, path, auth, reach: Reach::of(path), csrf }, handler)
}

fn looks(path: &'static str, handler: Handler) -> (Route, Handler) {
    entry(Method::GET, path, Auth::View, handler)
}

fn acts(path: &'static str, handler: Handler) -> (Route, Handler) {
    entry(Method::POST, path, Auth::Act, handler)
}

/// Shows texts of files.
fn reads(path: &'static str, handler: Handler) -> (Route, Handler) {
    entry(Method::GET, path, Auth::Author, handler)
}

/// Changes what DAGs read.
fn writes(path: &'static str, handler: Handler) -> (Route, Handler) {
    entry(Method::POST, path, Auth::Author, handler)
}

/// Shows what is an admin's business.
fn oversees(path: &'static str, handler: Handler) -> (Route, Handler) {
    entry(Method::GET, path, Auth::Admin, handler)
}

/// Changes what is an admin's business.
fn rules(path: &'static str, handler: Handler) -> (Route, Handler) {
    entry(Method::POST, path, Auth::Admin, handler)
}

fn open(path: &'static str, handler: Handler) -> (Route, Handler) {
    entry(Method::GET, path, Auth::Open, handler)
}

/// The handler leaves out what somebody limited to some DAGs may not see or touch.
fn listed((route, handler): (Route, Handler)) -> (Route, Handler) {
    (Route { reach: Reach::Listed, ..route }, handler)
}

/// Begins a session, so there is none yet whose token could be sent.
fn begins((route, handler): (Route, Handler)) -> (Route, Handler) {
    (Route { csrf: false, auth: Auth::Open, ..route }, handler)
}

fn pages() -> Table {
    use page::{
        audit, backfills, calendars, compare, dag, dags, deadlines, durations, events, faults, grid, holds,
        instances, log, mark, notes, pools, post as press, rerun, reruns, rows, run, runs, system, task,
        task_past, tonight, trigger, vars, versions, year,
    };
    vec![
        listed(looks("/", get(tonight::page))),
        listed(looks("/dags", get(dags::list))),
        looks("/dags/{dag}", get(grid::overview)),
        looks("/dags/{dag}/graph", get(dag::graph)),
        looks("/dags/{dag}/schedule", get(dag::schedule)),
        looks("/dags/{dag}/durations", get(durations::page)),
        looks("/dags/{dag}/calendar", get(year::page)),
        looks("/dags/{dag}/tasks/{task}", get(task_past::page)),
        looks("/dags/{dag}/deadlines", get(deadlines::page)),
        reads("/dags/{dag}/versions", get(versions::page)),
        reads("/dags/{dag}/file", get(dag::file)),
        looks("/dags/{dag}/trigger", get(trigger::form)),
        acts("/dags/{dag}/trigger", post(trigger::post)),
        acts("/dags/{dag}/pause", post(press::pause)),
        acts("/dags/{dag}/unpause", post(press::unpause)),
        acts("/dags/{dag}/skip", post(press::skip)),
        acts("/dags/{dag}/move", post(press::postpone)),
        acts("/dags/{dag}/unskip", post(press::unskip)),
        looks("/dags/{dag}/backfills", get(backfills::list)),
        acts("/dags/{dag}/backfills", post(backfills::post)),
        looks("/dags/{dag}/backfills/new", get(backfills::form)),
        looks("/backfills/{backfill}", get(backfills::one)),
        acts("/backfills/{backfill}/pause", post(backfills::pause)),
        acts("/backfills/{backfill}/resume", post(backfills::resume)),
        acts("/backfills/{backfill}/cancel", post(backfills::cancel)),
        listed(looks("/runs", get(runs::list))),
        listed(looks("/runs/rerun", get(reruns::form))),
        listed(acts("/runs/rerun", post(reruns::post))),
        listed(looks("/tasks", get(instances::list))),
        looks("/runs/{run}", get(rows::tasks)),
        looks("/runs/{run}/graph", get(run::graph)),
        looks("/runs/{run}/events", get(events::page)),
        looks("/runs/{run}/compare", get(compare::page)),
        acts("/runs/{run}/note", post(notes::post)),
        acts("/runs/{run}/cancel", post(press::cancel)),
        looks("/runs/{run}/rerun", get(rerun::form)),
        acts("/runs/{run}/rerun", post(rerun::post)),
        looks("/runs/{run}/mark", get(mark::form)),
        acts("/runs/{run}/mark", post(mark::post)),
        looks("/runs/{run}/tasks/{task}", get(task::page)),
        looks("/runs/{run}/tasks/{task}/attempts/{number}", get(log::moved)),
        looks("/runs/{run}/tasks/{task}/attempts/{number}/follow", get(log::stream)),
        looks("/runs/{run}/tasks/{task}/attempts/{number}/log", get(log::download)),
        listed(reads("/faults", get(faults::list))),
        listed(looks("/holds", get(holds::list))),
        listed(acts("/holds", post(holds::add))),
        acts("/holds/{hold}/remove", post(holds::remove)),
        looks("/vars", get(vars::list)),
        writes("/vars", post(vars::set)),
        writes("/vars/{var}/delete", post(vars::delete)),
        acts("/pause", post(press::pause_all)),
        acts("/unpause", post(press::unpause_all)),
        looks("/pools", get(pools::list)),
        looks("/calendars", get(calendars::list)),
        listed(looks("/audit", get(audit::list))),
        looks("/system", get(system::page)),
        listed(looks("/events", get(live::events))),
        open("/static/{edition}/{name}", get(assets::serve)),
    ]
}

/// Who somebody is, and who may do what.
fn people() -> Table {
    use page::{login, tokens, users};
    vec![
        open("/login", get(login::form)),
        begins(acts("/login", post(login::post))),
        listed(entry(Method::POST, "/logout", Auth::View, post(login::logout))),
        listed(looks("/account", get(login::account))),
        listed(entry(Method::POST, "/account/password", Auth::View, post(login::password))),
        oversees("/users", get(users::list)),
        rules("/users", post(users::add)),
        rules("/users/{user}/grant", post(users::regrant)),
        rules("/users/{user}/password", post(users::password)),
        rules("/users/{user}/remove", post(users::remove)),
        oversees("/tokens", get(tokens::list)),
        rules("/tokens", post(tokens::create)),
        rules("/tokens/{token}/revoke", post(tokens::revoke)),
    ]
}

fn programs() -> Table {
    programs_of_dags().into_iter().chain(programs_of_runs()).chain(programs_of_server()).collect()
}

fn programs_of_dags() -> Table {
    use api::{acts as ask, again, dags, holds, instances, look, past, why};
    vec![
        looks("/api/v1/dags/{dag}/durations", get(past::durations)),
        looks("/api/v1/dags/{dag}/days", get(past::days)),
        looks("/api/v1/dags/{dag}/tasks/{task}", get(instances::of_dag)),
        looks("/api/v1/dags/{dag}/tasks/{task}/history", get(instances::history)),
        looks("/api/v1/dags/{dag}/deadlines", get(past::deadlines)),
        reads("/api/v1/dags/{dag}/file", get(past::file)),
        listed(looks("/api/v1/dags", get(dags::list))),
        looks("/api/v1/dags/{dag}", get(dags::one)),
        looks("/api/v1/dags/{dag}/runs", get(dags::runs)),
        acts("/api/v1/dags/{dag}/runs", post(ask::trigger)),
        looks("/api/v1/dags/{dag}/ticks", get(dags::ticks)),
        looks("/api/v1/dags/{dag}/versions", get(dags::versions)),
        reads("/api/v1/dags/{dag}/versions/{version}", get(dags::version)),
        reads("/api/v1/dags/{dag}/versions/{version}/diff", get(look::diff)),
        looks("/api/v1/dags/{dag}/next", get(look::next)),
        looks("/api/v1/dags/{dag}/why", get(why::dag)),
        acts("/api/v1/dags/{dag}/pause", post(ask::pause)),
        acts("/api/v1/dags/{dag}/unpause", post(ask::unpause)),
        acts("/api/v1/dags/{dag}/backfills", post(again::backfill)),
        acts("/api/v1/dags/{dag}/ticks/skip", post(holds::skip)),
        acts("/api/v1/dags/{dag}/ticks/move", post(holds::postpone)),
    ]
}

fn programs_of_runs() -> Table {
    use api::{acts as ask, again, attempts, beside, hooks, instances, runs, tasks, why};
    vec![
        looks("/api/v1/runs/{run}/compare", get(beside::compare)),
        looks("/api/v1/runs/{run}/pace", get(beside::of_run)),
        looks("/api/v1/runs/{run}/tasks/{task}/attempts/{number}/command", get(attempts::command)),
        looks("/api/v1/runs/{run}/tasks/{task}/attempts/{number}/lines", get(attempts::lines)),
        listed(looks("/api/v1/runs", get(runs::list))),
        listed(looks("/api/v1/tasks", get(instances::list))),
        looks("/api/v1/runs/{run}", get(runs::one)),
        looks("/api/v1/runs/{run}/tasks", get(tasks::list)),
        looks("/api/v1/runs/{run}/tasks/{task}", get(tasks::one)),
        looks("/api/v1/runs/{run}/tasks/{task}/attempts", get(tasks::attempts)),
        looks("/api/v1/runs/{run}/events", get(tasks::events)),
        looks("/api/v1/runs/{run}/why", get(why::run)),
        looks("/api/v1/runs/{run}/outputs", get(runs::outputs)),
        looks("/api/v1/runs/{run}/hooks", get(runs::hooks)),
        looks("/api/v1/runs/{run}/tasks/{task}/attempts/{number}/log", get(runs::log)),
        looks("/api/v1/runs/{run}/tasks/{task}/attempts/{number}/stdout", get(runs::stdout)),
        listed(looks("/api/v1/hooks", get(hooks::list))),
        acts("/api/v1/runs/{run}/cancel", post(ask::cancel)),
        acts("/api/v1/runs/{run}/rerun", post(again::rerun)),
        acts("/api/v1/runs/{run}/mark", post(again::mark)),
        acts("/api/v1/runs/{run}/note", post(again::note)),
        listed(looks("/api/v1/backfills", get(again::backfills))),
        looks("/api/v1/backfills/{backfill}", get(again::one)),
        acts("/api/v1/backfills/{backfill}/pause", post(again::pause)),
        acts("/api/v1/backfills/{backfill}/resume", post(again::resume)),
        acts("/api/v1/backfills/{backfill}/cancel", post(again::cancel)),
    ]
}

fn programs_of_server() -> Table {
    use api::{access, acts as ask, audit, dags, doc, holds, look, overview, pools, prune, vars, waiting};
    vec![
        listed(looks("/api/v1/tonight", get(overview::tonight))),
        looks("/api/v1/system", get(overview::system)),
        open("/health", get(api::health)),
        listed(looks("/api/v1/openapi.json", get(doc::openapi))),
        listed(looks("/api/v1/docs", get(doc::page))),
        looks("/api/v1/calendars", get(look::calendars)),
        looks("/api/v1/calendars/{calendar}", get(look::calendar)),
        looks("/api/v1/pools", get(look::pools)),
        looks("/api/v1/pools/{pool}", get(pools::one)),
        listed(looks("/api/v1/events", get(live::events))),
        listed(looks("/api/v1/audit", get(audit::list))),
        listed(looks("/api/v1/faults", get(dags::faults))),
        listed(looks("/api/v1/holds", get(holds::list))),
        listed(acts("/api/v1/holds", post(holds::add))),
        acts("/api/v1/holds/{hold}/remove", post(holds::remove)),
        rules("/api/v1/prune", post(prune::prune)),
        looks("/api/v1/vars", get(vars::list)),
        looks("/api/v1/vars/{var}", get(vars::one)),
        writes("/api/v1/vars/{var}", post(vars::set)),
        writes("/api/v1/vars/{var}/delete", post(vars::delete)),
        listed(looks("/api/v1/me", get(access::me))),
        oversees("/api/v1/users", get(access::users)),
        rules("/api/v1/users", post(access::add_user)),
        rules("/api/v1/users/{user}/grant", post(access::grant)),
        rules("/api/v1/users/{user}/password", post(access::password)),
        rules("/api/v1/users/{user}/remove", post(access::remove_user)),
        oversees("/api/v1/tokens", get(access::tokens)),
        rules("/api/v1/tokens", post(access::create_token)),
        rules("/api/v1/tokens/{token}/revoke", post(access::revoke_token)),
        listed(looks("/api/v1/waiting", get(waiting::list))),
        acts("/api/v1/pause", post(ask::pause_all)),
        acts("/api/v1/unpause", post(ask::unpause_all)),
    ]
}
