//! The configuration: flags before environment (both come in by clap) before `nightrun.yaml` before defaults.
//! Read once; each value knows where it came from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nightrun_core::dag::Known;
use nightrun_core::dag::spec::Keep;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::hook::{Destination, HookSettings, Smtp};
use nightrun_web::Access;
use serde::Deserialize;

use crate::failure::Failure;

/// Slots of the executor when nobody says otherwise.
const SLOTS: u32 = 16;

/// How many items a `foreach` may have when nobody says otherwise.
const MAX_ITEMS: usize = 10_000;

/// What `nightrun.yaml` may say. An unknown key is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dags: Option<PathBuf>,
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    slots: Option<u32>,
    timezone: Option<String>,
    max_items: Option<usize>,
    keep_runs: Option<u32>,
    keep_days: Option<u32>,
    #[serde(default)]
    pools: BTreeMap<String, u32>,
    url: Option<String>,
    #[serde(default)]
    notify: BTreeMap<String, Named>,
    smtp: Option<MailServer>,
    #[serde(default)]
    access: Gate,
}

/// Who must log in, and what stands before the server.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate {
    #[serde(default)]
    login: Login,
    #[serde(default)]
    secure_cookies: bool,
    #[serde(default)]
    behind_proxy: bool,
}

/// When a login is needed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Login {
    /// Once there is a user.
    #[default]
    Auto,
    /// Always.
    Required,
}

/// A destination of messages. A value that begins with `$` is the name of an environment variable.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default)]
    email: OneOrMore,
    slack: Option<String>,
    webhook: Option<String>,
    secret: Option<String>,
}

/// The server that takes mail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailServer {
    url: Option<String>,
    from: Option<String>,
}

/// A text, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

/// What flags and environment say.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) dags: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) slots: Option<u32>,
}

/// The configuration in force.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The folder of DAG files.
    pub(crate) dags: PathBuf,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// How many attempts run at once.
    pub(crate) slots: u32,
    /// How many items a `foreach` may have.
    pub(crate) max_items: usize,
    /// How long ended runs of a DAG are kept that says nothing of it.
    pub(crate) keep: Keep,
    /// Slots of each pool.
    pub(crate) pools: BTreeMap<String, u32>,
    /// The zone of a DAG that names none.
    pub(crate) zone: Zone,
    /// Where hooks send to.
    pub(crate) hooks: HookSettings,
    /// Who must log in, and how cookies are set.
    pub(crate) access: Access,
    /// Where each value came from.
    pub(crate) sources: BTreeMap<&'static str, String>,
}

impl Config {
    /// Puts together what was given, what the file says, and the defaults. The file is `nightrun.yaml`
    /// here, or in the DAG folder.
    pub(crate) fn load(given: Given) -> Result<Self, Failure> {
        let folder = given.dags.clone().unwrap_or_else(|| "dags".into());
        let path = [PathBuf::from("nightrun.yaml"), folder.join("nightrun.yaml")]
            .into_iter()
            .find(|it| it.is_file());
        let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let from = path.map_or_else(String::new, |path| path.display().to_string());
        let mut sources = BTreeMap::new();
        let dags = pick(&mut sources, "dags", given.dags, file.dags, &from, || "dags".into());
        let data = pick(&mut sources, "data", given.data, file.data, &from, || ".nightrun".into());
        let home = || SocketAddr::from(([127, 0, 0, 1], 8080));
        let listen = pick(&mut sources, "listen", given.listen, file.listen, &from, home);
        let slots = pick(&mut sources, "slots", given.slots, file.slots, &from, || SLOTS);
        let max_items = pick(&mut sources, "max_items", None, file.max_items, &from, || MAX_ITEMS);
        let keep = Keep {
            runs: pick(&mut sources, "keep_runs", None, file.keep_runs.map(Some), &from, || None),
            days: pick(&mut sources, "keep_days", None, file.keep_days.map(Some), &from, || None),
        };
        let zone = pick(&mut sources, "timezone", None, file.timezone, &from, || "UTC".into());
        sources.insert("pools", if file.pools.is_empty() { "default".into() } else { from.clone() });
        if slots == 0 || file.pools.values().any(|slots| *slots == 0) {
            return Err(Failure::usage(format!("{from}: `slots` must be at least 1")));
        }
        if keep.runs == Some(0) || keep.days == Some(0) {
            let help = "leave them out to keep all runs";
            let message = format!("{from}: `keep_runs` and `keep_days` must be at least 1");
            return Err(Failure::usage(message).help(help));
        }
        let url = pick(&mut sources, "url", None, file.url, &from, || format!("http://{listen}"));
        sources.insert("notify", if file.notify.is_empty() { "default".into() } else { from.clone() });
        let hooks = HookSettings {
            destinations: destinations(file.notify, &from)?,
            smtp: smtp(file.smtp, &from)?,
            url: url.trim_end_matches('/').to_owned(),
        };
        let access = Access {
            required: file.access.login == Login::Required,
            secure: file.access.secure_cookies,
            proxied: file.access.behind_proxy,
        };
        sources.insert("access", if access == Access::default() { "default".into() } else { from.clone() });
        let zone = Zone::parse(&zone).map_err(|fault| Failure::usage(format!("{from}: {fault}")))?;
        Ok(Self {
            dags,
            data,
            listen,
            slots,
            max_items,
            keep,
            pools: file.pools,
            zone,
            hooks,
            access,
            sources,
        })
    }

    /// What DAG files are read against.
    pub(crate) fn known(&self, now: Timestamp) -> Known {
        let mut known = Known::new(self.zone.clone(), now);
        known.pools.clone_from(&self.pools);
        known.calendars = crate::calendars::of_folder(&self.dags, &self.dags).read.known;
        known.destinations = channels(&self.hooks);
        known.operators = nightrun_plugins::builtin().signatures();
        known
    }
}

/// The destinations of messages, with what the environment says put in.
fn destinations(
    named: BTreeMap<String, Named>,
    from: &str,
) -> Result<BTreeMap<String, Destination>, Failure> {
    let mut destinations = BTreeMap::new();
    for (name, it) in named {
        let value = |text: Option<String>| text.map(|text| resolved(text, from)).transpose();
        let email = match it.email {
            OneOrMore::One(address) => vec![address],
            OneOrMore::More(addresses) => addresses,
        };
        let destination = Destination {
            email: email.into_iter().map(|text| resolved(text, from)).collect::<Result<_, _>>()?,
            slack: value(it.slack)?,
            webhook: value(it.webhook)?,
            secret: value(it.secret)?,
        };
        destinations.insert(name, destination);
    }
    Ok(destinations)
}

/// The mail server of the environment, else of the file.
fn smtp(file: Option<MailServer>, from: &str) -> Result<Option<Smtp>, Failure> {
    let (url, sender) = file.map_or((None, None), |it| (it.url, it.from));
    let Some(url) = variable("NIGHTRUN_SMTP_URL").or(url) else { return Ok(None) };
    let sender = variable("NIGHTRUN_SMTP_FROM").or(sender).unwrap_or_else(|| "nightrun@localhost".into());
    Ok(Some(Smtp { url: resolved(url, from)?, from: resolved(sender, from)? }))
}

/// A value as it stands, or the environment variable that it names.
fn resolved(text: String, from: &str) -> Result<String, Failure> {
    match text.strip_prefix('$') {
        Some(name) => variable(name)
            .ok_or_else(|| Failure::usage(format!("{from}: the environment variable {name} is not set"))),
        None => Ok(text),
    }
}

#[expect(clippy::disallowed_methods, reason = "the configuration reads the environment, once")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who calls, in the log of facts: `cli:` and the name of the user of the system; where the environment does not say it,
/// as in containers and under cron, it is that of the process.
pub(crate) fn who() -> String {
    let of_process = || {
        let id = rustix::process::getuid().as_raw();
        let users = std::fs::read("/etc/passwd").unwrap_or_default();
        user(&String::from_utf8_lossy(&users), id).unwrap_or_else(|| format!("uid:{id}"))
    };
    format!("cli:{}", variable("USER").unwrap_or_else(of_process))
}

/// The name of a user by number, in lines as `/etc/passwd` has them.
fn user(users: &str, id: u32) -> Option<String> {
    let name = |line: &str| {
        let mut parts = line.split(':');
        let (name, _, number) = (parts.next()?, parts.next()?, parts.next()?);
        (number.parse() == Ok(id) && !name.is_empty()).then(|| name.to_owned())
    };
    users.lines().find_map(name)
}

/// Each name of a destination with the ways of sending that it has.
fn channels(hooks: &HookSettings) -> Vec<(String, String)> {
    let of = |(name, it): (&String, &Destination)| {
        let ways = [
            ("email", !it.email.is_empty()),
            ("slack", it.slack.is_some()),
            ("webhook", it.webhook.is_some()),
        ];
        let name = name.clone();
        ways.into_iter().filter(|(_, has)| *has).map(move |(way, _)| (name.clone(), way.to_owned()))
    };
    hooks.destinations.iter().flat_map(of).collect()
}

fn pick<T>(
    sources: &mut BTreeMap<&'static str, String>,
    name: &'static str,
    given: Option<T>,
    file: Option<T>,
    from: &str,
    default: impl FnOnce() -> T,
) -> T {
    let (value, source) = match (given, file) {
        (Some(value), _) => (value, "flag or environment"),
        (None, Some(value)) => (value, from),
        (None, None) => (default(), "default"),
    };
    sources.insert(name, source.to_owned());
    value
}

fn read(path: &Path) -> Result<File, Failure> {
    let show = path.display();
    let text = std::fs::read_to_string(path).map_err(|fault| Failure::usage(format!("{show}: {fault}")))?;
    let keys = "it may set dags, data, listen, slots, max_items, keep_runs, keep_days, timezone, pools, url, \
                notify, smtp and access";
    serde_yaml::from_str::<Option<File>>(&text)
        .map(Option::unwrap_or_default)
        .map_err(|fault| Failure::usage(format!("{show}: {fault}")).help(keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_numbers() {
        let users = "# local\nroot:x:0:0:root:/root:/bin/sh\n\nana:x:1000:1000::/home/ana:/bin/sh\n::7::\nodd:x\n+::::::\n";
        for (id, name) in [(0, Some("root")), (1000, Some("ana")), (100, None), (7, None), (u32::MAX, None)] {
            assert_eq!(user(users, id).as_deref(), name, "{id}");
        }
        assert_eq!(user("", 0), None);
    }
}
