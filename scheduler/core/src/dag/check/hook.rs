//! Where hooks send to: what can be told before they do.

use crate::dag::known::Known;
use crate::dag::read::DraftHook;
use crate::dag::spec::{Channel, HookAction};
use crate::dag::tree::{Kind, Node};
use crate::diag::{Code, Fault, Faults};
use crate::template::nearest;

/// Checks the destinations of a hook.
pub(super) fn check(draft: &DraftHook<'_, '_>, known: &Known, faults: &mut Faults) {
    let HookAction::Notify(notify) = &draft.hook.action else { return };
    let channel = notify.channel.name();
    for node in draft.destinations.iter().flat_map(|node| scalars(node)) {
        let Kind::Scalar(scalar) = &node.kind else { continue };
        let text = scalar.text.trim();
        if text.contains("{{") || text.contains("{%") {
            continue;
        }
        match &notify.channel {
            Channel::Email(_) if text.contains('@') => {
                if !is_address(text) {
                    let fault =
                        Fault::new(Code::BadDestination, node.at, format!("`{text}` is no address of mail"));
                    faults.add(fault.help("for example `ops@example.com`"));
                }
            }
            Channel::Slack(_) | Channel::Webhook(_) if text.contains("://") => {
                if !(text.starts_with("https://") || text.starts_with("http://")) {
                    let message = format!("`{channel}` takes an address of the web");
                    let fault = Fault::new(Code::BadDestination, node.at, message);
                    faults.add(fault.help("it begins with `https://` or `http://`"));
                }
            }
            Channel::Email(_) | Channel::Slack(_) | Channel::Webhook(_) => {
                name(node, text, channel, known, faults);
            }
            Channel::Command(_) => {}
        }
    }
}

/// A name of the configuration.
fn name(node: &Node<'_>, text: &str, channel: &str, known: &Known, faults: &mut Faults) {
    if known.any_destination {
        return;
    }
    let names = known.destinations.iter().filter(|(_, of)| of == channel).map(|(name, _)| name.as_str());
    if names.clone().any(|name| name == text) {
        return;
    }
    let message = format!("the configuration has no `{channel}` of the name `{text}`");
    let help = match nearest(text, names) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!(
            "add `notify: {{{text}: {{{channel}: …}}}}` to nightrun.yaml, or write the address itself"
        ),
    };
    faults.add(Fault::new(Code::UnknownDestination, node.at, message).help(help));
}

fn is_address(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    plain(name)
        && plain(host)
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !name.contains(['<', '>', '@'])
}

fn scalars<'n, 'a>(node: &'n Node<'a>) -> &'n [Node<'a>] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}
