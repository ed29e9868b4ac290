//! `type: branch`: an expression names the tasks or groups that are kept.

use nightrun_core::dag::{Argument, ArgumentKind, OperatorSignature};
use nightrun_engine::exec::{Job, Operator};
use serde_json::{Map, Value as Json};

/// Succeeds at once; `choose` becomes its output of that name, which says what is kept.
#[derive(Debug)]
pub(crate) struct Branch;

impl Operator for Branch {
    fn signature(&self) -> OperatorSignature {
        let choose = Argument { name: "choose".into(), kind: ArgumentKind::Any, required: true };
        OperatorSignature { name: "branch".into(), args: vec![choose] }
    }

    fn prepare(&self, with: &Map<String, Json>) -> Result<Job, String> {
        let chosen = with.get("choose").ok_or("`choose` must name the tasks that are kept")?;
        Ok(Job::Done { outputs: [("choose".to_owned(), chosen.clone())].into_iter().collect() })
    }
}
