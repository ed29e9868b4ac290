//! Broken files: each fault in its place, with the lines around it.

use axum::extract::Query;
use nightrun_core::time::Timestamp;
use serde::Serialize;

use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Shared, State};
use crate::source::{self, FaultAt, Line};

/// Lines shown before and after a fault.
const AROUND: usize = 2;

#[derive(Serialize)]
struct File {
    path: String,
    at: Timestamp,
    errors: usize,
    warnings: usize,
    /// Pieces of the file; one for each stretch of lines with faults.
    pieces: Vec<Vec<Line>>,
    /// The faults, when the file itself is not there to be shown.
    faults: Vec<FaultAt>,
}

/// `GET /faults`
pub(crate) async fn list(State(site): Shared, Query(did): Query<Did>) -> Shown {
    show(&site, "faults.html", "faults", did, |desk| {
        let mut files = Vec::new();
        for stored in desk.faults()? {
            let faults = source::faults(&stored.faults);
            let text = desk.site.dag_file(&stored.path);
            let errors = faults.iter().filter(|fault| fault.severity == "error").count();
            files.push(File {
                errors,
                warnings: faults.len() - errors,
                pieces: text
                    .map(|text| pieces(source::lines(&text, Some(&stored.faults))))
                    .unwrap_or_default(),
                path: stored.path,
                at: stored.at,
                faults,
            });
        }
        files.sort_by_key(|file| (file.errors == 0, file.path.clone()));
        let watch = Watch { all: true, ..Watch::default() };
        Ok(Some(Sheet { title: "Faults".into(), watch, body: files }))
    })
    .await
}

/// The lines with faults and those around them, in stretches.
fn pieces(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let faulty: Vec<usize> =
        lines.iter().filter(|line| !line.faults.is_empty()).map(|line| line.number).collect();
    let near = |line: &Line| faulty.iter().any(|at| at.abs_diff(line.number) <= AROUND);
    let mut pieces: Vec<Vec<Line>> = Vec::new();
    for line in lines.into_iter().filter(near) {
        match pieces.last_mut().filter(|piece| piece.last().is_some_and(|it| it.number + 1 == line.number)) {
            Some(piece) => piece.push(line),
            None => pieces.push(vec![line]),
        }
    }
    pieces
}
