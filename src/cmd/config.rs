//! `nightrun config`: each value and where it came from.

use std::process::ExitCode;

use nightrun_web::Access;
use serde_json::json;

use crate::cli::ConfigArgs;
use crate::config::{Config, Given};
use crate::failure::Verdict;
use crate::say;

/// What the configuration says about logins, in words.
fn access(Access { required, secure, proxied }: Access) -> String {
    let login = if required { "login: required" } else { "login: auto" };
    let more = [(secure, ", secure_cookies"), (proxied, ", behind_proxy")];
    more.iter().filter(|(is_set, _)| *is_set).fold(login.to_owned(), |all, (_, word)| all + word)
}

pub(crate) fn config(args: ConfigArgs) -> Verdict {
    let given = Given { dags: args.dags.dags, data: args.data.data, listen: args.listen, slots: args.slots };
    let config = Config::load(given)?;
    let values = [
        ("dags", json!(config.dags)),
        ("data", json!(config.data)),
        ("listen", json!(config.listen)),
        ("slots", json!(config.slots)),
        ("max_items", json!(config.max_items)),
        ("keep_runs", json!(config.keep.runs)),
        ("keep_days", json!(config.keep.days)),
        ("timezone", json!(config.zone.name())),
        ("pools", json!(config.pools)),
        ("url", json!(config.hooks.url)),
        ("access", json!(access(config.access))),
        ("notify", json!(config.hooks.destinations.keys().collect::<Vec<_>>())),
    ];
    if args.json {
        let object: serde_json::Map<_, _> = values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!({ "value": value, "from": config.sources[name] })))
            .collect();
        say::json(&object)?;
    } else {
        let plain = |value: &serde_json::Value| match value {
            serde_json::Value::Null => "all".to_owned(),
            value => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        };
        let rows = values
            .iter()
            .map(|(name, value)| vec![(*name).to_owned(), plain(value), config.sources[name].clone()])
            .collect();
        say::println(say::table(&["key", "value", "from"], rows).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
