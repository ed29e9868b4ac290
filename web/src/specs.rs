//! What stored DAG texts mean. A version never changes, so each is parsed once and kept.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::VersionId;
use nightrun_core::time::Timestamp;
use nightrun_engine::run::{Handle, Parse};
use nightrun_engine::store::{Fault, Page};

/// Most versions kept; beyond that all are forgotten and read again by need.
const KEPT: usize = 20_000;

/// So many ticks are looked through for one that fires.
const MOST_SKIPPED: usize = 1_000;

/// Most ticks of one version that are kept: more than one a minute for three days.
const TICKS: usize = 5_000;

/// Most ticks kept of all; beyond that all are forgotten and found again by need.
const ALL_TICKS: usize = 2_000_000;

/// Ticks are found for so much longer than was asked for, so that the next who asks finds them.
const AHEAD: Duration = Duration::from_hours(1);

/// The ticks of a version in a stretch of time.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    kept: Arc<[Timestamp]>,
    range: Range<usize>,
    /// There are more than are kept.
    pub(crate) cut: bool,
}

impl Firing {
    /// Those of nothing that fires.
    pub(crate) fn none() -> Self {
        Self { kept: Arc::new([]), range: 0..0, cut: false }
    }

    /// The ticks, in order.
    pub(crate) fn ticks(&self) -> &[Timestamp] {
        &self.kept[self.range.clone()]
    }
}

/// Ticks as they are kept.
#[derive(Debug, Clone)]
struct Kept {
    from: Timestamp,
    until: Timestamp,
    ticks: Arc<[Timestamp]>,
}

impl Kept {
    fn find(dag: Option<&Dag>, from: Timestamp, until: Timestamp) -> Self {
        let until = until.plus(AHEAD);
        let ticks = dag.into_iter().flat_map(|dag| dag.instants_after(from));
        Self { from, until, ticks: ticks.take_while(|at| *at < until).take(TICKS).collect() }
    }

    /// The ticks between `now` and `until`, where they are all here, or as many as would be found anew.
    fn between(&self, now: Timestamp, until: Timestamp) -> Option<Firing> {
        let begin = self.ticks.partition_point(|at| *at <= now);
        let end = self.ticks.partition_point(|at| *at < until);
        let cut = self.ticks.len() == TICKS && end == TICKS;
        let enough = self.from <= now && until <= self.until && (!cut || begin < TICKS / 2);
        enough.then(|| Firing { kept: Arc::clone(&self.ticks), range: begin..end.max(begin), cut })
    }
}

/// Parsed versions.
pub(crate) struct Specs {
    parse: Parse,
    known: Mutex<HashMap<VersionId, Option<Arc<Dag>>>>,
    /// The next tick of versions, found at an instant before it: lists of many DAGs are sorted by it.
    ticks: Mutex<HashMap<VersionId, (Timestamp, Option<Timestamp>)>>,
    /// The ticks of versions for the next hours, and how many those are: the night shows those of all DAGs.
    firing: Mutex<(HashMap<VersionId, Kept>, usize)>,
}

impl Specs {
    pub(crate) fn new(parse: Parse) -> Self {
        Self { parse, known: Mutex::default(), ticks: Mutex::default(), firing: Mutex::default() }
    }

    /// What a version means; `None` when it is unknown or its text does not parse any more.
    pub(crate) fn get(&self, page: &Page, version: VersionId) -> Result<Option<Arc<Dag>>, Fault> {
        if let Some(dag) = self.lock().get(&version) {
            return Ok(dag.clone());
        }
        let text = page.version(version)?;
        let dag = text.and_then(|version| (self.parse)(&version.source()));
        let mut known = self.lock();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(version, dag.clone());
        Ok(dag)
    }

    /// The next tick of a version after `now`.
    pub(crate) fn next_tick(
        &self,
        page: &Page,
        version: VersionId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let known = self.ticks.lock().unwrap_or_else(PoisonError::into_inner).get(&version).copied();
        // It stays the next one until it has come.
        if let Some((_, next)) = known.filter(|(at, next)| *at <= now && next.is_none_or(|next| next > now)) {
            return Ok(next);
        }
        let dag = self.get(page, version)?.filter(|dag| dag.enabled);
        let next = dag.and_then(|dag| {
            let mut ticks = dag.ticks_after(now).take(MOST_SKIPPED);
            ticks.find(|tick| tick.skipped.is_none()).map(|tick| tick.at)
        });
        let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        if ticks.len() >= KEPT {
            ticks.clear();
        }
        ticks.insert(version, (now, next));
        Ok(next)
    }

    /// The ticks of a version after `now` and before `until`.
    pub(crate) fn firing(
        &self,
        page: &Page,
        version: VersionId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Firing, Fault> {
        let known = self.firing.lock().unwrap_or_else(PoisonError::into_inner).0.get(&version).cloned();
        if let Some(firing) = known.and_then(|kept| kept.between(now, until)) {
            return Ok(firing);
        }
        let dag = self.get(page, version)?.filter(|dag| dag.enabled);
        let kept = Kept::find(dag.as_deref(), now, until);
        let firing = kept.between(now, until).unwrap_or_else(Firing::none);
        let mut all = self.firing.lock().unwrap_or_else(PoisonError::into_inner);
        if all.0.len() >= KEPT || all.1 >= ALL_TICKS {
            *all = (HashMap::new(), 0);
        }
        all.1 += kept.ticks.len();
        all.1 -= all.0.insert(version, kept).map_or(0, |old| old.ticks.len());
        Ok(firing)
    }

    /// Takes over what the scheduler has parsed already: the first page of ten thousand DAGs need not.
    pub(crate) async fn take_over(&self, handle: &Handle) {
        let Ok(versions) = handle.in_force().await else { return };
        let known = versions.iter().map(|version| (version.id, Some(version.dag.clone())));
        self.lock().extend(known.take(KEPT));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<VersionId, Option<Arc<Dag>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(minute * 60).unwrap()
    }

    fn kept(from: i64, until: i64, ticks: impl Iterator<Item = i64>) -> Kept {
        Kept { from: at(from), until: at(until), ticks: ticks.map(at).collect() }
    }

    #[test]
    fn kept_ticks_serve_as_long_as_they_reach() {
        let hourly = kept(0, 600, (1..10).map(|hour| hour * 60));
        let found = hourly.between(at(60), at(240)).unwrap();
        assert_eq!((found.ticks(), found.cut), (&[at(120), at(180)][..], false));
        assert!(hourly.between(at(60), at(601)).is_none(), "they end before");
        assert!(hourly.between(at(-1), at(60)).is_none(), "they begin later");
        assert_eq!(hourly.between(at(541), at(560)).unwrap().ticks(), &[] as &[Timestamp]);
    }

    #[test]
    fn too_many_ticks_are_cut_and_found_anew_when_half_have_gone() {
        let dense = kept(0, 100_000, 1..=5_000);
        let found = dense.between(at(10), at(90_000)).unwrap();
        assert_eq!((found.ticks().len(), found.cut), (4_990, true));
        assert!(!dense.between(at(10), at(300)).unwrap().cut, "all of those are here");
        assert!(dense.between(at(2_500), at(90_000)).is_none());
    }
}
