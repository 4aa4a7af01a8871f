//! Ids and attempts as blobs, for a database without arrays.

use uuid::Uuid;

/// Sixteen bytes each.
pub(super) fn pack_ids<'a>(ids: impl IntoIterator<Item = &'a Uuid>) -> Vec<u8> {
    ids.into_iter().flat_map(|id| *id.as_bytes()).collect()
}

/// The reverse; an incomplete id at the end is left out.
pub(super) fn unpack_ids(blob: &[u8]) -> impl Iterator<Item = Uuid> {
    blob.as_chunks::<16>().0.iter().map(|bytes| Uuid::from_bytes(*bytes))
}

/// Two bytes each, little-endian; `None` if all are zero.
pub(super) fn pack_attempts(attempts: &[i16]) -> Option<Vec<u8>> {
    let any = attempts.iter().any(|attempt| *attempt != 0);
    any.then(|| attempts.iter().flat_map(|attempt| attempt.to_le_bytes()).collect())
}

/// The attempt at `index`.
pub(super) fn attempt_at(blob: Option<&[u8]>, index: usize) -> i16 {
    let pairs = blob.map_or(&[][..], |blob| blob.as_chunks::<2>().0);
    pairs.get(index).map_or(0, |pair| i16::from_le_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again(jobs: Vec<(u128, i16)>) {
            let ids: Vec<_> = jobs.iter().map(|job| Uuid::from_u128(job.0)).collect();
            let attempts: Vec<_> = jobs.iter().map(|job| job.1).collect();
            prop_assert_eq!(unpack_ids(&pack_ids(&ids)).collect::<Vec<_>>(), ids);
            let packed = pack_attempts(&attempts);
            for (index, attempt) in attempts.iter().enumerate() {
                prop_assert_eq!(attempt_at(packed.as_deref(), index), *attempt);
            }
        }
    }
}
