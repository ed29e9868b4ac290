//! What a trigger would run, without running it.

use std::sync::Arc;

use nightrun_core::decide::{Refusal, RunRequest};
use nightrun_core::id::DagId;
use nightrun_engine::run::{Ahead, look_ahead};

use crate::acts::Wanted;
use crate::app::Site;
use crate::problem::Problem;

impl Site {
    /// What would come of a request for a run. Values that the environment of the server gives are not shown.
    pub(crate) async fn look_ahead(self: &Arc<Self>, dag: DagId, wanted: Wanted) -> Result<Ahead, Problem> {
        let sought = dag.clone();
        let (item, spec, stored) = self
            .read(move |desk| {
                let item = desk.page.dag(&sought, 0)?;
                let spec = item.as_ref().map(|item| desk.spec(item.version)).transpose()?.flatten();
                Ok(Some((item, spec, desk.page.vars()?)))
            })
            .await?;
        if item.is_none_or(|item| item.retired) {
            return Err(Refusal::UnknownDag(dag.to_string()).into());
        }
        let gone = || Problem::not_found("the stored file of this DAG cannot be read any more");
        let spec = spec.ok_or_else(gone)?;
        if !spec.enabled && !wanted.force {
            return Err(Refusal::NotEnabled(dag.to_string()).into());
        }
        let Wanted { params, logical_date, part, force } = wanted;
        let by = self.who.sign("api");
        let request = RunRequest { dag, params, logical_date, part, force, by };
        look_ahead(&spec, request, &self.app.vars.shown(stored), self.now()).map_err(Problem::from)
    }
}
