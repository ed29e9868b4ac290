//! `nightrun user` and `nightrun token`: who may do what. Through the server where one runs.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use nightrun_core::decide::{AccessChange, Grant, Role, Transition};
use nightrun_core::time::{Timestamp, parse_duration};
use nightrun_engine::access::{MIN_PASSWORD, NewToken, check_password, seal_password};
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{Page, Reader, Writer};
use serde_json::{Value as Json, json};

use crate::cli::{Granted, Look, Place, RoleName, Token, TokenVerb, User, UserVerb};
use crate::client::Server;
use crate::config::who;
use crate::failure::{Failure, OrFail, Verdict};
use crate::{say, wire};

pub(crate) fn user(args: User) -> Verdict {
    match args.verb {
        UserVerb::List(look) => return list_users(look),
        UserVerb::Add { user, granted, place } => {
            let desk = Desk::open(place)?;
            let (grant, password) = (grant(granted), read_password(&user)?);
            if desk.server.is_served() {
                let body =
                    json!({ "user": user, "password": password, "role": grant.role, "dags": grant.dags });
                desk.server.post("/users", &body)?;
            } else {
                let password = seal_password(&password).map_err(Failure::usage)?;
                desk.write(AccessChange::UserAdded { user: user.clone(), grant, password })?;
            }
            say::println(&format!(
                "{user} can log in; whoever reaches the server by network must, from now on"
            ));
        }
        UserVerb::Grant { user, granted, place } => {
            let (desk, grant) = (Desk::open(place)?, grant(granted));
            let body = json!(grant);
            let change = AccessChange::UserGranted { user: user.clone(), grant };
            desk.change(&user_path(&user, "grant"), &body, change)?;
            say::println(&format!("{user} has it from now on"));
        }
        UserVerb::Password { user, place } => {
            let desk = Desk::open(place)?;
            let password = read_password(&user)?;
            if desk.server.is_served() {
                desk.server.post(&user_path(&user, "password"), &json!({ "password": password }))?;
            } else {
                let password = seal_password(&password).map_err(Failure::usage)?;
                desk.write(AccessChange::PasswordChanged { user: user.clone(), password })?;
            }
            say::println(&format!("{user} has another password, and is logged out"));
        }
        UserVerb::Remove { user, place } => {
            let change = AccessChange::UserRemoved { user: user.clone() };
            Desk::open(place)?.change(&user_path(&user, "remove"), &json!({}), change)?;
            say::println(&format!("{user} is gone, and logged out"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn token(args: Token) -> Verdict {
    match args.verb {
        TokenVerb::List(look) => list_tokens(look),
        TokenVerb::Create { name: token, granted, expires, look } => {
            create(token, granted, expires.as_deref(), look)
        }
        TokenVerb::Revoke { name: token, place } => {
            let change = AccessChange::TokenRevoked { token: token.clone() };
            let path = format!("/tokens/{}/revoke", Server::segment(&token));
            Desk::open(place)?.change(&path, &json!({}), change)?;
            say::println(&format!("{token} is no good any more"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn create(token: String, granted: Granted, expires: Option<&str>, look: Look) -> Verdict {
    let as_json = look.json;
    let desk = Desk::open(look.place)?;
    let grant = grant(granted);
    let length = expires.map(parse_duration).transpose().map_err(Failure::usage)?;
    let answer = if desk.server.is_served() {
        let body = json!({ "token": token, "role": grant.role, "dags": grant.dags, "expires_in": expires });
        desk.server.post("/tokens", &body)?
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
    server: Server,
}

impl Desk {
    fn open(place: Place) -> Result<Self, Failure> {
        Server::of(place).map(|server| Self { server })
    }

    fn change(&self, path: &str, body: &Json, change: AccessChange) -> Result<(), Failure> {
        if self.server.is_served() { self.server.post(path, body).map(drop) } else { self.write(change) }
    }

    /// No server runs: this process writes, and nobody else may meanwhile.
    fn write(&self, change: AccessChange) -> Result<(), Failure> {
        let Some(config) = self.server.config() else { return Ok(()) };
        let database = wire::database(&config.data);
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
    format!("/users/{}/{verb}", Server::segment(user))
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

fn list_users(look: Look) -> Verdict {
    let as_json = look.json;
    let users: Vec<Json> = Server::of(look.place)?.list("/users", usize::MAX)?;
    let columns = ["user", "role", "dags", "added_at", "added_by", "login_at"];
    print(&users, as_json, &columns, &["user", "role", "dags", "added", "by", "last login"])
}

fn list_tokens(look: Look) -> Verdict {
    let as_json = look.json;
    let tokens: Vec<Json> = Server::of(look.place)?.list("/tokens", usize::MAX)?;
    let columns = ["token", "prefix", "role", "dags", "created_at", "created_by", "expires_at", "used_at"];
    let head = ["token", "begins with", "role", "dags", "made", "by", "expires", "last used"];
    print(&tokens, as_json, &columns, &head)
}

fn print(rows: &[Json], as_json: bool, columns: &[&str], head: &[&str]) -> Verdict {
    if as_json {
        say::json(&rows)?;
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
    say::println(say::table(head, rows.iter().map(row).collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}
