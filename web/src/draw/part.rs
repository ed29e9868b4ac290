//! A part of a DAG that is too large for one picture: what stands before and after one task, step by step.

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::TaskIndex;

/// Which tasks are shown, and how far that reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// A task each, in the order of the file.
    pub(crate) shown: Vec<bool>,
    pub(crate) count: usize,
    /// Steps in either direction; the last one may be shown in part only.
    pub(crate) steps: usize,
}

/// The tasks before and after one, the nearest first, at most `most` of them.
pub(crate) fn around(dag: &Dag, centre: TaskIndex, most: usize) -> Part {
    let mut part = Part { shown: vec![false; dag.tasks.len()], count: 1, steps: 0 };
    part.shown[centre.at()] = true;
    let (mut up, mut down) = (vec![centre], vec![centre]);
    while part.count < most && !(up.is_empty() && down.is_empty()) {
        let mut next = |from: &[TaskIndex], upwards: bool| {
            let mut found = Vec::new();
            for at in from {
                let near: Vec<TaskIndex> = if upwards {
                    dag.graph.upstream(*at).collect()
                } else {
                    dag.graph.downstream(*at).collect()
                };
                for task in near {
                    if part.count < most && !std::mem::replace(&mut part.shown[task.at()], true) {
                        part.count += 1;
                        found.push(task);
                    }
                }
            }
            found
        };
        (up, down) = (next(&up, true), next(&down, false));
        part.steps += usize::from(!(up.is_empty() && down.is_empty()));
    }
    part
}

#[cfg(test)]
mod tests {
    use nightrun_core::dag::{Known, Source, read};
    use nightrun_core::time::Timestamp;
    use nightrun_core::timetable::Zone;

    use super::*;

    #[test]
    fn what_is_near_is_shown_first_and_only_so_much() {
        let text = "tasks:
  - {id: a, run: x}
  - {id: b, depends_on: [a], run: x}
  - {id: c, depends_on: [b], run: x}
  - {id: d, depends_on: [c], run: x}
  - {id: beside, depends_on: [a], run: x}
";
        let known = Known::new(Zone::utc(), Timestamp::from_nanos(0));
        let dag = read(&Source::new("it.yaml", text), &known).dags.remove(0);
        let names = |part: &Part| {
            let shown = dag.tasks.iter().zip(&part.shown).filter(|(_, shown)| **shown);
            shown.map(|(task, _)| task.id.as_str()).collect::<Vec<_>>().join(" ")
        };
        for (centre, most, shown, steps) in
            [("b", 99, "a b c d", 2), ("b", 3, "a b c", 1), ("b", 1, "b", 0), ("a", 99, "a b c d beside", 3)]
        {
            let part = around(&dag, dag.find(centre).unwrap(), most);
            assert_eq!((names(&part).as_str(), part.steps), (shown, steps), "{centre} {most}");
            assert_eq!(part.count, part.shown.iter().filter(|it| **it).count());
        }
    }
}
