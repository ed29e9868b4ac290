//! Bodies of requests: JSON objects and nothing else, for a form of another site cannot send those unseen.

use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// Reads a body that must be a map; none at all asks for nothing special. Serde alone would take a list for the
/// fields in their order.
pub(super) fn fields<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    refuse_forms(headers)?;
    let body = if body.is_empty() { b"{}" } else { body };
    let fields: serde_json::Result<Map<String, Value>> = serde_json::from_slice(body);
    let read = fields.and_then(|mut fields| {
        fields.iter_mut().filter(|(name, _)| *name != "value").for_each(|(_, value)| whole(value));
        serde_json::from_value(Value::Object(fields))
    });
    read.map_err(|fault| Problem::bad_request(fault.to_string()))
}

/// JSON has one kind of number: 3.0 is 3. What DAGs are given stays as it is.
fn whole(value: &mut Value) {
    const MOST: f64 = 9_007_199_254_740_991.0;
    let float =
        value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0 && number.abs() <= MOST);
    if let Some(number) = float.and_then(|number| format!("{number:.0}").parse::<i64>().ok()) {
        *value = number.into();
    }
}

/// A body that says what it is must say JSON.
pub(super) fn refuse_forms(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(Problem::new(status, "not_json", "JSON is wanted here", "send the body as application/json"))
}
