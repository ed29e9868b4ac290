//! What becomes of the runs and tasks of other DAGs that are waited for: by the name of the DAG, or
//! `dag.task`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::{awaited as keys, case};
use super::read::Cases;
use super::{Awaited, AwaitedEnd};
use crate::dag::spec::{Dag, Wait};
use crate::dag::tree::{Entry, Kind};
use crate::diag::{Code, Fault};
use crate::template::nearest;

impl Cases<'_> {
    pub(super) fn awaited(&mut self, node: &crate::dag::tree::Node<'_>) -> Vec<Awaited> {
        let Some(map) = self.reader.map(&case::WAIT_FOR, node) else { return Vec::new() };
        let dag = self.dag.clone();
        let known = dag.as_deref().map(waits_of).unwrap_or_default();
        let mut all = Vec::new();
        for entry in &map.entries {
            let end = self.awaited_end(entry);
            match (known.get(&*entry.key), &dag) {
                (Some(wait), _) => all.extend(end.map(|(end, after)| Awaited {
                    dag: wait.dag.clone(),
                    task: wait.task.clone(),
                    end,
                    after,
                })),
                (None, Some(dag)) => {
                    let message = format!("no task of DAG `{}` waits for `{}`", dag.id, entry.key);
                    let names = known.keys().map(String::as_str);
                    let help = match nearest(&entry.key, names.clone()) {
                        Some(name) => format!("did you mean `{name}`?"),
                        None if known.is_empty() => "leave it out: it has no `wait_for`".to_owned(),
                        None => format!("it waits for: {}", names.collect::<Vec<_>>().join(", ")),
                    };
                    self.reader.faults.add(Fault::new(Code::UnknownName, entry.key_at, message).help(help));
                }
                (None, None) => {}
            }
        }
        all
    }

    fn awaited_end(&mut self, entry: &Entry<'_>) -> Option<(AwaitedEnd, Duration)> {
        let node = &entry.value;
        if matches!(node.kind, Kind::Scalar(_)) {
            return Some((self.reader.word(&keys::STATE, node)?, Duration::ZERO));
        }
        let owner = format!("what becomes of `{}`", entry.key);
        let map = self.map(node, &owner)?;
        self.check_keys(map, keys::ALL, &owner);
        let end = match map.get(keys::STATE.name) {
            Some(node) => self.reader.word(&keys::STATE, node)?,
            None => AwaitedEnd::Success,
        };
        let after = map.get(keys::AFTER.name);
        if let (AwaitedEnd::Never, Some(after)) = (end, after) {
            let fault = Fault::new(Code::KeysClash, after.at, "what never comes has no `after`");
            self.reader.faults.add(fault.help("leave `after` out, or the `state`"));
        }
        let after = after.and_then(|node| self.reader.duration_from_zero(&keys::AFTER, node));
        Some((end, after.unwrap_or_default()))
    }
}

/// All that the tasks of a DAG wait for, by the name that a case gives it.
fn waits_of(dag: &Dag) -> BTreeMap<String, &Wait> {
    let all = dag.tasks.iter().flat_map(|task| &task.waits);
    all.map(|wait| (wait.name(), wait)).collect()
}
