//! Every route as data: who may use it is said here and nowhere else, and a test walks the table.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::app::{App, Site};
use crate::problem::Problem;
use crate::{api, assets, guard, live, page, problem};

/// Longest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;

/// What a route is for, and so who may use it once there are roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Tells nothing about DAGs: everybody.
    Open,
    /// Looks.
    View,
    /// Changes something: also refused from pages of other sites.
    Act,
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
}

type Table = Vec<(Route, MethodRouter<Arc<Site>>)>;

/// Every route there is.
pub fn routes() -> Vec<Route> {
    pages().into_iter().chain(programs()).map(|(route, _)| route).collect()
}

/// The pages and the API, ready to be served.
pub fn router(app: App) -> Router {
    let site = Arc::new(Site::new(app));
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let site = Arc::clone(&site);
        runtime.spawn(async move { site.specs.take_over(&site.app.handle).await });
    }
    let mut router = Router::new();
    for (route, handler) in pages().into_iter().chain(programs()) {
        router = router.route(route.path, handler);
    }
    router
        .fallback(|| async { Problem::not_found("there is no such page") })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(|_| Problem::internal("a handler panicked").into_response()))
        .layer(from_fn(problem::speak))
        .layer(from_fn_with_state(Arc::clone(&site), guard::watch))
        .layer(from_fn_with_state(Arc::clone(&site), page::dress))
        .layer(from_fn(guard::warn))
        .layer(CompressionLayer::new())
        .with_state(site)
}

fn looks(path: &'static str, handler: MethodRouter<Arc<Site>>) -> (Route, MethodRouter<Arc<Site>>) {
    (Route { method: Method::GET, path, auth: Auth::View }, handler)
}

fn acts(path: &'static str, handler: MethodRouter<Arc<Site>>) -> (Route, MethodRouter<Arc<Site>>) {
    (Route { method: Method::POST, path, auth: Auth::Act }, handler)
}

fn open(path: &'static str, handler: MethodRouter<Arc<Site>>) -> (Route, MethodRouter<Arc<Site>>) {
    (Route { method: Method::GET, path, auth: Auth::Open }, handler)
}

fn pages() -> Table {
    use page::{
        audit, backfills, calendars, dag, dags, deadlines, durations, faults, grid, holds, log, mark, pools,
        post as press, rerun, run, runs, system, tonight, trigger, vars, versions, year,
    };
    vec![
        looks("/", get(tonight::page)),
        looks("/dags", get(dags::list)),
        looks("/dags/{dag}", get(grid::overview)),
        looks("/dags/{dag}/graph", get(dag::graph)),
        looks("/dags/{dag}/schedule", get(dag::schedule)),
        looks("/dags/{dag}/durations", get(durations::page)),
        looks("/dags/{dag}/calendar", get(year::page)),
        looks("/dags/{dag}/deadlines", get(deadlines::page)),
        looks("/dags/{dag}/versions", get(versions::page)),
        looks("/dags/{dag}/file", get(dag::file)),
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
        looks("/runs", get(runs::list)),
        looks("/runs/{run}", get(run::tasks)),
        looks("/runs/{run}/graph", get(run::graph)),
        acts("/runs/{run}/cancel", post(press::cancel)),
        looks("/runs/{run}/rerun", get(rerun::form)),
        acts("/runs/{run}/rerun", post(rerun::post)),
        looks("/runs/{run}/mark", get(mark::form)),
        acts("/runs/{run}/mark", post(mark::post)),
        looks("/runs/{run}/tasks/{task}/attempts/{number}", get(log::page)),
        looks("/runs/{run}/tasks/{task}/attempts/{number}/follow", get(log::stream)),
        looks("/runs/{run}/tasks/{task}/attempts/{number}/log", get(log::download)),
        looks("/faults", get(faults::list)),
        looks("/holds", get(holds::list)),
        acts("/holds", post(holds::add)),
        acts("/holds/{hold}/remove", post(holds::remove)),
        looks("/vars", get(vars::list)),
        acts("/vars", post(vars::set)),
        acts("/vars/{var}/delete", post(vars::delete)),
        acts("/pause", post(press::pause_all)),
        acts("/unpause", post(press::unpause_all)),
        looks("/pools", get(pools::list)),
        looks("/calendars", get(calendars::list)),
        looks("/audit", get(audit::list)),
        looks("/system", get(system::page)),
        looks("/events", get(live::events)),
        open("/static/{edition}/{name}", get(assets::serve)),
    ]
}

fn programs() -> Table {
    use api::{acts as ask, again, dags, holds, prune, runs, vars};
    vec![
        open("/health", get(api::health)),
        looks("/api/v1/dags", get(dags::list)),
        looks("/api/v1/dags/{dag}", get(dags::one)),
        looks("/api/v1/dags/{dag}/runs", get(dags::runs)),
        acts("/api/v1/dags/{dag}/runs", post(ask::trigger)),
        looks("/api/v1/dags/{dag}/ticks", get(dags::ticks)),
        looks("/api/v1/dags/{dag}/versions", get(dags::versions)),
        looks("/api/v1/dags/{dag}/versions/{version}", get(dags::version)),
        acts("/api/v1/dags/{dag}/pause", post(ask::pause)),
        acts("/api/v1/dags/{dag}/unpause", post(ask::unpause)),
        looks("/api/v1/runs", get(runs::list)),
        looks("/api/v1/runs/{run}", get(runs::one)),
        looks("/api/v1/runs/{run}/outputs", get(runs::outputs)),
        looks("/api/v1/runs/{run}/hooks", get(runs::hooks)),
        looks("/api/v1/runs/{run}/tasks/{task}/attempts/{number}/log", get(runs::log)),
        acts("/api/v1/runs/{run}/cancel", post(ask::cancel)),
        acts("/api/v1/runs/{run}/rerun", post(again::rerun)),
        acts("/api/v1/runs/{run}/mark", post(again::mark)),
        acts("/api/v1/runs/{run}/note", post(again::note)),
        acts("/api/v1/dags/{dag}/backfills", post(again::backfill)),
        looks("/api/v1/backfills", get(again::backfills)),
        looks("/api/v1/backfills/{backfill}", get(again::one)),
        acts("/api/v1/backfills/{backfill}/pause", post(again::pause)),
        acts("/api/v1/backfills/{backfill}/resume", post(again::resume)),
        acts("/api/v1/backfills/{backfill}/cancel", post(again::cancel)),
        looks("/api/v1/audit", get(again::audit)),
        looks("/api/v1/faults", get(dags::faults)),
        acts("/api/v1/dags/{dag}/ticks/skip", post(holds::skip)),
        acts("/api/v1/dags/{dag}/ticks/move", post(holds::postpone)),
        looks("/api/v1/holds", get(holds::list)),
        acts("/api/v1/holds", post(holds::add)),
        acts("/api/v1/holds/{hold}/remove", post(holds::remove)),
        acts("/api/v1/prune", post(prune::prune)),
        looks("/api/v1/vars", get(vars::list)),
        looks("/api/v1/vars/{var}", get(vars::one)),
        acts("/api/v1/vars/{var}", post(vars::set)),
        acts("/api/v1/vars/{var}/delete", post(vars::delete)),
        acts("/api/v1/pause", post(ask::pause_all)),
        acts("/api/v1/unpause", post(ask::unpause_all)),
    ]
}
