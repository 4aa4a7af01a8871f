use uuid::Uuid;

/// From 0 to 1. The last bytes of a random UUID are random.
pub(crate) fn chance() -> f64 {
    let [.., a, b, c, d] = Uuid::new_v4().into_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_fraction_and_differs() {
        let drawn: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..=1.0).contains(drawn)));
        let mean = drawn.iter().sum::<f64>() / 100.0;
        assert!((0.2..0.8).contains(&mean), "{mean}");
    }
}
