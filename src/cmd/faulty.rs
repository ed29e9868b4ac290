//! Files of the DAG folder that have faults, as the store last heard of them.

use std::path::Path;

use serde_json::Value as Json;

use super::target::says_id;
use super::told::text;
use crate::client::Server;
use crate::failure::Failure;

/// How many files with errors there are, and how to see what is wrong with them.
pub(super) fn footer(server: &Server) -> Result<Option<String>, Failure> {
    let files = faulty(server)?;
    Ok(match files.as_slice() {
        [] => None,
        [only] => Some(format!("1 file has faults: {}", shown_by(server, &text(&only["path"])))),
        all => Some(format!("{} files have faults: {}", all.len(), shown_by(server, ""))),
    })
}

/// That there is no such DAG, or that the file which should define it has faults.
pub(super) fn no_dag(server: &Server, name: &str) -> Failure {
    let none = Failure::new(format!("there is no DAG `{name}`")).help("`nightrun dags` lists them");
    let path = |file: Json| text(&file["path"]);
    let file = faulty(server).unwrap_or_default().into_iter().map(path).find(|path| {
        let stem = Path::new(path).file_stem().is_some_and(|stem| stem == name);
        let says = |dags: &Path| std::fs::read(dags.join(path)).is_ok_and(|bytes| says_id(&bytes, name));
        stem || server.config().is_some_and(|config| says(&config.dags))
    });
    file.map_or(none, |path| {
        Failure::new(format!("there is no DAG `{name}`: the file {path} has faults"))
            .help(format!("{} shows them", shown_by(server, &path)))
    })
}

/// What to say where a server refused something for a DAG: that its file has faults, if it is not in force.
pub(super) fn instead(server: &Server, failure: Failure, name: &str) -> Failure {
    match server.find::<Json>(&format!("/dags/{}", Server::segment(name))) {
        Ok(None) => no_dag(server, name),
        _ => failure,
    }
}

fn faulty(server: &Server) -> Result<Vec<Json>, Failure> {
    let mut files: Vec<Json> = server.list("/faults", usize::MAX)?;
    files.retain(|file| file["faults"].as_array().into_iter().flatten().any(|it| it["severity"] == "error"));
    Ok(files)
}

/// What shows the faults of a file, or of all.
fn shown_by(server: &Server, path: &str) -> String {
    match server.config() {
        Some(config) if path.is_empty() => format!("`nightrun validate {}`", config.dags.display()),
        Some(config) => format!("`nightrun validate {}`", config.dags.join(path).display()),
        None => format!(
            "the server's page of faults{}",
            if path.is_empty() { String::new() } else { format!(", {path}") }
        ),
    }
}
