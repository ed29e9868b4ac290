//! The params of a run: given values, defaults, and whether the DAG accepts them.

use regex::Regex;
use serde_json::Value as Json;

use super::spec::{Dag, Param, ParamKind};
use crate::decide::Values;

impl Dag {
    /// The params of a run: given ones, defaults for the others. Each that the DAG does not accept
    /// is one sentence of the error.
    pub fn resolve_params(&self, given: &Values) -> Result<Values, Vec<String>> {
        let mut faults = Vec::new();
        for name in given.keys().filter(|name| self.params.iter().all(|param| param.name != **name)) {
            faults.push(format!("DAG `{}` has no param `{name}`", self.id));
        }
        let mut resolved = Values::new();
        for param in &self.params {
            match given.get(&param.name).or(param.default.as_ref()) {
                Some(value) => {
                    if let Err(fault) = param.accepts(value) {
                        faults.push(fault);
                    }
                    resolved.insert(param.name.clone(), value.clone());
                }
                None if param.required => {
                    faults.push(format!("param `{}` is required and has no value", param.name));
                }
                None => {
                    resolved.insert(param.name.clone(), Json::Null);
                }
            }
        }
        if faults.is_empty() { Ok(resolved) } else { Err(faults) }
    }
}

impl Param {
    /// Says why a value is not accepted.
    pub fn accepts(&self, value: &Json) -> Result<(), String> {
        let name = &self.name;
        if !self.kind.fits(value) {
            return Err(format!("param `{name}` is of type {}, not {value}", self.kind.as_str()));
        }
        if !self.choices.is_empty() && !self.choices.contains(value) {
            let allowed: Vec<String> = self.choices.iter().map(ToString::to_string).collect();
            return Err(format!("param `{name}` must be one of {}, not {value}", allowed.join(", ")));
        }
        let (size, what) = match value {
            Json::Number(number) => (number.as_f64(), "value"),
            Json::String(text) => (Some(length(text.chars().count())), "length"),
            Json::Array(items) => (Some(length(items.len())), "length"),
            Json::Null | Json::Bool(_) | Json::Object(_) => (None, "value"),
        };
        if let (Some(size), Some(min)) = (size, self.min)
            && size < min
        {
            return Err(format!("param `{name}`: the {what} {size} is below the minimum {min}"));
        }
        if let (Some(size), Some(max)) = (size, self.max)
            && size > max
        {
            return Err(format!("param `{name}`: the {what} {size} is above the maximum {max}"));
        }
        self.matches_pattern(value)
    }

    fn matches_pattern(&self, value: &Json) -> Result<(), String> {
        let (Some(pattern), Json::String(text)) = (&self.pattern, value) else { return Ok(()) };
        let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|fault| fault.to_string())?;
        if whole.is_match(text) {
            return Ok(());
        }
        Err(format!("param `{}`: {value} does not match the pattern `{pattern}`", self.name))
    }

    /// Reads a value that was typed on a command line or in a form, by the param's type.
    pub fn read_text(&self, text: &str) -> Result<Json, String> {
        let fault =
            || format!("param `{}` is of type {}, which `{text}` is not", self.name, self.kind.as_str());
        match self.kind {
            ParamKind::String => Ok(Json::String(text.into())),
            ParamKind::Integer
            | ParamKind::Number
            | ParamKind::Boolean
            | ParamKind::Array
            | ParamKind::Object => {
                serde_json::from_str(text).ok().filter(|value| self.kind.fits(value)).ok_or_else(fault)
            }
        }
    }
}

impl ParamKind {
    /// Its name in the DAG file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// Is this value of this type?
    pub fn fits(self, value: &Json) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length that large is refused long before")]
fn length(count: usize) -> f64 {
    count as f64
}
