use std::collections::BTreeMap;

use super::Policy;

/// A handler's word on its own response, stronger than the policy. Put it into the response's
/// extensions; with axum, `(Keep::No, response)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Record the response: every retry gets it.
    Yes,
    /// Forget the key: a retry runs the handler again.
    No,
}

/// Which responses are recorded, by status.
#[derive(Debug, Clone, Default)]
pub(super) struct Keeping {
    preset: Preset,
    statuses: BTreeMap<u16, bool>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Preset {
    #[default]
    Final,
    Everything,
    Success,
}

impl Policy {
    /// Keeps every outcome, failures too, as Stripe's v1 API does.
    pub fn stripe_v1() -> Self {
        Self::preset(Preset::Everything)
    }

    /// Keeps 2xx and 3xx alone: after any failure a retry runs.
    pub fn success_only() -> Self {
        Self::preset(Preset::Success)
    }

    /// Records responses of this status.
    #[must_use]
    pub fn keep(mut self, status: u16) -> Self {
        self.keeping.statuses.insert(status, true);
        self
    }

    /// Forgets the key where the response has this status, so that a retry runs.
    #[must_use]
    pub fn release(mut self, status: u16) -> Self {
        self.keeping.statuses.insert(status, false);
        self
    }

    /// Whether a response of this status is recorded.
    pub(crate) fn keeps(&self, status: u16, word: Option<Keep>) -> bool {
        match (word, self.keeping.statuses.get(&status)) {
            (Some(word), _) => word == Keep::Yes,
            (None, Some(kept)) => *kept,
            (None, None) => self.keeping.preset.keeps(status),
        }
    }

    /// A status for which something was said, and which no response has.
    pub(super) fn odd_status(&self) -> Option<u16> {
        self.keeping.statuses.keys().copied().find(|status| !(200..=599).contains(status))
    }

    fn preset(preset: Preset) -> Self {
        Self { keeping: Keeping { preset, ..Keeping::default() }, ..Self::default() }
    }
}

impl Preset {
    fn keeps(self, status: u16) -> bool {
        match (self, status) {
            (_, ..200) => false,
            (Self::Everything, _) | (_, 200..=399) => true,
            (Self::Success, _) => false,
            // The client can mend these, or time does, without a new key.
            (Self::Final, 401 | 403 | 408 | 413 | 421 | 425 | 429) => false,
            (Self::Final, _) => status < 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_redirects_and_final_client_errors_are_kept() {
        let policy = Policy::default();
        for status in [200, 201, 202, 204, 302, 303, 400, 404, 409, 410, 412, 415, 422] {
            assert!(policy.keeps(status, None), "{status}");
        }
        for status in [101, 401, 403, 408, 413, 421, 425, 429, 500, 502, 503, 504, 599] {
            assert!(!policy.keeps(status, None), "{status}");
        }
    }

    #[test]
    fn stripes_preset_keeps_failures() {
        for status in [200, 401, 429, 500, 503] {
            assert!(Policy::stripe_v1().keeps(status, None), "{status}");
        }
    }

    #[test]
    fn success_alone_is_kept_where_nothing_else_shall_be() {
        let policy = Policy::success_only();
        assert!([200, 201, 204, 303].iter().all(|status| policy.keeps(*status, None)));
        assert!([101, 400, 404, 422, 500].iter().all(|status| !policy.keeps(*status, None)));
    }

    #[test]
    fn the_handler_overrules_the_policy_and_the_policy_the_default() {
        let policy = Policy::default().release(404).keep(503);
        assert!(!policy.keeps(404, None) && policy.keeps(503, None));
        assert!(policy.keeps(404, Some(Keep::Yes)) && !policy.keeps(201, Some(Keep::No)));
    }
}
