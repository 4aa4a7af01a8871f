//! Rows that are written whether they are there or not.

use saas_core::{Id, TenantId, Version};
use saas_tenancy::{Error, TenantDb};

use crate::fixture::{self, Customer, Db, Note, Task};
use crate::suite::suite;

pub(crate) async fn an_upsert_inserts_then_updates_by_id<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut customer = Customer::new(tenant, "a@x");
    let mut tx = db.tenant(tenant).await.unwrap();
    let first = tx.upsert(&customer).await.unwrap();
    assert_eq!((first.id, first.version), (customer.id, Some(Version::FIRST)));
    customer.email = "b@x".to_owned();
    let second = tx.upsert(&customer).await.unwrap();
    assert_eq!((second.id, second.version), (customer.id, Some(Version::new(2))));
    let row = tx.select::<Customer>().one(&mut tx).await.unwrap();
    assert_eq!(row.email, "b@x");
    assert_eq!(row.timestamps.created_at, customer.timestamps.created_at);
    assert!(row.timestamps.updated_at > customer.timestamps.updated_at);
    // What the struct does not hold is kept as well.
    let note = Note::on(customer.id, "body");
    assert_eq!(tx.upsert(&note).await.unwrap().version, Some(Version::FIRST));
    assert_eq!(tx.upsert(&note).await.unwrap().version, Some(Version::new(2)));
}

pub(crate) async fn an_upsert_on_a_unique_value_keeps_the_row_that_is_there<DB: Db>(
    db: TenantDb<DB>,
) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let first = Customer::new(tenant, "a@x");
    tx.insert(&first).await.unwrap();
    let mut again = Customer::new(tenant, "a@x");
    again.born_on = chrono::NaiveDate::from_ymd_opt(1990, 2, 28);
    let upserted = tx.upsert(&again).on(Customer::EMAIL).await.unwrap();
    assert_eq!(upserted.id, first.id);
    let row = tx.select::<Customer>().one(&mut tx).await.unwrap();
    assert_eq!((row.id, row.born_on), (first.id, again.born_on));
    let task = Task::new("t", 1);
    let other = Task::new("t", 2);
    tx.insert_all(&[task.clone(), other.clone()]).await.unwrap();
    let twin = Task::new("t", 1);
    assert_eq!(tx.upsert(&twin).on((Task::PLACE, Task::TITLE)).await.unwrap().id, task.id);
    assert_eq!(tx.select::<Task>().count(&mut tx).await.unwrap(), 2);
}

pub(crate) async fn a_deleted_row_neither_blocks_nor_comes_back_by_an_upsert<DB: Db>(
    db: TenantDb<DB>,
) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let gone = Customer::new(tenant, "a@x");
    tx.insert(&gone).await.unwrap();
    tx.soft_delete(gone.id).await.unwrap();
    let fresh = Customer::new(tenant, "a@x");
    assert_eq!(tx.upsert(&fresh).on(Customer::EMAIL).await.unwrap().id, fresh.id);
    let revived = tx.upsert(&gone).await;
    assert!(matches!(revived, Err(Error::NotFound { table: "customers" })));
}

pub(crate) async fn another_tenants_row_is_no_conflict_and_stays_as_it_is<DB: Db>(
    db: TenantDb<DB>,
) {
    let (mine, other) = (fixture::tenant(&db).await, fixture::tenant(&db).await);
    let theirs = Customer::new(other, "a@x");
    let their_task = Task::new("theirs", 1);
    let mut tx = db.tenant(other).await.unwrap();
    tx.insert(&theirs).await.unwrap();
    tx.insert(&their_task).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.tenant(mine).await.unwrap();
    let mut takeover = Customer::new(mine, "a@x");
    takeover.id = theirs.id;
    let taken = tx.upsert(&takeover).await.unwrap();
    let told = (taken.id, taken.version);
    assert_eq!(told, (theirs.id, Some(Version::FIRST)), "told like a row that was not there");
    let task = Task { id: their_task.id, ..Task::new("theirs", 1) };
    assert_eq!(tx.upsert(&task).on((Task::TITLE, Task::PLACE)).await.unwrap().id, task.id);
    tx.commit().await.unwrap();
    assert_eq!(db.read(other).select::<Customer>().one().await.unwrap(), theirs);
    assert_eq!(db.read(other).select::<Task>().one().await.unwrap(), their_task);
}

pub(crate) async fn an_upsert_refuses_foreign_rows_and_undeclared_conflicts<DB: Db>(
    db: TenantDb<DB>,
) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let foreign = Customer::new(TenantId::new(), "a@x");
    let error = tx.upsert(&foreign).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTenant { table: "customers" }));
    let mine = Customer::new(tenant, "a@x");
    let error = tx.upsert(&mine).on(Customer::BORN_ON).await.unwrap_err();
    assert!(matches!(error, Error::NotUnique { table: "customers" }));
    let half = Task::new("t", 1);
    let error = tx.upsert(&half).on(Task::TITLE).await.unwrap_err();
    assert!(matches!(error, Error::NotUnique { table: "tasks" }));
    let note = Note::on(Id::new(), "orphan");
    assert!(matches!(tx.upsert(&note).await, Err(Error::BrokenReference { .. })));
}

suite!(
    an_upsert_inserts_then_updates_by_id,
    an_upsert_on_a_unique_value_keeps_the_row_that_is_there,
    a_deleted_row_neither_blocks_nor_comes_back_by_an_upsert,
    another_tenants_row_is_no_conflict_and_stays_as_it_is,
    an_upsert_refuses_foreign_rows_and_undeclared_conflicts,
);
