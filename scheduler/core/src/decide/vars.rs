//! Vars: named values of the deployment. The core only says who set what; attempts take them from the
//! store when they start.

use serde_json::Value as Json;

use super::effect::{Answer, Refusal};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::is_var_name;

/// Longest value of a var, in bytes of JSON.
pub const MAX_VAR_BYTES: usize = 64 << 10;

/// Why a var of this name cannot have this value, if it cannot.
pub fn check_var(name: &str, value: &Json) -> Result<(), String> {
    if !is_var_name(name) {
        let rule = "a name has letters, digits and `_`, does not begin with a digit, and is at most 128 long";
        return Err(format!("`{name}` is no name of a var: {rule}"));
    }
    if value.is_null() {
        return Err(format!("the var `{name}` needs a value; to take it away, delete it"));
    }
    let bytes = value.to_string().len();
    if bytes > MAX_VAR_BYTES {
        return Err(format!("the value of `{name}` has {bytes} bytes, and {MAX_VAR_BYTES} are allowed"));
    }
    Ok(())
}

impl Turn<'_> {
    pub(super) fn var_set(&mut self, name: String, value: Option<Json>, by: String) -> Answer {
        if let Some(Err(fault)) = value.as_ref().map(|value| check_var(&name, value)) {
            return Answer::Refused(Refusal::BadVar(fault));
        }
        self.record(Transition::VarSet { name, value, by });
        Answer::Done
    }
}
