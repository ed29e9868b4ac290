//! What fires when a DAG that was paused goes on.

use serde_json::{Value as Json, json};

use super::told::text;
use crate::client::Server;

/// What is said of the ticks that waited for the end of a pause; empty where none did.
pub(super) fn missed(server: &Server, only: Option<&str>) -> String {
    let everything = || server.get::<Json>("/holds").is_ok_and(|laid| laid["paused"] == json!(true));
    if only.is_some() && everything() {
        return "; but everything is paused: `nightrun unpause --all`".to_owned();
    }
    let of = only.map_or_else(String::new, |dag| format!("?dag={}", Server::segment(dag)));
    // It only adds to what was done: a store that cannot be read is no failure of that.
    let waiting: Vec<Json> = server.get(&format!("/waiting{of}")).unwrap_or_default();
    match waiting.as_slice() {
        [] => String::new(),
        [one] => {
            let which = match one["catchup"].as_str() {
                Some("all") => format!("up to {} of them fire now", one["limit"]),
                _ => "the newest of them fires now".to_owned(),
            };
            let of = if only.is_some() { String::new() } else { format!(" of {}", text(&one["dag"])) };
            format!("; ticks{of} waited meanwhile: {which} (`catchup: {}`)", text(&one["catchup"]))
        }
        all => format!("; ticks of {} DAGs waited meanwhile, and fire now by their `catchup`", all.len()),
    }
}
