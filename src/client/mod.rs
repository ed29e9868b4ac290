//! Where verbs ask: the API. That of the data folder is answered in this process, from its store, and what changes
//! something goes through the socket of its server; that of a server elsewhere goes by HTTP with a token. Both are the
//! same handlers, so both say the same.

mod here;
mod there;

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use self::here::Here;
use self::there::There;
use crate::cli::{Place, Remote};
use crate::config::{Config, Given, variable};
use crate::failure::{Failure, OrFail};

/// Name of the socket in the data folder.
pub(crate) const SOCKET: &str = "nightrun.sock";

/// Most rows of one page of a list.
const ROWS: usize = 500;

/// Where the addresses of the API begin.
const BASE: &str = "/api/v1";

/// True when a server answers on this data folder.
pub(crate) fn answers(data: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data.join(SOCKET)).is_ok()
}

/// True when a scheduler works on this data folder: a server answers, or the process that took its lock lives.
pub(crate) fn is_served(data: &Path) -> bool {
    let holder = std::fs::read_to_string(data.join("lock")).unwrap_or_default();
    let holder = holder.trim().parse::<u32>().ok();
    answers(data) || holder.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

/// Which server.
pub(crate) enum Server {
    /// The one of a data folder. What is only looked at needs none to run.
    Here(Box<Here>),
    /// One elsewhere.
    There(There),
}

/// What an API answered.
struct Answer {
    status: u16,
    /// The address of the next page of a list.
    next: Option<String>,
    body: Vec<u8>,
}

impl Server {
    /// The one that is named, or that of the data folder.
    pub(crate) fn of(place: Place) -> Result<Self, Failure> {
        Self::with(place, Given::default())
    }

    /// The same, where more is said about the configuration than the data folder.
    pub(crate) fn with(place: Place, given: Given) -> Result<Self, Failure> {
        let Place { remote: Remote { server, token }, data } = place;
        if let Some(url) = server.filter(|url| !url.is_empty() && !is_overruled(url, data.data.as_deref())) {
            return There::new(&url, token).map(Self::There);
        }
        let config = Config::load(Given { data: data.data, ..given })?;
        Ok(Self::Here(Box::new(Here::new(config))))
    }

    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::There(_))
    }

    /// The configuration of the data folder; none of a server elsewhere.
    pub(crate) fn config(&self) -> Option<&Config> {
        match self {
            Self::Here(here) => Some(here.config()),
            Self::There(_) => None,
        }
    }

    /// True when changes go through a server, and not into the store by our own hand.
    pub(crate) fn is_served(&self) -> bool {
        self.config().is_none_or(|config| answers(&config.data))
    }

    /// Changes something; the answer's JSON, or what the server says against it.
    pub(crate) fn post(&self, path: &str, body: &Json) -> Result<Json, Failure> {
        let path = format!("{BASE}{path}");
        let answer = match self {
            Self::Here(here) => here.post(&path, body)?,
            Self::There(there) => there.post(&path, body)?,
        };
        self.judged(&answer)
    }

    /// Looks at something.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(self.judged(&self.ask(&format!("{BASE}{path}"))?)?)
    }

    /// Looks at something that may not be there.
    pub(crate) fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let answer = self.ask(&format!("{BASE}{path}"))?;
        let told = || serde_json::from_slice::<Json>(&answer.body).unwrap_or_default();
        if answer.status == 404 && told()["code"] == "not_found" && !says_no_such_address(&told()) {
            return Ok(None);
        }
        self.read(self.judged(&answer)?).map(Some)
    }

    /// Up to `limit` rows of a list, page by page.
    pub(crate) fn list<T: DeserializeOwned>(&self, path: &str, limit: usize) -> Result<Vec<T>, Failure> {
        let mut rows: Vec<T> = Vec::new();
        let join = if path.contains('?') { '&' } else { '?' };
        let mut path = Some(format!("{BASE}{path}{join}limit={}", ROWS.min(limit.max(1))));
        let mut seen = BTreeSet::new();
        while let Some(asked) = path.take().filter(|_| rows.len() < limit) {
            let answer = self.ask(&asked)?;
            let mut page = self.judged(&answer)?;
            let items = self.read::<Vec<T>>(page["items"].take())?;
            seen.insert(asked);
            // A list ends with a page that names no other: what is empty or was asked before leads nowhere.
            if let Some(next) = answer.next.as_ref().filter(|next| items.is_empty() || seen.contains(*next)) {
                let failure = Failure::new(format!("the server's list does not end: it goes on at {next}"));
                return Err(self.explained(failure.help("a proxy between may change what it answers")));
            }
            rows.extend(items);
            path = answer.next;
        }
        rows.truncate(limit);
        Ok(rows)
    }

    /// Prints a text from an offset on, byte for byte; returns where it ends. No such text: nothing to print.
    pub(crate) fn copy(&self, path: &str, from: u64) -> Result<u64, Failure> {
        let path = format!("{BASE}{path}?offset={from}");
        let mut end = from;
        let mut print = |piece: &[u8]| {
            use std::io::Write;
            end += piece.len() as u64;
            std::io::stdout().lock().write_all(piece).is_ok()
        };
        let answer = match self {
            Self::Here(here) => here.copy(&path, &mut print)?,
            Self::There(there) => there.copy(&path, &mut print)?,
        };
        if !(200..300).contains(&answer.status) && answer.status != 404 {
            self.judged(&answer)?;
        }
        Ok(end)
    }

    /// A name as one part of a path, or a value in a query.
    pub(crate) fn segment(name: &str) -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_~".contains(&b);
        let dots = name.bytes().all(|b| b == b'.');
        let quote = |b: u8| {
            if plain(b) || (b == b'.' && !dots) { char::from(b).to_string() } else { format!("%{b:02X}") }
        };
        name.bytes().map(quote).collect()
    }

    fn ask(&self, path: &str) -> Result<Answer, Failure> {
        match self {
            Self::Here(here) => here.get(path),
            Self::There(there) => there.get(path),
        }
    }

    /// The JSON of an answer, or what it says against what was asked for.
    fn judged(&self, answer: &Answer) -> Result<Json, Failure> {
        let told = serde_json::from_slice::<Json>(&answer.body);
        if (200..300).contains(&answer.status) && (told.is_ok() || answer.body.is_empty()) {
            return Ok(told.unwrap_or_default());
        }
        let told = told.unwrap_or_default();
        let failure = match told["detail"].as_str() {
            Some(detail) if told["code"] == "bad_request" => Failure::usage(detail),
            Some(detail) if told["code"].is_string() => Failure::new(detail),
            _ => return Err(self.explained(Failure::new(self.foreign(answer.status)))),
        };
        match self {
            Self::There(there) if answer.status == 401 => Err(there.unknown(failure, &told)),
            Self::There(_) if answer.status == 400 || says_no_such_address(&told) => {
                Err(self.explained(failure))
            }
            _ => Err(failure),
        }
    }

    fn read<T: DeserializeOwned>(&self, told: Json) -> Result<T, Failure> {
        let read = serde_json::from_value(told).or_fail("the server's answer cannot be read");
        read.map_err(|failure| self.explained(failure))
    }

    fn foreign(&self, status: u16) -> String {
        match self {
            Self::Here(_) => format!("the server's answer ({status}) cannot be read"),
            Self::There(there) => format!("{} does not answer as Nightrun does ({status})", there.url()),
        }
    }

    /// The same failure; where a server elsewhere is of another version, with that as a likely cause.
    fn explained(&self, failure: Failure) -> Failure {
        match self {
            Self::Here(_) => failure,
            Self::There(there) => there.explained(failure),
        }
    }
}

/// A data folder that is named by hand comes before a server that the environment names.
fn is_overruled(url: &str, data: Option<&Path>) -> bool {
    let by_hand =
        data.is_some_and(|data| variable("NIGHTRUN_DATA").is_none_or(|said| Path::new(&said) != data));
    by_hand && variable("NIGHTRUN_SERVER").is_some_and(|said| said == url)
}

/// True when it is the address that is not known, not the thing.
fn says_no_such_address(told: &Json) -> bool {
    told["detail"] == "there is no such page"
}
