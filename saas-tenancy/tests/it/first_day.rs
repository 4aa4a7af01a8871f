//! The example of that name, run as it stands.

use saas_testkit as testkit;

#[path = "../../examples/first_day.rs"]
#[expect(dead_code, reason = "an example's main is called by nobody here")]
mod example;

#[tokio::test]
async fn the_first_day_ends_with_rows_that_only_their_tenant_sees() {
    let pg = testkit::postgres_fresh().await;
    // A role of its own, which the first run on a server makes.
    let seen = example::first_day(pg.owner_options, "first_day_app", "it's the first");
    let seen = seen.await.unwrap();
    assert_eq!(seen, [["2026-001"], ["2026-002"]]);
}
