//! `type: shell`: a command in words, as `run:` in list form, for DAGs that prefer `type:` everywhere.

use nightrun_core::dag::{Argument, ArgumentKind, OperatorSignature};
use nightrun_engine::exec::{Job, Operator};
use serde_json::{Map, Value as Json};

/// Runs a program with its arguments; no shell reads them.
#[derive(Debug)]
pub(crate) struct Shell;

impl Operator for Shell {
    fn signature(&self) -> OperatorSignature {
        let argv = Argument { name: "argv".into(), kind: ArgumentKind::List, required: true };
        OperatorSignature { name: "shell".into(), args: vec![argv] }
    }

    fn prepare(&self, with: &Map<String, Json>) -> Result<Job, String> {
        let words = with.get("argv").and_then(Json::as_array).filter(|words| !words.is_empty());
        let words = words.ok_or("`argv` must be a list that names at least a program")?;
        Ok(Job::Process { argv: words.iter().map(text_of).collect(), env: Vec::new() })
    }
}

/// A value as one argument: text as it is, anything else as JSON.
pub(crate) fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_word_is_one_argument() {
        let Json::Object(with) = json!({"argv": ["printf", "%s", "a b", 7]}) else { unreachable!() };
        let argv = ["printf", "%s", "a b", "7"].map(String::from).to_vec();
        assert_eq!(Shell.prepare(&with), Ok(Job::Process { argv, env: vec![] }));
        let Json::Object(empty) = json!({"argv": []}) else { unreachable!() };
        assert!(Shell.prepare(&empty).is_err());
    }
}
