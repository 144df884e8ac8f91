//! How often somebody may ask: budgets for reading, writing, log-ins, and for those whom nobody knows; and how long one
//! waits after wrong passwords.
//!
//! A budget is refilled evenly (the generic cell rate algorithm), so each needs one instant. Time is an argument. The number
//! of budgets in memory is limited: those that are full again go first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// So many requests in so much time, all at once or spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests, at least 1.
    pub n: u32,
    /// The time in which as many come back.
    pub per: SignedDuration,
}

impl Rate {
    /// `n` requests a second.
    pub const fn per_second(n: u32) -> Self {
        Self { n, per: SignedDuration::from_secs(1) }
    }

    /// `n` requests a minute.
    pub const fn per_minute(n: u32) -> Self {
        Self { n, per: SignedDuration::from_mins(1) }
    }
}

/// How often somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Reading, for each token or user.
    pub reads: Rate,
    /// Changing something and sending events, for each token or user.
    pub writes: Rate,
    /// Logging in, for each name at each address.
    pub log_ins: Rate,
    /// Logging in, for each address; a business may be behind one.
    pub log_ins_of_address: Rate,
    /// Requests without a valid token or session, for each address.
    pub strangers: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            reads: Rate::per_second(500),
            writes: Rate::per_second(5_000),
            log_ins: Rate::per_minute(5),
            log_ins_of_address: Rate::per_minute(60),
            strangers: Rate::per_second(50),
        }
    }
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Budget {
    Reads,
    Writes,
    LogIns,
    LogInsOfAddress,
    Strangers,
}

impl Budget {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::LogIns => "log-ins",
            Self::LogInsOfAddress => "log-ins-of-address",
            Self::Strangers => "strangers",
        }
    }
}

/// What is left of a budget after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) budget: Budget,
    pub(crate) rate: Rate,
    /// Requests that may follow at once; `None` when this one was too many.
    pub(crate) n: Option<u32>,
    /// Until the budget is full again, or this request may be sent again.
    pub(crate) wait: SignedDuration,
}

impl Left {
    /// Whole seconds to wait, at least one.
    pub(crate) fn seconds(&self) -> i64 {
        let seconds = self.wait.as_secs() + i64::from(self.wait.subsec_nanos() > 0);
        seconds.max(1)
    }
}

/// The most budgets in memory, some 100 bytes each.
const MAX_BUDGETS: usize = 20_000;

#[derive(Debug)]
pub(crate) struct Limiter {
    rates: Rates,
    /// When a budget is full again; those that are full are not kept.
    full_at: Mutex<HashMap<(Budget, Box<str>), Timestamp>>,
}

impl Limiter {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, full_at: Mutex::default() }
    }

    /// Takes one request out of the budget of `key`; a request that is too many takes nothing.
    pub(crate) fn take(&self, budget: Budget, key: &str, now: Timestamp) -> Left {
        let rate = match budget {
            Budget::Reads => self.rates.reads,
            Budget::Writes => self.rates.writes,
            Budget::LogIns => self.rates.log_ins,
            Budget::LogInsOfAddress => self.rates.log_ins_of_address,
            Budget::Strangers => self.rates.strangers,
        };
        let each = rate.per / i32::try_from(rate.n.max(1)).unwrap_or(i32::MAX);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (budget, Box::from(key));
        // A clock that is set back must not keep anybody out for longer than the budget takes to fill.
        let begin = full_at.get(&key).copied().unwrap_or(now).clamp(now, saturating_add(now, rate.per));
        let full = saturating_add(begin, each);
        let used = full.duration_since(now);
        if used > rate.per {
            full_at.insert(key, begin);
            return Left { budget, rate, n: None, wait: used - rate.per };
        }
        if full_at.len() >= MAX_BUDGETS && !full_at.contains_key(&key) {
            make_room(&mut full_at, |full| *full, now);
        }
        full_at.insert(key, full);
        let n = (rate.per - used).as_nanos() / each.as_nanos().max(1);
        Left { budget, rate, n: Some(u32::try_from(n).unwrap_or(u32::MAX)), wait: used }
    }
}

fn saturating_add(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// Forgets what is over, or else the one that is over first.
fn make_room<K: Clone + Eq + std::hash::Hash, V>(
    map: &mut HashMap<K, V>,
    over_at: impl Fn(&V) -> Timestamp,
    now: Timestamp,
) {
    let n_before = map.len();
    map.retain(|_, value| over_at(value) > now);
    if map.len() == n_before
        && let Some(key) = map.iter().min_by_key(|(_, value)| over_at(value)).map(|(key, _)| key.clone())
    {
        map.remove(&key);
    }
}

/// Wrong passwords of somebody.
#[derive(Clone, Copy, Debug)]
struct Failures {
    n: u32,
    last: Timestamp,
}

/// Wrong passwords that cost no waiting, and the longest waiting, for a name at an address.
const OF_PAIR: (u32, SignedDuration) = (3, SignedDuration::from_mins(15));
/// The same for a name, from wherever: short, so that strangers cannot keep a person out.
const OF_NAME: (u32, SignedDuration) = (20, SignedDuration::from_mins(1));
/// The same for an address, whatever the name.
const OF_ADDRESS: (u32, SignedDuration) = (20, SignedDuration::from_mins(15));
/// Wrong passwords are forgotten after so long.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// Whose wrong passwords are counted.
type Culprit = (Whose, Box<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Pair,
    Name,
    Address,
}

/// Makes those wait who send wrong passwords: twice as long after each, never for ever.
#[derive(Debug, Default)]
pub(crate) struct Delays(Mutex<HashMap<Culprit, Failures>>);

impl Delays {
    fn culprits(name: &str, address: &str) -> [(Culprit, (u32, SignedDuration)); 3] {
        // Addresses have no blanks.
        let pair = format!("{address} {name}").into_boxed_str();
        [
            ((Whose::Pair, pair), OF_PAIR),
            ((Whose::Name, name.into()), OF_NAME),
            ((Whose::Address, address.into()), OF_ADDRESS),
        ]
    }

    /// How long this name at this address must still wait; zero when it need not.
    pub(crate) fn wait(&self, name: &str, address: &str, now: Timestamp) -> SignedDuration {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = Self::culprits(name, address).map(|(key, (n_free, longest))| {
            let Some(failures) = failures.get(&key) else { return SignedDuration::ZERO };
            // The first one to wait for is a second.
            let n_doubled = failures.n.checked_sub(n_free);
            let delay = n_doubled.map_or(0, |n_doubled| 1_i64 << n_doubled.min(20));
            let delay = SignedDuration::from_secs(delay).min(longest);
            let waited = now.duration_since(failures.last).max(SignedDuration::ZERO);
            (delay - waited).max(SignedDuration::ZERO)
        });
        waits.into_iter().max().unwrap_or(SignedDuration::ZERO)
    }

    /// A wrong password.
    pub(crate) fn add(&self, name: &str, address: &str, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in Self::culprits(name, address) {
            if all.len() >= MAX_BUDGETS && !all.contains_key(&key) {
                make_room(&mut all, |failures| saturating_add(failures.last, MEMORY), now);
            }
            let failures = all.entry(key).or_insert(Failures { n: 0, last: now });
            let n = if now.duration_since(failures.last) >= MEMORY { 0 } else { failures.n };
            *failures = Failures { n: n.saturating_add(1), last: now };
        }
    }

    /// The right password: the name at this address begins anew, and so does the name. Other names at the address do not,
    /// or somebody with one right password could try those of others.
    pub(crate) fn forget(&self, name: &str, address: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in Self::culprits(name, address) {
            if key.0 != Whose::Address {
                all.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
    }

    fn limiter(n: u32) -> Limiter {
        Limiter::new(Rates { reads: Rate::per_second(n), ..Rates::default() })
    }

    #[test]
    fn a_budget_is_spent_at_once_and_comes_back_evenly() {
        let limiter = limiter(4);
        let take = |ms| limiter.take(Budget::Reads, "ada", at(ms));
        let left: Vec<Option<u32>> = (0..5).map(|_| take(0).n).collect();
        assert_eq!(left, [Some(3), Some(2), Some(1), Some(0), None]);
        assert_eq!((take(0).wait, take(0).seconds()), (SignedDuration::from_millis(250), 1));
        assert_eq!(take(249).n, None);
        assert_eq!(take(250).n, Some(0));
        assert_eq!(take(250).n, None, "refusals cost nothing, and one came back");
        assert_eq!(take(10_000).n, Some(3), "no more than the whole comes back");
        assert_eq!(limiter.take(Budget::Reads, "bob", at(0)).n, Some(3), "everybody has a budget");
        assert_eq!(limiter.take(Budget::Writes, "ada", at(0)).n, Some(4_999), "writes have another");
        assert_eq!(take(-3_600_000).n, None, "a clock that is set back gives nothing away");
        assert_eq!(take(-3_600_000 + 250).n, Some(0), "and keeps nobody out");
    }

    #[test]
    fn the_number_of_budgets_is_limited() {
        let limiter = limiter(2);
        for _ in 0..2 {
            limiter.take(Budget::Reads, "busy", at(0));
        }
        for number in 0..MAX_BUDGETS as i64 + 100 {
            limiter.take(Budget::Reads, &number.to_string(), at(1));
        }
        assert_eq!(limiter.full_at.lock().unwrap().len(), MAX_BUDGETS);
        assert_eq!(limiter.take(Budget::Reads, "busy", at(1)).n, None, "who has spent most is forgotten last");
        limiter.take(Budget::Reads, "late", at(10_000));
        assert_eq!(limiter.full_at.lock().unwrap().len(), 1, "full budgets go first");
    }

    #[test]
    fn waiting_doubles_and_ends() {
        let delays = Delays::default();
        let mut waits = Vec::new();
        let mut now = at(0);
        for _ in 0..14 {
            delays.add("ada", "192.0.2.1", now);
            let wait = delays.wait("ada", "192.0.2.1", now);
            waits.push(wait.as_secs());
            assert_eq!(delays.wait("ada", "192.0.2.1", saturating_add(now, wait)), SignedDuration::ZERO);
            now = saturating_add(now, wait);
        }
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(delays.wait("ada", "192.0.2.2", now), SignedDuration::ZERO, "the person itself gets in elsewhere");
        assert_eq!(delays.wait("bob", "192.0.2.1", now), SignedDuration::ZERO);
        assert_eq!(delays.wait("", "192.0.2.1", now), SignedDuration::ZERO, "no name is a name too");
        delays.forget("ada", "192.0.2.1");
        assert_eq!(delays.wait("ada", "192.0.2.1", now), SignedDuration::ZERO);

        // From many addresses, nobody is kept out for longer than a minute; from one, all names wait.
        for number in 0..100 {
            delays.add("eve", &format!("198.51.100.{number}"), now);
            delays.add(&format!("name-{number}"), "203.0.113.9", now);
        }
        assert_eq!(delays.wait("eve", "192.0.2.7", now).as_secs(), 60);
        assert_eq!(delays.wait("new", "203.0.113.9", now).as_secs(), 900);
        now = saturating_add(now, MEMORY);
        delays.add("eve", "192.0.2.7", now);
        assert_eq!(delays.wait("eve", "192.0.2.8", now), SignedDuration::ZERO, "a day later it begins anew");
    }
}
