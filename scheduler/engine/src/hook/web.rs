//! Messages by HTTP: Slack's incoming webhooks, and plain ones that are signed.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::message::Message;
use super::{Destination, Tools};

/// Most characters of a log that a chat is shown.
const SHOWN: usize = 2_500;

/// To Slack, or to what speaks its language.
pub(super) fn slack(tools: &Tools, to: &str, message: &Message, timeout: Duration) -> Result<(), String> {
    let named = named(tools, to);
    let url = address(to, named.and_then(|it| it.slack.as_deref()), "slack")?;
    let tail = message.log_tail.as_ref().map(|tail| {
        let start = tail.ceil_char_boundary(tail.len().saturating_sub(SHOWN));
        format!("```{}```", &tail[start..])
    });
    let lines = [format!("*{}*", message.subject), message.text.clone(), message.run_link.clone()];
    let more = message.graph_link.clone().into_iter().chain(tail);
    let text = lines.into_iter().chain(more).collect::<Vec<_>>().join("\n");
    post(url, &json!({ "text": text }).to_string(), &[], timeout)
}

/// As JSON, signed when the destination has a secret: `X-Nightrun-Signature` is `sha256=` and the HMAC-SHA256
/// of the timestamp, a dot and the body.
pub(super) fn webhook(tools: &Tools, to: &str, message: &Message, timeout: Duration) -> Result<(), String> {
    let named = named(tools, to);
    let url = address(to, named.and_then(|it| it.webhook.as_deref()), "webhook")?;
    let body = message.json.to_string();
    let timestamp = (tools.clock)().seconds().to_string();
    let mut headers =
        vec![("X-Nightrun-Delivery", message.delivery.clone()), ("X-Nightrun-Timestamp", timestamp.clone())];
    if let Some(secret) = named.and_then(|it| it.secret.as_deref()) {
        headers.push(("X-Nightrun-Signature", format!("sha256={}", sign(secret, &timestamp, &body)?)));
    }
    post(url, &body, &headers, timeout)
}

fn sign(secret: &str, timestamp: &str, body: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|fault| fault.to_string())?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    Ok(crate::store::hex(&mac.finalize().into_bytes()))
}

fn named<'a>(tools: &'a Tools, to: &str) -> Option<&'a Destination> {
    tools.settings.destinations.get(to)
}

/// The address that a destination stands for.
fn address<'a>(to: &'a str, named: Option<&'a str>, channel: &str) -> Result<&'a str, String> {
    if to.contains("://") {
        return Ok(to);
    }
    named.ok_or_else(|| format!("the configuration has no `{channel}` of the name `{to}`"))
}

fn post(url: &str, body: &str, headers: &[(&str, String)], timeout: Duration) -> Result<(), String> {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .http_status_as_error(false)
        .tls_config(tls)
        .build();
    let mut request = Agent::new_with_config(config).post(url).header("Content-Type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    // An address of a webhook is a secret: no message names more of it than its host.
    let fault = |fault: ureq::Error| format!("{}: {}", host(url), fault.to_string().replace(url, host(url)));
    let answer = request.send(body).map_err(fault)?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("{} answered {status}", host(url))) }
}

/// The host of an address, without user, password, path and query.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_timestamp_and_body() {
        // printf '1795000000.{}' | openssl dgst -sha256 -hmac secret
        assert_eq!(
            sign("secret", "1795000000", "{}").unwrap(),
            "6b4c7e66d3b69c810f27c4aa67ee370757d4dfdabf1fbb338ea7cf6aba9e0494"
        );
        assert_ne!(sign("secret", "1795000001", "{}"), sign("secret", "1795000000", "{}"));
    }

    #[test]
    fn of_an_address_only_the_host_is_named() {
        for url in ["https://u:p@hooks.example.com/services/T0/B0?x=1", "https://hooks.example.com#a"] {
            assert_eq!(host(url), "hooks.example.com");
        }
    }
}
