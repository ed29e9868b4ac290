//! `type: python`: a Python program, in place or in a file.

use nightrun_core::dag::{Argument, ArgumentKind, OperatorSignature};
use nightrun_engine::exec::{Job, Operator};
use serde_json::{Map, Value as Json};

use crate::shell::text_of;

/// Runs `code` or the file `script` with `interpreter` (default `python3`) and `args`.
#[derive(Debug)]
pub(crate) struct Python;

impl Operator for Python {
    fn signature(&self) -> OperatorSignature {
        let argument = |name: &str, kind| Argument { name: name.into(), kind, required: false };
        OperatorSignature {
            name: "python".into(),
            args: vec![
                argument("code", ArgumentKind::Code),
                argument("script", ArgumentKind::Text),
                argument("args", ArgumentKind::List),
                argument("interpreter", ArgumentKind::Text),
            ],
        }
    }

    fn prepare(&self, with: &Map<String, Json>) -> Result<Job, String> {
        let text = |name: &str| with.get(name).map(text_of);
        let interpreter = text("interpreter").unwrap_or_else(|| "python3".into());
        let args: Vec<String> =
            with.get("args").and_then(Json::as_array).into_iter().flatten().map(text_of).collect();
        match (text("code"), text("script")) {
            (Some(code), None) => Ok(Job::Script { text: code, interpreter: vec![interpreter], args }),
            (None, Some(script)) => {
                let argv = [interpreter, script].into_iter().chain(args).collect();
                Ok(Job::Process { argv, env: Vec::new() })
            }
            (Some(_), Some(_)) => Err("give `code` or `script`, not both".into()),
            (None, None) => Err("give `code` (a program) or `script` (a file)".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn prepare(with: Json) -> Result<Job, String> {
        let Json::Object(with) = with else { unreachable!() };
        Python.prepare(&with)
    }

    #[test]
    fn it_takes_code_or_a_file_and_not_both() {
        let code = prepare(json!({"code": "print(1)", "args": [1]})).unwrap();
        let expected = Job::Script {
            text: "print(1)".into(),
            interpreter: vec!["python3".into()],
            args: vec!["1".into()],
        };
        assert_eq!(code, expected);
        let file = prepare(json!({"script": "load.py", "interpreter": "pypy3"})).unwrap();
        assert_eq!(file, Job::Process { argv: vec!["pypy3".into(), "load.py".into()], env: vec![] });
        assert!(prepare(json!({})).is_err() && prepare(json!({"code": "", "script": ""})).is_err());
    }
}
