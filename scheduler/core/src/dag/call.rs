//! A task that calls another DAG.

use serde_json::{Map, Value as Json};

use super::known::{Argument, ArgumentKind, OperatorSignature};
use super::spec::Work;
use crate::id::DagId;

/// What `type:` names it.
pub(crate) const CALL: &str = "dag";

/// A call of another DAG: it makes a run of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The DAG that is called.
    pub dag: DagId,
    /// Params of its run; text in them is a template.
    pub params: Map<String, Json>,
    /// Its logical date, a template; `None`: date and data interval of the caller.
    pub date: Option<String>,
    /// It ends when that run ends, with its outputs, and as it does.
    pub wait: bool,
}

impl Call {
    /// The call that `with` describes; what is wrong with it was found before.
    pub(crate) fn of(with: &Map<String, Json>) -> Self {
        let text = |key: &str| with.get(key).and_then(Json::as_str).map(str::to_owned);
        Self {
            dag: DagId::from(text("dag").unwrap_or_default().as_str()),
            params: with.get("params").and_then(Json::as_object).cloned().unwrap_or_default(),
            date: text("date"),
            wait: with.get("wait").and_then(Json::as_bool).unwrap_or(true),
        }
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        let params = if self.params.is_empty() {
            String::new()
        } else {
            format!(" {}", Json::Object(self.params.clone()))
        };
        let date = self.date.as_ref().map_or_else(String::new, |date| format!(" at {date}"));
        format!("dag {}{params}{date}", self.dag)
    }
}

impl Work {
    /// The call, if it is one.
    pub fn as_call(&self) -> Option<&Call> {
        if let Self::Call(call) = self { Some(call) } else { None }
    }
}

/// What `with` of a call may hold.
pub(crate) fn signature() -> OperatorSignature {
    let argument = |name: &str, kind, required| Argument { name: name.into(), kind, required };
    let args = vec![
        argument("dag", ArgumentKind::Text, true),
        argument("params", ArgumentKind::Map, false),
        argument("wait", ArgumentKind::Boolean, false),
        argument("date", ArgumentKind::Text, false),
    ];
    OperatorSignature { name: CALL.into(), args }
}
