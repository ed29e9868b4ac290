//! Who did what, a page at a time and with filters.

use nightrun_core::decide::{Grant, Target, Transition};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::{AuditItem, Page};
use crate::store::column::{instant, json};
use crate::store::error::Fault;

/// Most facts of the log that are read for one page of deeds: a rare deed in a long log is found in steps.
const MOST_FACTS: i64 = 50_000;

/// Which deeds a list shows; empty words mean any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only by those with this in their names.
    pub by: String,
    /// Only this verb.
    pub verb: String,
    /// Only those with this in what they were done to, in what is told of them, or in their reason.
    pub text: String,
    /// Only at this instant or later.
    pub since: Option<Timestamp>,
    /// Only before this instant.
    pub until: Option<Timestamp>,
    /// Only before this entry of the log.
    pub before: Option<i64>,
    /// Only after this entry of the log, the nearest to it.
    pub after: Option<i64>,
    /// Only those about these DAGs, and about everything at once.
    pub only: Option<Grant>,
}

/// A page of deeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The deeds, newest first.
    pub deeds: Vec<AuditItem>,
    /// The log has not been read to its end: where to go on.
    pub read_to: Option<i64>,
}

impl AuditFilter {
    fn fits(&self, deed: &AuditItem) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let told = format!("{} {} {}", deed.target, deed.what, deed.why.as_deref().unwrap_or_default());
        has(&deed.by, &self.by)
            && (self.verb.is_empty() || deed.verb == self.verb)
            && has(&told, &self.text)
            && self.since.is_none_or(|since| deed.at >= since)
            && self.until.is_none_or(|until| deed.at < until)
    }
}

impl Page {
    /// At most `limit` deeds that fit, newest first.
    pub fn deeds(&self, filter: &AuditFilter, limit: u32) -> Result<AuditPage, Fault> {
        let forward = filter.after.is_some();
        let order = if forward { "ASC" } else { "DESC" };
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT seq, at, body FROM transition_log
             WHERE seq < ?1 AND seq > ?2 AND body LIKE '%\"by\":%' AND body NOT LIKE '%\"by\":\"schedule\"%'
             ORDER BY seq {order}"
        ))?;
        let (lowest, highest) = self.stretch(filter)?;
        let mut rows = statement.query(params![highest, lowest])?;
        let mut page = AuditPage::default();
        while let Some(row) = rows.next()? {
            let fact: Transition = json(row, 2)?;
            let Some(deed) = fact.deed() else { continue };
            if let Some(grant) = &filter.only
                && !self.concerns(deed.to, grant)?
            {
                continue;
            }
            let item = AuditItem {
                seq: row.get(0)?,
                at: instant(row, 1)?,
                by: deed.by.to_owned(),
                verb: deed.verb,
                target: self.target(deed.to)?,
                what: deed.what,
                why: deed.why.map(str::to_owned),
            };
            if filter.fits(&item) {
                page.deeds.push(item);
            }
            if page.deeds.len() == limit as usize {
                break;
            }
        }
        if forward {
            page.deeds.reverse();
        } else if page.deeds.len() < limit as usize && lowest > 0 {
            page.read_to = Some(lowest + 1);
        }
        Ok(page)
    }

    /// True when a deed was done to something that is granted. What is about no DAG is not; nor is what is gone.
    fn concerns(&self, to: Target<'_>, grant: &Grant) -> Result<bool, Fault> {
        let covers = |dag: DagId| grant.covers(dag.as_str());
        Ok(match to {
            Target::Everything => true,
            Target::Dag(dag) => grant.covers(dag.as_str()),
            Target::Run(run) => self.dag_of_run(run)?.is_some_and(covers),
            Target::Task(task) => self.dag_of_run(task.run)?.is_some_and(covers),
            Target::Backfill(id) => self.dag_of_backfill(id)?.is_some_and(covers),
            Target::Hold(id) => {
                self.hold(id)?.is_some_and(|hold| hold.dags.is_none_or(|dags| dags.into_iter().any(covers)))
            }
            Target::Var(_) | Target::User(_) | Target::Token(_) => false,
        })
    }

    /// Between which numbers of the log is read, both not counted.
    fn stretch(&self, filter: &AuditFilter) -> Result<(i64, i64), Fault> {
        if let Some(after) = filter.after {
            return Ok((after, after.saturating_add(MOST_FACTS)));
        }
        let highest = filter.before.unwrap_or(self.last_seq()? + 1);
        Ok((highest.saturating_sub(MOST_FACTS + 1).max(0), highest))
    }
}
