//! Requests that are answered as soon as a run is over.

use std::sync::Arc;
use std::time::Duration;

use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::parse_duration;
use nightrun_engine::run::News;
use nightrun_engine::store::RunShow;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use tokio::sync::broadcast::error::RecvError;

use super::tasks::told;
use crate::app::{Desk, Site};
use crate::problem::Problem;
use crate::theirs::ANOTHER;

/// No request waits longer.
const LONGEST: Duration = Duration::from_mins(5);

/// How long somebody waits.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Wait {
    /// Answer when the run is over, or else after so long: `30s`, at most `5m`.
    #[serde(default, deserialize_with = "read")]
    #[schemars(with = "Option<String>", example = "30s", regex(pattern = r"^([1-9]|[1-5][0-9])s$|^[1-5]m$"))]
    pub(super) wait: Option<Duration>,
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let length = parse_duration(&text).map_err(|fault| D::Error::custom(format!("`wait`: {fault}")))?;
    if length > LONGEST {
        return Err(D::Error::custom("`wait` is at most `5m`"));
    }
    Ok(Some(length))
}

impl Site {
    /// The run, once it is over or `wait` has passed.
    pub(super) async fn run_after(
        self: &Arc<Self>,
        run: RunId,
        wait: Option<Duration>,
    ) -> Result<RunShow, Problem> {
        let shown = self.run(run).await?;
        let (Some(wait), false) = (wait, shown.state.is_final()) else { return Ok(shown) };
        let _place = self.hub.wait_place()?;
        let deadline = tokio::time::sleep(wait);
        tokio::pin!(deadline);
        // Listening begins before the look at the store, so that nothing falls between.
        let mut news = self.app.handle.news();
        if self.run(run).await?.state.is_final() {
            return self.run(run).await;
        }
        loop {
            tokio::select! {
                () = &mut deadline => break,
                heard = news.recv() => match heard {
                    Ok(news) if !is_about(&news, run) => {}
                    Err(RecvError::Closed) => break,
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        if self.run(run).await?.state.is_final() {
                            break;
                        }
                    }
                },
            }
        }
        self.run(run).await
    }

    async fn run(self: &Arc<Self>, run: RunId) -> Result<RunShow, Problem> {
        self.read(move |desk| {
            let data = &desk.site.app.data;
            let Some(mut shown) = desk.page.run(run, Some(data))? else { return Ok(None) };
            shown.tasks = shown.tasks.into_iter().map(|task| told(data, run, task)).collect();
            Ok(Some(theirs(desk, shown)))
        })
        .await
    }
}

/// Leaves out the runs that called it or that it called, where they are none of the business of whoever asks.
fn theirs(desk: &Desk<'_>, mut run: RunShow) -> RunShow {
    let covers = |dag: &DagId| desk.site.who.covers(dag.as_str());
    run.children.retain(|call| covers(&call.dag));
    if run.parent.as_ref().is_some_and(|by| by.dag.as_ref().is_some_and(|dag| !covers(dag))) {
        run.parent = None;
        run.by = ANOTHER.into();
    }
    run
}

fn is_about(news: &News, run: RunId) -> bool {
    use nightrun_core::decide::Transition;
    let ends = |fact: &Transition| match fact {
        Transition::RunMoved { run: moved, to, .. } => *moved == run && to.is_final(),
        Transition::Pruned { .. } => true,
        _ => false,
    };
    news.facts.iter().any(ends)
}
