//! All DAGs at a glance, for lists that are sorted, counted or searched: one light row each.

use std::collections::BTreeSet;

use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, VersionId};
use nightrun_core::time::Timestamp;

use super::Page;
use crate::store::column::{dag_id, maybe_instant, word};
use crate::store::error::Fault;

/// One DAG and what its last runs came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one mark on the page")]
pub struct DagStanding {
    /// Its id.
    pub dag: DagId,
    /// The version in force.
    pub version: VersionId,
    /// Paused by somebody.
    pub paused: bool,
    /// No file defines it any more.
    pub retired: bool,
    /// The last run that is over failed.
    pub failing: bool,
    /// Some run is not over.
    pub running: bool,
}

/// The DAGs whose last run that is over failed, as they were at an entry of the log: kept from one page to the
/// next, so that only DAGs whose runs have moved since are looked at again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailingDags {
    seq: i64,
    dags: BTreeSet<DagId>,
}

/// After so many entries of the log all DAGs are looked at again.
const MOST_FACTS: i64 = 1_000;

impl Page {
    /// The DAGs whose last run that is over failed.
    pub fn failing(&self, known: Option<&FailingDags>) -> Result<FailingDags, Fault> {
        let seq = self.last_seq()?;
        let Some(known) = known.filter(|known| (0..=MOST_FACTS).contains(&(seq - known.seq))) else {
            return self.all_failing(seq);
        };
        // What is pruned leaves the log as well, so that it does not tell which DAGs it was of.
        let pruned = "SELECT 1 FROM transition_log WHERE seq > ?1 AND body LIKE '{\"fact\":\"pruned\"%'";
        if self.conn.prepare_cached(pruned)?.exists([known.seq])? {
            return self.all_failing(seq);
        }
        let moved = self.all(
            "SELECT DISTINCT dag FROM run
             WHERE id IN (SELECT run FROM transition_log WHERE seq > ?1 AND run IS NOT NULL)",
            [known.seq],
            |row| dag_id(row, 0),
        )?;
        let mut dags = known.dags.clone();
        for dag in moved {
            if self.last_final(&dag)? == Some(RunState::Failed) {
                dags.insert(dag);
            } else {
                dags.remove(&dag);
            }
        }
        Ok(FailingDags { seq, dags })
    }

    fn all_failing(&self, seq: i64) -> Result<FailingDags, Fault> {
        let last = "SELECT id, (SELECT state FROM run WHERE run.dag = dag.id
                                AND state IN ('success', 'failed', 'canceled') ORDER BY id DESC LIMIT 1) FROM dag";
        let states = self.all(last, [], |row| Ok((dag_id(row, 0)?, row.get::<_, Option<String>>(1)?)))?;
        let failed = states.into_iter().filter(|(_, state)| state.as_deref() == Some("failed"));
        Ok(FailingDags { seq, dags: failed.map(|(dag, _)| dag).collect() })
    }

    /// Every DAG by its id, retired ones too.
    pub fn standings(&self, failing: &FailingDags) -> Result<Vec<DagStanding>, Fault> {
        // Who is at work is asked once: the index by state finds them without looking at the past.
        let active = self.all(
            "SELECT DISTINCT dag FROM run WHERE state IN ('queued', 'running', 'stopping') ORDER BY dag",
            [],
            |row| dag_id(row, 0),
        )?;
        self.all("SELECT id, version, paused, retired FROM dag ORDER BY id", [], |row| {
            let dag = dag_id(row, 0)?;
            Ok(DagStanding {
                version: VersionId(row.get(1)?),
                paused: row.get(2)?,
                retired: row.get(3)?,
                failing: failing.dags.contains(&dag),
                running: active.binary_search(&dag).is_ok(),
                dag,
            })
        })
    }

    fn last_final(&self, dag: &DagId) -> Result<Option<RunState>, Fault> {
        self.first(
            "SELECT state FROM run WHERE dag = ?1 AND state IN ('success', 'failed', 'canceled')
             ORDER BY id DESC LIMIT 1",
            [dag.as_str()],
            |row| word(row, 0, RunState::parse),
        )
    }

    /// When the last failed run of each DAG ended, for those that have one.
    pub fn last_failures(&self) -> Result<Vec<(DagId, Timestamp)>, Fault> {
        let rows = self.all(
            "SELECT dag.id, (SELECT ended_at FROM run
                             WHERE run.dag = dag.id AND state = 'failed' ORDER BY id DESC LIMIT 1)
             FROM dag",
            [],
            |row| Ok((dag_id(row, 0)?, maybe_instant(row, 1)?)),
        )?;
        Ok(rows.into_iter().filter_map(|(dag, at)| Some((dag, at?))).collect())
    }
}
