//! The templates, embedded, strict: a name that a page does not give is an error, not an empty place.

use axum::response::Html;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::access::new_secret;

use crate::problem::Problem;
use crate::{assets, sentence, words};

/// All templates and the filters they use.
pub(crate) struct Templates {
    environment: Environment<'static>,
}

/// Embeds templates under their names.
macro_rules! templates {
    ($environment:ident, $($name:literal),+ $(,)?) => {
        $($environment
            .add_template($name, include_str!(concat!("../templates/", $name)))
            .expect("an embedded template is well formed");)+
    };
}

impl Templates {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("only white space differs from the usual syntax"));
        environment.add_function("asset", |name: &str| Value::from_safe_string(assets::address(name)));
        environment.add_function("once", once);
        environment.add_filter("sign", sign);
        environment.add_filter("time", time);
        environment.add_filter("fine", fine);
        environment.add_filter("hour", hour);
        environment.add_filter("prose", sentence::prose);
        environment.add_filter("linked", sentence::linked);
        environment.add_filter("target", sentence::target);
        environment.add_filter("size", words::size);
        templates!(
            environment,
            "layout.html",
            "parts.html",
            "tonight.html",
            "dags.html",
            "dag.html",
            "dag_grid.html",
            "dag_graph.html",
            "dag_schedule.html",
            "dag_file.html",
            "trigger.html",
            "run.html",
            "run_tasks.html",
            "run_graph.html",
            "run_events.html",
            "run_compare.html",
            "runs.html",
            "task.html",
            "task_past.html",
            "tasks.html",
            "faults.html",
            "dag_backfills.html",
            "backfill.html",
            "backfill_new.html",
            "holds.html",
            "api.html",
            "mark.html",
            "rerun.html",
            "reruns.html",
            "vars.html",
            "dag_deadlines.html",
            "dag_durations.html",
            "dag_versions.html",
            "dag_year.html",
            "audit.html",
            "calendars.html",
            "pools.html",
            "system.html",
            "problem.html",
            "outside.html",
            "account.html",
            "users.html",
            "tokens.html",
        );
        Self { environment }
    }

    /// One page as text.
    pub(crate) fn render(&self, name: &str, context: Value) -> Result<Html<String>, Problem> {
        let page = self.environment.get_template(name).and_then(|template| template.render(context));
        page.map(Html).map_err(|error| {
            tracing::error!(%error, name, "a page could not be rendered");
            Problem::internal(format!("the page could not be rendered: {error}"))
        })
    }
}

/// The sign of a state where the style sheet, which has the same ones, cannot put it: in drawings.
fn sign(state: &str) -> &'static str {
    match state {
        "success" => "✓",
        "failed" => "✕",
        "upstream_failed" => "↑",
        "skipped" => "–",
        "canceled" => "■",
        "running" => "▶",
        "starting" => "›",
        "stopping" => "□",
        "up_for_retry" => "↻",
        "queued" => "…",
        "deferred" => "◷",
        "expanded" => "▤",
        "waiting" => "·",
        "removed" => "×",
        _ => "",
    }
}

/// The time of day of an instant, in UTC; the page's script turns it to the viewer's clock.
fn hour(at: &str) -> Result<String, Error> {
    let instant = Timestamp::parse(at);
    let instant = instant.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "this is no instant"))?;
    Ok(instant.to_chrono().format("%H:%M").to_string())
}

/// An instant as `<time>`: UTC in sight, exact for programs, on hover on the clocks of its DAG too. `now` decides
/// whether the year is told; the zone is that of the page, unless another is given.
fn time(state: &State, at: &str, now: &str, zone: Option<&str>) -> Result<Value, Error> {
    let instant = |text: &str| {
        Timestamp::parse(text).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "this is no instant"))
    };
    let (at, now) = (instant(at)?, instant(now)?);
    let utc = words::moment(at, now);
    let shell = state.lookup("shell").and_then(|shell| shell.get_attr("zone").ok());
    let name = zone.or_else(|| shell.as_ref()?.as_str()).unwrap_or("UTC");
    let there = Zone::parse(name).ok().filter(|zone| zone.name() != "UTC");
    let there = there.map_or_else(String::new, |zone| {
        let civil = words::day_and_time(&zone.civil(at), &zone.civil(now));
        // The name is one of the zones that are known, so it is never markup.
        format!("{civil} {}\n", zone.name())
    });
    Ok(Value::from_safe_string(format!("<time datetime=\"{at}\" title=\"{there}{utc} UTC\">{utc}</time>")))
}

/// The same with its milliseconds.
fn fine(state: &State, at: &str, now: &str) -> Result<Value, Error> {
    let whole = time(state, at, now, None)?.to_string();
    let nanos = Timestamp::parse(at).map_or(0, Timestamp::nanos);
    let parts = nanos.rem_euclid(1_000_000_000) / 1_000_000;
    let told = whole.strip_suffix("</time>").unwrap_or(&whole).replacen("<time", "<time data-fine", 1);
    Ok(Value::from_safe_string(format!("{told}.{parts:03}</time>")))
}

/// What makes a form count once, however often it is sent.
fn once() -> Result<Value, Error> {
    let key = new_secret().map_err(|fault| Error::new(ErrorKind::InvalidOperation, fault))?;
    Ok(Value::from_safe_string(format!("<input type=\"hidden\" name=\"once\" value=\"{key}\">")))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn an_instant_tells_the_clocks_of_its_dag() {
        let mut environment = Environment::new();
        environment.add_filter("time", time);
        let at = |text: &str, zone: &str| {
            let shell = context! { zone => zone, now => "2026-11-21T02:00:00Z" };
            environment.render_str(text, context! { shell, at => "2025-12-31T23:30:00Z" }).unwrap()
        };
        let title = |html: String| html.split('"').nth(3).unwrap().to_owned();
        assert_eq!(
            title(at("{{ at|time(shell.now) }}", "Asia/Tokyo")),
            "1 Jan 08:30:00 Asia/Tokyo\n31 Dec 2025 23:30:00 UTC"
        );
        assert_eq!(title(at("{{ at|time(shell.now) }}", "UTC")), "31 Dec 2025 23:30:00 UTC");
        assert_eq!(
            title(at("{{ at|time(shell.now, 'America/New_York') }}", "Asia/Tokyo")),
            "31 Dec 2025 18:30:00 America/New_York\n31 Dec 2025 23:30:00 UTC"
        );
    }
}
