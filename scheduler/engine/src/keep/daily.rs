//! The quiet pass of a server: once a day, by a timer.

use std::time::Duration;

use nightrun_core::decide::Event;

use super::{Asked, Batch, Keeper, Plan, PruneError, Swept};
use crate::run::Handle;

/// The first pass after a start: a server that is restarted every day prunes too.
const FIRST: Duration = Duration::from_mins(5);

/// From one pass to the next.
const EVERY: Duration = Duration::from_hours(24);

impl Keeper {
    /// Prunes through a running scheduler, on a thread where blocking is fine.
    pub async fn prune_by(
        &self,
        handle: &Handle,
        asked: Asked,
        (by, weighed): (&str, bool),
    ) -> Result<(Plan, Swept), PruneError> {
        let (keeper, handle, by) = (self.clone(), handle.clone(), by.to_owned());
        let runtime = tokio::runtime::Handle::current();
        let work = tokio::task::spawn_blocking(move || {
            let mut plan = keeper.plan(&asked)?;
            if weighed {
                keeper.weigh(&mut plan)?;
            }
            let swept = keeper.prune(&plan, |Batch { runs, versions }| {
                let event = Event::PruneRequested { runs, versions, by: by.clone() };
                runtime.block_on(handle.request(event)).map_err(|_| PruneError::Stopped)?;
                Ok(())
            })?;
            Ok((plan, swept))
        });
        work.await.unwrap_or(Err(PruneError::Stopped))
    }

    /// Prunes soon and then once a day, until the scheduler ends.
    pub fn watch(self, handle: Handle) {
        tokio::spawn(async move {
            tokio::time::sleep(FIRST).await;
            while !handle.is_stopped() {
                match self.prune_by(&handle, Asked::default(), ("retention", false)).await {
                    Ok((plan, swept)) => {
                        let runs: usize = plan.dags.iter().map(|dag| dag.runs.len()).sum();
                        tracing::info!(
                            runs,
                            folders = swept.folders,
                            values = swept.values,
                            "old runs are pruned"
                        );
                    }
                    Err(PruneError::Stopped) => return,
                    Err(fault) => {
                        tracing::warn!(%fault, "old runs could not be pruned; tried again tomorrow");
                    }
                }
                tokio::time::sleep(EVERY).await;
            }
        });
    }
}
