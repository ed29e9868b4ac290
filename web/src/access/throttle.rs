//! Failed logins make the next one wait: for the name from that address soon, for the address and for the
//! name later, so that nobody is locked out by somebody else for long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nightrun_core::time::Timestamp;

/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// Failures are forgotten this long after the last of them.
const MEMORY: Duration = Duration::from_hours(1);

/// Most keys remembered.
const MOST: usize = 20_000;

/// Who tries from where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    /// A name from an address.
    Pair(String, IpAddr),
    /// An address, whatever the names.
    Address(IpAddr),
    /// A name, wherever it comes from.
    Name(String),
}

impl Source {
    /// What a try counts for. Of an IPv6 address the network counts: one machine has all of it.
    fn of(name: &str, address: IpAddr) -> [Self; 3] {
        let address = match address {
            IpAddr::V6(it) => IpAddr::V6((it.to_bits() & (u128::MAX << 64)).into()),
            IpAddr::V4(_) => address,
        };
        let name: String = name.chars().take(64).collect();
        [Self::Pair(name.clone(), address), Self::Address(address), Self::Name(name)]
    }

    /// Failures that cost nothing.
    fn free(&self) -> u32 {
        match self {
            Self::Pair(..) => 5,
            Self::Address(_) => 20,
            Self::Name(_) => 50,
        }
    }
}

/// A login must wait so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttled(pub(crate) Duration);

#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<Source, (u32, Timestamp)>>,
}

impl Throttle {
    /// Counts a try, as failed until [`Throttle::forgive`]: tries at the same time count, too.
    pub(super) fn count(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), Throttled> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, (_, last)| now.since(*last) < MEMORY);
        let sources = Source::of(name, address);
        let wait = sources.iter().filter_map(|source| {
            let (count, last) = failures.get(source)?;
            let over = count.checked_sub(source.free())?;
            let wait = (FIRST_WAIT * 2u32.saturating_pow(over.min(8))).min(LONGEST_WAIT);
            wait.checked_sub(now.since(*last)).filter(|left| !left.is_zero())
        });
        if let Some(left) = wait.max() {
            return Err(Throttled(left));
        }
        for source in sources {
            if failures.len() < MOST || failures.contains_key(&source) {
                let entry = failures.entry(source).or_insert((0, now));
                *entry = (entry.0 + 1, now);
            }
        }
        Ok(())
    }

    /// The try succeeded.
    pub(super) fn forgive(&self, name: &str, address: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for source in Source::of(name, address) {
            match &source {
                Source::Pair(..) => {
                    failures.remove(&source);
                }
                Source::Address(_) | Source::Name(_) => {
                    if let Some((count, _)) = failures.get_mut(&source) {
                        *count = count.saturating_sub(1);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn failures_make_the_next_try_wait_and_are_forgotten() {
        let throttle = Throttle::default();
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            assert_eq!(throttle.count("ana", here, at(0)), Ok(()));
        }
        assert_eq!(throttle.count("ana", here, at(10)), Err(Throttled(Duration::from_secs(20))));
        assert_eq!(throttle.count("bo", here, at(10)), Ok(()), "another name");
        assert_eq!(throttle.count("ana", "192.0.2.9".parse().unwrap(), at(10)), Ok(()), "another address");
        assert_eq!(throttle.count("ana", here, at(30)), Ok(()));
        assert_eq!(throttle.count("ana", here, at(31)), Err(Throttled(Duration::from_secs(59))), "doubled");
        throttle.forgive("ana", here);
        assert_eq!(throttle.count("ana", here, at(31)), Ok(()));
        assert_eq!(throttle.count("ana", here, at(5_000)), Ok(()));
    }

    #[test]
    fn one_address_cannot_try_many_names_nor_many_addresses_one_name() {
        let (throttle, here) = (Throttle::default(), "2001:db8::1".parse().unwrap());
        for name in 0..20 {
            assert_eq!(throttle.count(&format!("user{name}"), here, at(0)), Ok(()));
        }
        let near = "2001:db8::ffff".parse().unwrap();
        assert!(throttle.count("fresh", near, at(0)).is_err(), "the same network");
        for host in 0..50u8 {
            let from = IpAddr::from([198, 51, 100, host]);
            assert_eq!(throttle.count("ana", from, at(0)), Ok(()));
        }
        assert!(throttle.count("ana", "203.0.113.7".parse().unwrap(), at(0)).is_err());
    }
}
