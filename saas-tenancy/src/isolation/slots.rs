//! Which tenants have one of the few places, and who loses it: no I/O, no clock.

use std::collections::HashMap;

use saas_core::TenantId;

/// A bounded number of places, each held by a tenant.
#[derive(Debug)]
pub(super) struct Slots<T> {
    most: usize,
    /// Counts takings, so that the last of each tenant can be compared.
    turn: u64,
    held: HashMap<TenantId, Slot<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    value: T,
    leases: usize,
    last: u64,
}

/// What came of asking for a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken<T> {
    /// It is had, and whoever had it unused for longest may have lost it.
    Granted { value: T, evicted: Option<T> },
    /// Every place is in use.
    Full,
}

impl<T: Clone> Slots<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, turn: 0, held: HashMap::new() }
    }

    /// Takes a lease on the tenant's place; a place that is new is filled by `make`.
    pub(super) fn take(&mut self, tenant: TenantId, make: impl FnOnce() -> T) -> Taken<T> {
        self.turn += 1;
        if let Some(slot) = self.held.get_mut(&tenant) {
            slot.leases += 1;
            slot.last = self.turn;
            return Taken::Granted { value: slot.value.clone(), evicted: None };
        }
        let mut evicted = None;
        if self.held.len() >= self.most {
            let Some(idle) = self.longest_idle() else { return Taken::Full };
            evicted = self.held.remove(&idle).map(|slot| slot.value);
        }
        let value = make();
        let slot = Slot { value: value.clone(), leases: 1, last: self.turn };
        self.held.insert(tenant, slot);
        Taken::Granted { value, evicted }
    }

    /// Ends a lease. A place that nobody leases any more is kept only if it is worth it.
    pub(super) fn give_back(&mut self, tenant: TenantId, keep: impl FnOnce(&T) -> bool) {
        let Some(slot) = self.held.get_mut(&tenant) else { return };
        slot.leases = slot.leases.saturating_sub(1);
        if slot.leases == 0 && !keep(&slot.value) {
            self.held.remove(&tenant);
        }
    }

    /// Gives up the tenant's place, unless it is in use.
    pub(super) fn forget(&mut self, tenant: TenantId) -> Option<T> {
        self.held.get(&tenant).filter(|slot| slot.leases == 0)?;
        self.held.remove(&tenant).map(|slot| slot.value)
    }

    /// Gives up all places, in use or not.
    pub(super) fn clear(&mut self) -> Vec<T> {
        self.held.drain().map(|(_, slot)| slot.value).collect()
    }

    pub(super) fn holds(&self, tenant: TenantId) -> bool {
        self.held.contains_key(&tenant)
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn in_use(&self) -> usize {
        self.held.values().filter(|slot| slot.leases > 0).count()
    }

    fn longest_idle(&self) -> Option<TenantId> {
        let idle = self.held.iter().filter(|(_, slot)| slot.leases == 0);
        idle.min_by_key(|(_, slot)| slot.last).map(|(tenant, _)| *tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(evicted: Option<char>, value: char) -> Taken<char> {
        Taken::Granted { value, evicted }
    }

    #[test]
    fn the_longest_unused_goes_and_one_in_use_never() {
        let mut slots = Slots::new(2);
        let [a, b, c] = [(); 3].map(|()| TenantId::new());
        assert_eq!(slots.take(a, || 'a'), granted(None, 'a'));
        assert_eq!(slots.take(b, || 'b'), granted(None, 'b'));
        assert_eq!(slots.take(c, || 'c'), Taken::Full);
        slots.give_back(b, |_| true);
        slots.give_back(a, |_| true);
        // Used again, so b is now the one that was not used for longest.
        assert_eq!(slots.take(a, || '!'), granted(None, 'a'));
        slots.give_back(a, |_| true);
        assert_eq!(slots.take(c, || 'c'), granted(Some('b'), 'c'));
        assert_eq!(slots.take(b, || 'B'), granted(Some('a'), 'B'));
        assert_eq!((slots.held(), slots.in_use()), (2, 2));
        assert_eq!(slots.take(a, || 'A'), Taken::Full);
    }

    #[test]
    fn two_leases_hold_until_both_are_given_back() {
        let mut slots = Slots::new(1);
        let (a, b) = (TenantId::new(), TenantId::new());
        slots.take(a, || 'a');
        slots.take(a, || 'a');
        slots.give_back(a, |_| true);
        assert_eq!(slots.take(b, || 'b'), Taken::Full);
        assert_eq!(slots.forget(a), None);
        slots.give_back(a, |_| true);
        assert_eq!(slots.forget(a), Some('a'));
        assert_eq!(slots.take(b, || 'b'), granted(None, 'b'));
    }

    #[test]
    fn what_is_not_worth_keeping_frees_its_place_with_the_last_lease() {
        let mut slots = Slots::new(1);
        let tenant = TenantId::new();
        slots.take(tenant, || 'x');
        slots.take(tenant, || 'x');
        slots.give_back(tenant, |_| false);
        assert_eq!(slots.held(), 1);
        slots.give_back(tenant, |_| false);
        assert_eq!(slots.held(), 0);
        slots.give_back(tenant, |_| true);
    }
}
