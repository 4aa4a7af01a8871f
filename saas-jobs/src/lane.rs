//! Which lane a job waits in.

use saas_core::TenantId;

/// The lane of a tenant: 31 of its bits, mixed, and never 0, which is the lane of jobs without a
/// tenant. Two tenants that meet in one share its turns; of a thousand others one does so with a
/// given tenant once in two million times.
///
/// The number is stored with each job, so the function is part of the format.
pub(crate) fn of(tenant: TenantId) -> i32 {
    let (high, low) = tenant.uuid().as_u64_pair();
    // The finalizer of splitmix64: ids of version 7 that were made together differ in few bits.
    let mut bits = high ^ low.rotate_left(32);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    i32::try_from(bits >> 33).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tenants_made_together_have_lanes_of_their_own() {
        let lanes: HashSet<_> = (0..10_000).map(|_| of(TenantId::new())).collect();
        assert!(lanes.len() > 9_990, "{}", lanes.len());
        assert!(lanes.iter().all(|lane| *lane > 0));
    }

    #[test]
    fn the_number_never_changes() {
        let tenant: TenantId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(of(tenant), 156_081_700);
    }
}
