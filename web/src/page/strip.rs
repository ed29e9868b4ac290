//! The runs beside the one that is looked at, as squares: the same place in another night is one click away.

use nightrun_core::decide::TaskState;
use nightrun_core::id::{DagId, RunId};
use nightrun_engine::store::{Fault, Neighbour};
use serde::Serialize;

use crate::app::Desk;
use crate::words;

/// Most runs on either side.
const EACH: u32 = 7;

/// Runs by their dates.
#[derive(Serialize)]
pub(super) struct Strip {
    squares: Vec<Square>,
    earlier: Option<RunId>,
    later: Option<RunId>,
}

#[derive(Serialize)]
struct Square {
    run: RunId,
    /// Its date, in words.
    date: String,
    /// Of the run, or of the task that is looked at in it; none: the run does not have that.
    state: Option<&'static str>,
    here: bool,
}

impl Strip {
    /// The runs beside this one, with the state of a task in each, or with their own.
    pub(super) fn of(desk: &Desk<'_>, dag: &DagId, run: RunId, task: Option<&str>) -> Result<Self, Fault> {
        let runs = desk.page.around(dag, run, task, EACH)?;
        let has = |it: &&Neighbour| task.is_none() || it.task.is_some();
        let at = runs.iter().position(|it| it.run == run).unwrap_or_default();
        let number = |it: &Neighbour| it.run;
        Ok(Self {
            earlier: runs.iter().take(at).rev().find(has).map(number),
            later: runs.iter().skip(at + 1).find(has).map(number),
            squares: runs
                .iter()
                .map(|it| Square {
                    run: it.run,
                    date: words::moment(it.logical_date, desk.now),
                    state: task.map_or(Some(it.state.as_str()), |_| it.task.map(TaskState::as_str)),
                    here: it.run == run,
                })
                .collect(),
        })
    }
}
