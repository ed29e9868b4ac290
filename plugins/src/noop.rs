//! `type: noop`: nothing to run. A joint in the graph, and a way to hand on values.

use nightrun_core::dag::{Argument, ArgumentKind, OperatorSignature};
use nightrun_engine::exec::{Job, Operator};
use serde_json::{Map, Value as Json};

/// Succeeds at once, without a process. `outputs:` become its outputs.
#[derive(Debug)]
pub(crate) struct Noop;

impl Operator for Noop {
    fn signature(&self) -> OperatorSignature {
        let outputs = Argument { name: "outputs".into(), kind: ArgumentKind::Map, required: false };
        OperatorSignature { name: "noop".into(), args: vec![outputs] }
    }

    fn prepare(&self, with: &Map<String, Json>) -> Result<Job, String> {
        match with.get("outputs") {
            None => Ok(Job::Done { outputs: Map::new() }),
            Some(Json::Object(outputs)) => Ok(Job::Done { outputs: outputs.clone() }),
            Some(other) => Err(format!("`outputs` must be a map, not {other}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_outputs_are_what_it_was_given() {
        let Json::Object(with) = json!({"outputs": {"rows": 3}}) else { unreachable!() };
        let Json::Object(outputs) = json!({"rows": 3}) else { unreachable!() };
        assert_eq!(Noop.prepare(&with), Ok(Job::Done { outputs }));
        let Json::Object(wrong) = json!({"outputs": 3}) else { unreachable!() };
        assert_eq!(Noop.prepare(&wrong), Err("`outputs` must be a map, not 3".into()));
    }
}
