//! What is needed of a DAG to read dates and params that are typed for it.

use nightrun_core::dag::spec::{Dag, Param};
use nightrun_core::decide::Values;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use serde_json::Value as Json;

use super::{faulty, target, told};
use crate::client::Server;
use crate::failure::{Failure, OrFail};

/// A DAG as far as its inputs go.
pub(super) struct Inputs {
    pub(super) dag: String,
    params: Vec<Param>,
    zone: Zone,
}

impl Inputs {
    /// As the server has the DAG in force.
    pub(super) fn in_force(server: &Server, dag: &str) -> Result<Self, Failure> {
        let told: Option<Json> = server.find(&format!("/dags/{}", Server::segment(dag)))?;
        let mut told = told.ok_or_else(|| faulty::no_dag(server, dag))?;
        let params = told::read(told["params"].take())?;
        let zone = Zone::parse(told["timezone"].as_str().unwrap_or("UTC")).or_fail("the server's answer")?;
        Ok(Self { dag: dag.to_owned(), params, zone })
    }

    pub(super) fn of(dag: &Dag) -> Self {
        Self { dag: dag.id.to_string(), params: dag.params.clone(), zone: dag.zone.clone() }
    }

    pub(super) fn params(&self, given: &[String]) -> Result<Values, Failure> {
        target::read_params(&self.dag, &self.params, given)
    }

    pub(super) fn at(&self, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
        target::read_at(&self.zone, text)
    }
}
