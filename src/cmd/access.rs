//! `nightrun user` and `nightrun token`: who may do what. Through the server where one runs.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use nightrun_core::decide::{AccessChange, Grant, Role, Transition};
use nightrun_core::time::{Timestamp, parse_duration};
use nightrun_engine::access::{MIN_PASSWORD, NewToken, check_password, seal_password};
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{Page, Reader, Writer};
use serde_json::{Value as Json, json};

use super::act::config_of;
use super::look::Looker;
use crate::cli::{Data, Granted, Place, QuietPlace, Remote, RoleName, Token, TokenVerb, User, UserVerb};
use crate::client::{self, Server};
use crate::config::{Config, who};
use crate::failure::{Failure, OrFail, Verdict};
use crate::{say, wire};

pub(crate) fn user(args: User) -> Verdict {
    match args.verb {
        UserVerb::List(place) => return list_users(place),
        UserVerb::Add { user, granted, place } => {
            let desk = Desk::quiet(place)?;
            let (grant, password) = (grant(granted), read_password(&user)?);
            if desk.asks_server() {
                let body =
                    json!({ "user": user, "password": password, "role": grant.role, "dags": grant.dags });
                desk.server.post("/api/v1/users", &body)?;
            } else {
                let password = seal_password(&password).map_err(Failure::usage)?;
                desk.write(AccessChange::UserAdded { user: user.clone(), grant, password })?;
            }
            say::println(&format!(
                "{user} can log in; whoever reaches the server by network must, from now on"
            ));
        }
        UserVerb::Grant { user, granted, place } => {
            let (desk, grant) = (Desk::quiet(place)?, grant(granted));
            let body = json!(grant);
            let change = AccessChange::UserGranted { user: user.clone(), grant };
            desk.change(&user_path(&user, "grant"), &body, change)?;
            say::println(&format!("{user} has it from now on"));
        }
        UserVerb::Password { user, place } => {
            let desk = Desk::quiet(place)?;
            let password = read_password(&user)?;
            if desk.asks_server() {
                desk.server.post(&user_path(&user, "password"), &json!({ "password": password }))?;
            } else {
                let password = seal_password(&password).map_err(Failure::usage)?;
                desk.write(AccessChange::PasswordChanged { user: user.clone(), password })?;
            }
            say::println(&format!("{user} has another password, and is logged out"));
        }
        UserVerb::Remove { user, place } => {
            let change = AccessChange::UserRemoved { user: user.clone() };
            Desk::quiet(place)?.change(&user_path(&user, "remove"), &json!({}), change)?;
            say::println(&format!("{user} is gone, and logged out"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn token(args: Token) -> Verdict {
    match args.verb {
        TokenVerb::List(place) => list_tokens(place),
        TokenVerb::Create { name: token, granted, expires, place } => {
            create(token, granted, expires.as_deref(), place)
        }
        TokenVerb::Revoke { name: token, place } => {
            let change = AccessChange::TokenRevoked { token: token.clone() };
            let path = format!("/api/v1/tokens/{}/revoke", Server::segment(&token));
            Desk::quiet(place)?.change(&path, &json!({}), change)?;
            say::println(&format!("{token} is no good any more"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn create(token: String, granted: Granted, expires: Option<&str>, place: Place) -> Verdict {
    let as_json = place.look.json;
    let desk = Desk::open(&place.remote, place.look.data)?;
    let grant = grant(granted);
    let length = expires.map(parse_duration).transpose().map_err(Failure::usage)?;
    let answer = if desk.asks_server() {
        let body = json!({ "token": token, "role": grant.role, "dags": grant.dags, "expires_in": expires });
        desk.server.post("/api/v1/tokens", &body)?
    } else {
        let NewToken { secret, prefix, sealed } = NewToken::make().map_err(Failure::new)?;
        let expires_at: Option<Timestamp> = length.map(|length| system_clock()().plus(length));
        let answer = json!({ "token": token, "secret": secret, "prefix": prefix, "expires_at": expires_at });
        desk.write(AccessChange::TokenCreated { token, prefix, grant, expires_at, secret: sealed })?;
        answer
    };
    if as_json {
        say::json(&answer)?;
    } else {
        say::println(answer["secret"].as_str().unwrap_or_default());
        anstream::eprintln!("keep it: it is not shown again. Programs send it as `Authorization: Bearer …`,");
        anstream::eprintln!("and `nightrun … --server URL` takes it from NIGHTRUN_TOKEN");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the changes go.
struct Desk {
    config: Config,
    server: Server,
}

impl Desk {
    fn open(remote: &Remote, data: Data) -> Result<Self, Failure> {
        let config = config_of(data)?;
        Ok(Self { server: Server::of(remote, &config.data)?, config })
    }

    fn quiet(place: QuietPlace) -> Result<Self, Failure> {
        Self::open(&place.remote, place.data)
    }

    fn asks_server(&self) -> bool {
        self.server.is_remote() || client::answers(&self.config.data)
    }

    fn change(&self, path: &str, body: &Json, change: AccessChange) -> Result<(), Failure> {
        if self.asks_server() { self.server.post(path, body).map(drop) } else { self.write(change) }
    }

    /// No server runs: this process writes, and nobody else may meanwhile.
    fn write(&self, change: AccessChange) -> Result<(), Failure> {
        let database = wire::database(&self.config.data);
        let writer = Writer::open(&database).map_err(Failure::new)?;
        let book = Reader::open(&database).and_then(|reader| reader.read_now(Page::access_book));
        book.map_err(Failure::new)?.take(&change).map_err(Failure::new)?;
        let fact = Transition::AccessChanged { change, by: who() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().or_fail("the runtime")?;
        runtime.block_on(writer.commit(system_clock()(), vec![fact])).map_err(Failure::new)?;
        writer.close().map_err(Failure::new)
    }
}

fn user_path(user: &str, verb: &str) -> String {
    format!("/api/v1/users/{}/{verb}", Server::segment(user))
}

fn grant(Granted { role, dags }: Granted) -> Grant {
    let role = match role {
        RoleName::Viewer => Role::Viewer,
        RoleName::Operator => Role::Operator,
        RoleName::Author => Role::Author,
        RoleName::Admin => Role::Admin,
    };
    Grant { role, dags: (!dags.is_empty()).then_some(dags) }
}

/// From the terminal, twice and unseen; else the first line of standard input.
fn read_password(user: &str) -> Result<String, Failure> {
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() {
        let mut line = String::new();
        input.read_line(&mut line).or_fail("standard input")?;
        let password = line.trim_end_matches(['\n', '\r']).to_owned();
        check_password(&password).map_err(Failure::usage)?;
        return Ok(password);
    }
    let mut ask = |prompt: &str| -> Result<String, Failure> {
        eprint!("{prompt}: ");
        std::io::stderr().flush().or_fail("the terminal")?;
        let mut line = String::new();
        let unseen = Unseen::begin()?;
        let read = input.read_line(&mut line);
        drop(unseen);
        eprintln!();
        read.or_fail("the terminal")?;
        Ok(line.trim_end_matches(['\n', '\r']).to_owned())
    };
    let password = ask(&format!("Password of {user}, at least {MIN_PASSWORD} characters"))?;
    check_password(&password).map_err(Failure::usage)?;
    if ask("The same again")? == password {
        Ok(password)
    } else {
        Err(Failure::usage("the two are not the same"))
    }
}

/// While it lives, what is typed is not shown.
struct Unseen(rustix::termios::Termios);

impl Unseen {
    fn begin() -> Result<Self, Failure> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(std::io::stdin()).or_fail("the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &quiet).or_fail("the terminal")?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}

/// What a server elsewhere lists, or the store here.
fn listed(
    place: Place,
    path: &str,
    here: impl FnOnce(&Looker) -> Result<Json, Failure>,
) -> Result<Json, Failure> {
    let server = Server::of(&place.remote, &config_of(Data { data: place.look.data.data.clone() })?.data)?;
    if server.is_remote() {
        return Ok(server.get(path)?["items"].take());
    }
    here(&Looker::open(place.look.data)?)
}

fn list_users(place: Place) -> Verdict {
    let as_json = place.look.json;
    let users = listed(place, "/api/v1/users", |looker| Ok(json!(looker.read(Page::users)?)))?;
    let columns = ["user", "role", "dags", "added_at", "added_by", "login_at"];
    print(&users, as_json, &columns, &["user", "role", "dags", "added", "by", "last login"])
}

fn list_tokens(place: Place) -> Verdict {
    let as_json = place.look.json;
    let tokens = listed(place, "/api/v1/tokens", |looker| Ok(json!(looker.read(Page::tokens)?)))?;
    let columns = ["token", "prefix", "role", "dags", "created_at", "created_by", "expires_at", "used_at"];
    let head = ["token", "begins with", "role", "dags", "made", "by", "expires", "last used"];
    print(&tokens, as_json, &columns, &head)
}

fn print(rows: &Json, as_json: bool, columns: &[&str], head: &[&str]) -> Verdict {
    if as_json {
        say::json(rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cell = |row: &Json, column: &str| match &row[column] {
        Json::Null if column == "dags" => "all".to_owned(),
        Json::Array(items) => items.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", "),
        Json::String(text) => {
            Timestamp::parse(text).map_or_else(|| text.clone(), |at| say::instant(Some(at)))
        }
        _ => "-".to_owned(),
    };
    let row = |row: &Json| columns.iter().map(|column| cell(row, column)).collect();
    say::println(say::table(head, rows.as_array().into_iter().flatten().map(row).collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}
