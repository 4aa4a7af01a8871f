//! How often a client may fail to log in.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use saas_core::Problem;

/// An address may fail so often at once,
const BURST: f64 = 50.0;

/// and then once per this.
const EVERY: Duration = Duration::from_secs(1);

/// Those that fail all at once pay for it later, but no more than so many.
const DEBT: f64 = 600.0;

/// As many addresses are told apart, and as many keys remembered. Beyond, addresses are counted as one.
const MOST: usize = 10_000;

/// Counts failures, and failures only, by the client's address.
///
/// Who failed too often is refused before its token is looked at, so that guesses are few and cost no
/// query. An API key that this process has let in before is looked at all the same: who shares an
/// address with a guesser goes on working, and 256 random bits are not guessed meanwhile. An operator's
/// token may be weaker, and waits like any other.
#[derive(Debug, Clone, Default)]
pub struct Logins(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    failures: HashMap<IpAddr, Bucket>,
    strangers: Bucket,
    swept: Option<Instant>,
    known: HashSet<Vec<u8>>,
}

/// What an address has left.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    spent: f64,
    at: Option<Instant>,
}

impl Logins {
    /// Refuses an address that failed too often, unless its key is known.
    pub fn check(&self, client: IpAddr, key: Option<&[u8]>, now: Instant) -> Result<(), Problem> {
        let mut state = self.state();
        if key.is_some_and(|key| state.known.contains(key)) {
            return Ok(());
        }
        let left = BURST - state.spent(network(client), now);
        if left >= 1.0 {
            return Ok(());
        }
        metrics::counter!("logins_refused_total").increment(1);
        let wait = EVERY.mul_f64(1.0 - left).as_secs_f64().ceil();
        Err(Problem::new(429)
            .detail("too many failed logins from this address")
            .header("retry-after", wait.to_string()))
    }

    /// Counts one.
    pub fn failed(&self, client: IpAddr, now: Instant) {
        metrics::counter!("logins_failed_total").increment(1);
        let mut state = self.state();
        let bucket = state.bucket(network(client), now);
        let spent = (bucket.spent_at(now) + 1.0).min(BURST + DEBT);
        *bucket = Bucket { spent, at: Some(now) };
    }

    /// Remembers the hash of a key that was let in.
    pub fn succeeded(&self, key: Vec<u8>) {
        let mut state = self.state();
        // Those who come again are remembered anew.
        if state.known.len() >= MOST && !state.known.contains(&key) {
            state.known.clear();
        }
        state.known.insert(key);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn spent(&mut self, network: IpAddr, now: Instant) -> f64 {
        if self.is_beyond(network, now) {
            return self.strangers.spent_at(now);
        }
        // Nothing is kept of who has not failed.
        self.failures.get(&network).map_or(0.0, |bucket| bucket.spent_at(now))
    }

    fn bucket(&mut self, network: IpAddr, now: Instant) -> &mut Bucket {
        if self.is_beyond(network, now) {
            return &mut self.strangers;
        }
        self.failures.entry(network).or_default()
    }

    /// Whether there is no room to tell this one apart. Those that have waited long enough make some.
    fn is_beyond(&mut self, network: IpAddr, now: Instant) -> bool {
        if self.failures.len() < MOST || self.failures.contains_key(&network) {
            return false;
        }
        // Looking through all of them is not for every stranger.
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= EVERY) {
            self.failures.retain(|_, bucket| bucket.spent_at(now) > 0.0);
            self.swept = Some(now);
        }
        self.failures.len() >= MOST
    }
}

impl Bucket {
    fn spent_at(self, now: Instant) -> f64 {
        let passed = self.at.map_or(Duration::ZERO, |at| now.duration_since(at));
        (self.spent - passed.as_secs_f64() / EVERY.as_secs_f64()).max(0.0)
    }
}

/// Of IPv6 a client has a whole network to take addresses from.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUESSER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn exhausted(client: IpAddr, now: Instant) -> Logins {
        let logins = Logins::default();
        for _ in 0..BURST as usize {
            logins.check(client, None, now).unwrap();
            logins.failed(client, now);
        }
        logins
    }

    #[test]
    fn beyond_the_burst_it_is_429_until_the_time_it_says() {
        let now = Instant::now();
        let logins = exhausted(GUESSER, now);
        logins.failed(GUESSER, now);
        let refused = logins.check(GUESSER, None, now).unwrap_err();
        assert_eq!(refused.status(), 429);
        let after: u64 = refused.headers()[0].1.parse().unwrap();
        assert!(logins.check(GUESSER, None, now + Duration::from_secs(after - 1)).is_err());
        assert!(logins.check(GUESSER, None, now + Duration::from_secs(after)).is_ok());
    }

    #[test]
    fn others_are_let_in_and_so_is_a_known_key_from_the_same_address() {
        let now = Instant::now();
        let logins = exhausted(GUESSER, now);
        logins.check([1, 1, 1, 1].into(), None, now).unwrap();
        assert!(logins.check(GUESSER, Some(b"key"), now).is_err());
        logins.succeeded(b"key".to_vec());
        logins.check(GUESSER, Some(b"key"), now).unwrap();
    }

    #[test]
    fn success_costs_nothing() {
        let (logins, now) = (Logins::default(), Instant::now());
        for _ in 0..10 * BURST as usize {
            logins.check(GUESSER, Some(b"key"), now).unwrap();
            logins.succeeded(b"key".to_vec());
        }
        logins.check(GUESSER, None, now).unwrap();
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let now = Instant::now();
        let logins = exhausted("2001:db8::1".parse().unwrap(), now);
        assert!(logins.check("2001:db8::2".parse().unwrap(), None, now).is_err());
        assert!(logins.check("2001:db8:0:1::1".parse().unwrap(), None, now).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_who_has_waited_makes_room() {
        let (logins, now) = (Logins::default(), Instant::now());
        let address = |number: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(number));
        for number in 0..MOST as u32 + 100 {
            logins.failed(address(number), now);
            logins.succeeded(number.to_be_bytes().to_vec());
        }
        assert_eq!(logins.state().failures.len(), MOST);
        assert!(logins.state().known.len() <= MOST);
        // Strangers beyond are counted as one.
        assert!(logins.check(address(u32::MAX), None, now).is_err());
        let later = now + Duration::from_secs(2);
        logins.check(address(u32::MAX), None, later).unwrap();
        assert!(logins.state().failures.is_empty());
    }
}
