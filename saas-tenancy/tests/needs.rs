//! Says what the suite in `it` needs where it is not built, since cargo leaves it out in silence.

#[cfg(not(all(
    feature = "postgres",
    feature = "sqlite",
    feature = "axum",
    feature = "actix",
    feature = "testing"
)))]
#[test]
#[ignore = "the suite needs every feature: `cargo test -p saas-tenancy --all-features`"]
fn the_suite_is_not_built() {}
