//! The isolation kit, on databases that hold and on ones with a leak planted: it names that leak, and
//! nothing else.

mod place;
mod planted;
mod sqlite;

use std::collections::BTreeSet;

use saas_core::{Id, TenantId};
use saas_tenancy::testing::{Attempt, Kit, KitError, Outcome, Report};
use saas_tenancy::{Isolation, TenantDb};

use crate::fixture::{self, Customer, Db, Fixture, Note, Task};
use crate::homes;

/// The tenants' entities of the suite on trial.
pub(crate) fn kit<DB: Db>(db: TenantDb<DB>) -> Kit<DB> {
    kit_on_two(db).entity::<Task>(|maker| Task {
        id: maker.id(),
        note_id: Some(maker.parent::<Note>()),
        ..Task::new(&maker.text(), 1)
    })
}

/// Two of them.
pub(crate) fn kit_on_two<DB: Db>(db: TenantDb<DB>) -> Kit<DB> {
    Kit::new(db)
        .entity::<Customer>(|maker| Customer {
            id: maker.id(),
            ..Customer::new(maker.tenant(), &maker.text())
        })
        .entity::<Note>(|maker| Note {
            id: maker.id(),
            customer_id: maker.parent::<Customer>(),
            body: maker.text(),
        })
}

/// What leaked, as tables and attempts.
pub(crate) fn leaks(report: &Report) -> BTreeSet<(&'static str, Attempt)> {
    report.leaks().map(|leak| (leak.table, leak.attempt)).collect()
}

/// The same as they are expected: these attempts on each of these tables.
pub(crate) fn on(
    tables: &[&'static str],
    attempts: &[Attempt],
) -> BTreeSet<(&'static str, Attempt)> {
    tables.iter().flat_map(|table| attempts.iter().map(|attempt| (*table, *attempt))).collect()
}

async fn holds<DB: Db>(fixture: Fixture<DB>) -> Report {
    let mut kit = kit(fixture.db.clone());
    if fixture.db.isolation() == Isolation::Schema {
        kit = kit.tenants(homes::provisioned);
    }
    let report = kit.run().await.unwrap();
    report.assert_isolated();
    assert_eq!(report.left_behind(), [""; 0]);
    assert_eq!(report.tried().len(), 3 * Attempt::ALL.len());
    report
}

/// The attempts that were not made on a table.
fn not_made(report: &Report, table: &str) -> Vec<Attempt> {
    let tried = report.tried().iter().filter(|tried| tried.table == table);
    let skipped = tried.filter(|tried| matches!(tried.outcome, Outcome::NotApplicable(_)));
    skipped.map(|tried| tried.attempt).collect()
}

#[tokio::test]
async fn postgres_holds_against_every_attempt_that_fits() {
    let report = holds(fixture::postgres().await).await;
    assert_eq!(
        not_made(&report, "customers"),
        [Attempt::Join, Attempt::Reference, Attempt::Partitions, Attempt::Views,]
    );
    assert_eq!(
        not_made(&report, "notes"),
        [Attempt::UpsertByValues, Attempt::InsertTenant, Attempt::Partitions, Attempt::Views,]
    );
}

#[tokio::test]
async fn pgbouncer_holds() {
    holds(fixture::pgbouncer().await).await;
}

#[tokio::test]
async fn sqlite_holds_where_it_has_a_wall() {
    let report = holds(fixture::sqlite().await).await;
    let skipped = not_made(&report, "customers");
    assert!(skipped.contains(&Attempt::RawSelect) && !skipped.contains(&Attempt::RawGive));
}

#[tokio::test]
async fn a_schema_for_each_tenant_holds() {
    holds(fixture::schemas().await).await;
}

#[tokio::test]
async fn a_file_for_each_tenant_holds() {
    holds(fixture::files().await).await;
}

#[tokio::test]
async fn what_the_kit_made_is_gone_afterwards() {
    let fixture = fixture::sqlite().await;
    kit(fixture.db.clone()).run().await.unwrap();
    for table in ["customers", "notes", "tasks"] {
        let mut count = sqlx::QueryBuilder::new("select count(*) from ");
        let rows: i64 =
            count.push(table).build_query_scalar().fetch_one(fixture.db.pool()).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn a_child_registered_before_its_parent_is_an_error_that_names_both() {
    let fixture = fixture::sqlite().await;
    let kit = Kit::new(fixture.db.clone()).entity::<Note>(|maker| Note {
        id: maker.id(),
        customer_id: maker.parent::<Customer>(),
        body: maker.text(),
    });
    let error = kit.run().await.unwrap_err().to_string();
    assert_eq!(error, "notes takes a parent in customers: register customers before it");
}

#[tokio::test]
async fn rows_that_are_not_the_kits_own_are_an_error() {
    let fixture = fixture::sqlite().await;
    let kit = Kit::new(fixture.db.clone()).entity::<Task>(|maker| Task::new(&maker.text(), 1));
    assert!(matches!(kit.run().await, Err(KitError::OwnId { table: "tasks" })));
    let nothing = Kit::new(fixture.db.clone()).run().await;
    assert!(matches!(nothing, Err(KitError::NoEntity)));
}

#[tokio::test]
#[should_panic(
    expected = "- customers: insert with the other's values: it is told that a value is taken"
)]
async fn the_assertion_names_each_leak() {
    let fixture = fixture::sqlite().await;
    let index = "create unique index told on customers (email)";
    sqlx::query(index).execute(fixture.db.pool()).await.unwrap();
    kit(fixture.db.clone()).run().await.unwrap().assert_isolated();
}

#[tokio::test]
async fn tenants_may_be_the_applications_own() {
    let fixture = fixture::sqlite().await;
    let (made, used) = tokio::sync::mpsc::unbounded_channel();
    let kit = kit(fixture.db.clone()).tenants(move || {
        let tenant = TenantId::from_uuid(Id::<Customer>::new().uuid());
        made.send(tenant).unwrap();
        async move { tenant }
    });
    kit.run().await.unwrap();
    assert!(used.len() >= 3, "only {} tenants", used.len());
}
