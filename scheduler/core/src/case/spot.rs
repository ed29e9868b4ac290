//! A task, or one item of a task: `load`, `load[1]`.

use super::read::Cases;
use crate::dag::spec::Dag;
use crate::diag::{Code, Fault, Span};
use crate::id::{InstanceId, RunId, TaskIndex};
use crate::template::nearest;

/// A task, or one item of it: as an instance, without its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Which task.
    pub task: TaskIndex,
    /// Which item, from 1; 0: the task itself.
    pub item: u32,
}

impl Spot {
    /// The task that an item is of.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { item: 0, ..self }
    }

    /// It in a run.
    pub fn of(self, run: RunId) -> InstanceId {
        InstanceId { run, task: self.task, item: self.item }
    }

    /// As people write it.
    pub fn name(self, dag: &Dag) -> String {
        let id = &dag.task(self.task).id;
        match self.item.checked_sub(1) {
            None => id.clone(),
            Some(index) => format!("{id}[{index}]"),
        }
    }
}

impl From<InstanceId> for Spot {
    fn from(id: InstanceId) -> Self {
        Self { task: id.task, item: id.item }
    }
}

impl Cases<'_> {
    /// The task or item of this name; reported where the DAG has none. Without a DAG every name will do.
    pub(super) fn spot(&mut self, name: &str, at: Span) -> Option<Spot> {
        let dag = self.dag.clone()?;
        let (id, index) = match name.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
            Some((id, index)) => (id, index.parse::<u32>().ok().and_then(|index| index.checked_add(1))),
            None => (name, Some(0)),
        };
        let fault = match (dag.find(id), index) {
            (Some(task), Some(item)) if item == 0 || dag.task(task).fan.is_some() => {
                return Some(Spot { task, item });
            }
            (Some(_), Some(_)) => {
                let message = format!("there is no `{name}`: task `{id}` has no `foreach`");
                Fault::new(Code::UnknownTask, at, message).help(format!("write `{id}`"))
            }
            (Some(_), None) => Fault::new(Code::UnknownTask, at, format!("`{name}` names no item"))
                .help(format!("items count from 0: `{id}[0]` is the first")),
            (None, _) => unknown(&dag, id, at),
        };
        self.reader.faults.add(fault);
        None
    }
}

fn unknown(dag: &Dag, id: &str, at: Span) -> Fault {
    let fault = Fault::new(Code::UnknownTask, at, format!("DAG `{}` has no task `{id}`", dag.id));
    if dag.groups.iter().any(|group| group.id == id) {
        return fault.help(format!("`{id}` is a group: name its tasks"));
    }
    let ids: Vec<&str> = dag.tasks.iter().map(|task| task.id.as_str()).collect();
    match nearest(id, ids.iter().copied()) {
        Some(name) => fault.help(format!("did you mean `{name}`?")),
        None if ids.len() <= 20 => fault.help(format!("its tasks are: {}", ids.join(", "))),
        None => fault,
    }
}
