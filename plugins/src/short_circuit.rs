//! `type: short_circuit`: a condition that ends the path when it is false.

use nightrun_core::dag::{Argument, ArgumentKind, OperatorSignature};
use nightrun_engine::exec::{Job, Operator};
use serde_json::{Map, Value as Json};

/// Succeeds at once; `condition` becomes its output of that name, which says whether the path goes on.
#[derive(Debug)]
pub(crate) struct ShortCircuit;

impl Operator for ShortCircuit {
    fn signature(&self) -> OperatorSignature {
        let argument = |name: &str, kind, required| Argument { name: name.into(), kind, required };
        OperatorSignature {
            name: "short_circuit".into(),
            args: vec![
                argument("condition", ArgumentKind::Any, true),
                argument("ignore_downstream_trigger_rules", ArgumentKind::Boolean, false),
            ],
        }
    }

    fn prepare(&self, with: &Map<String, Json>) -> Result<Job, String> {
        let condition = with.get("condition").ok_or("`condition` must say whether the path goes on")?;
        Ok(Job::Done { outputs: [("condition".to_owned(), condition.clone())].into_iter().collect() })
    }
}
