//! Messages by mail.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Mail};
use lettre::{SmtpTransport, Transport};

use super::Tools;
use super::message::Message;

/// Sends it to all addresses at once; a single name of the configuration stands for its addresses.
pub(super) fn send(tools: &Tools, to: &[String], message: &Message, timeout: Duration) -> Result<(), String> {
    let Some(smtp) = &tools.settings.smtp else {
        return Err("no mail server is configured: set `smtp` in nightrun.yaml, or NIGHTRUN_SMTP_URL".into());
    };
    let mailbox = |text: &str| {
        text.parse::<Mailbox>().map_err(|fault| format!("`{text}` is no address of mail: {fault}"))
    };
    // The same for every try, so that a reader sees it once.
    let id = format!("<hook.{}@nightrun>", message.delivery);
    let mut mail = Mail::builder().from(mailbox(&smtp.from)?).subject(&message.subject).message_id(Some(id));
    for name in to {
        let addresses = match tools.settings.destinations.get(name) {
            Some(named) if !name.contains('@') => named.email.as_slice(),
            _ => std::slice::from_ref(name),
        };
        for address in addresses {
            mail = mail.to(mailbox(address)?);
        }
    }
    let mail = mail
        .header(ContentType::TEXT_PLAIN)
        .body(message.plain())
        .map_err(|fault| format!("the mail cannot be written: {fault}"))?;
    let server =
        SmtpTransport::from_url(&smtp.url).map_err(|_| "the address of the mail server is not right")?;
    let server = server.timeout(Some(timeout)).build();
    server.send(&mail).map(|_| ()).map_err(|fault| format!("the mail server: {}", causes(&fault)))
}

/// An error and what caused it, in one line.
fn causes(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(it) = cause {
        let more = it.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = it.source();
    }
    text
}
