//! What test tasks write down themselves, so that nobody has to believe the scheduler: a file that each
//! appends lines to (`O_APPEND`, one write a line).

use std::collections::BTreeMap;

use crate::town::Town;

/// Shell lines that write this attempt's begin and end to the ledger, around `work`.
pub(crate) fn noting(town: &Town, work: &str) -> String {
    let ledger = town.path("ledger");
    let key = "$NIGHTRUN_DAG $NIGHTRUN_LOGICAL_DATE $NIGHTRUN_RUN_ID $NIGHTRUN_TASK $NIGHTRUN_TRY";
    let note = |what: &str| format!("echo \"{key} {what} $(date +%s%N)\" >> {}", ledger.display());
    format!("{}\n      {work}\n      {}", note("begin"), note("end"))
}

/// One line of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) dag: String,
    pub(crate) logical_date: String,
    pub(crate) run: String,
    pub(crate) task: String,
    pub(crate) number: u32,
    pub(crate) begins: bool,
    pub(crate) nanos: u64,
}

/// All lines that are whole, in the order in which they were written.
pub(crate) fn read(town: &Town) -> Vec<Line> {
    let text = town.read("ledger");
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(parse).collect()
}

fn parse(line: &str) -> Line {
    let words: Vec<&str> = line.split(' ').collect();
    let [dag, logical_date, run, task, number, what, nanos] = words[..] else {
        panic!("a torn line: {line}")
    };
    Line {
        dag: dag.into(),
        logical_date: logical_date.into(),
        run: run.into(),
        task: task.into(),
        number: number.parse().unwrap(),
        begins: what == "begin",
        nanos: nanos.parse().unwrap(),
    }
}

/// The most attempts that ran at one instant, among the lines that `counts`.
pub(crate) fn most_at_once(lines: &[Line], counts: impl Fn(&Line) -> bool) -> usize {
    let mut lines: Vec<&Line> = lines.iter().filter(|line| counts(line)).collect();
    lines.sort_by_key(|line| line.nanos);
    let (mut running, mut most) = (0_usize, 0);
    for line in lines {
        running = if line.begins { running + 1 } else { running - 1 };
        most = most.max(running);
    }
    most
}

/// How often each attempt began: an attempt number that is used twice shows as 2.
pub(crate) fn begins(lines: &[Line]) -> BTreeMap<(String, String, u32), usize> {
    let mut begins = BTreeMap::new();
    for line in lines.iter().filter(|line| line.begins) {
        *begins.entry((line.run.clone(), line.task.clone(), line.number)).or_default() += 1;
    }
    begins
}
