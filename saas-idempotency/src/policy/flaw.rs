use super::Policy;
use crate::Error;

impl Policy {
    /// The policy, if it makes sense.
    ///
    /// Call it where the program starts. A layer whose policy makes none answers every covered
    /// request with the same error, 500, and runs nothing.
    ///
    /// # Errors
    /// [`Error::Policy`] with what is wrong: a lease, heartbeat, cap or timeout of zero, a heartbeat
    /// not shorter than the lease, a retention shorter than it, no method, a header that HTTP does
    /// not allow, a status that no response has.
    pub fn checked(self) -> Result<Self, Error> {
        self.flaw().map_or(Ok(self), |flaw| Err(Error::Policy(flaw)))
    }

    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let flaws = [
            (self.methods.is_empty() && self.routes.is_none(), "it covers no method"),
            (!is_token(&self.header), "the header's name is not one that HTTP allows"),
            (self.request_cap == 0, "the cap of request bodies is zero"),
            (self.response_cap == 0, "the cap of response bodies is zero"),
            (self.lease.is_zero(), "the lease is zero"),
            (self.renewal().is_zero(), "the heartbeat is zero"),
            (self.renewal() >= self.lease, "the heartbeat is not shorter than the lease"),
            (self.retention < self.lease, "the retention is shorter than the lease"),
            (self.store_timeout.is_zero(), "the time for the store is zero"),
            (self.odd_status().is_some(), "a status to keep or release is not one of 200 to 599"),
        ];
        flaws.iter().find_map(|(is_so, flaw)| is_so.then_some(*flaw))
    }
}

fn is_token(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn flaw(change: impl FnOnce(Policy) -> Policy) -> Option<&'static str> {
        change(Policy::default()).flaw()
    }

    #[test]
    fn the_presets_make_sense() {
        for policy in [Policy::default(), Policy::stripe_v1(), Policy::success_only()] {
            assert!(policy.checked().is_ok());
        }
        assert_eq!(flaw(|policy| policy.methods(["PUT"]).keep(599).release(200)), None);
        assert_eq!(flaw(|policy| policy.methods([""; 0]).routes(|route| route.otherwise)), None);
    }

    #[test]
    fn each_kind_of_nonsense_is_named() {
        let second = Duration::from_secs(1);
        let flaws = [
            flaw(|policy| policy.methods([""; 0])),
            flaw(|policy| policy.header("")),
            flaw(|policy| policy.request_cap(0)),
            flaw(|policy| policy.response_cap(0)),
            flaw(|policy| policy.lease(Duration::ZERO)),
            flaw(|policy| policy.heartbeat(Duration::ZERO)),
            flaw(|policy| policy.lease(second).heartbeat(second)),
            flaw(|policy| policy.lease(second).retention(second / 2)),
            flaw(|policy| policy.store_timeout(Duration::ZERO)),
            flaw(|policy| policy.keep(42)),
        ];
        let mut named: Vec<_> = flaws.into_iter().map(Option::unwrap).collect();
        named.dedup();
        assert_eq!(named.len(), flaws.len());
        assert_eq!(flaw(|policy| policy.header("x key")), flaws[1]);
        assert_eq!(flaw(|policy| policy.release(600)), flaws[9]);
    }

    #[test]
    fn the_error_says_what_is_wrong() {
        let error = Policy::default().lease(Duration::ZERO).checked().unwrap_err();
        assert_eq!(error.to_string(), "the policy makes no sense: the lease is zero");
    }
}
