//! Statements on many rows, and those that remove.

use chrono::{TimeDelta, Utc};
use saas_core::{Deleted, Id, TenantId, Version};
use saas_tenancy::{Error, ErrorKind, TenantDb, TenantTx};

use crate::fixture::{self, Customer, Db, Note, Task};
use crate::suite::suite;

/// Customers `0@x`, `1@x`, … with a note each, uncommitted.
async fn filled<DB: Db>(db: &TenantDb<DB>, count: usize) -> (TenantTx<DB>, Vec<Customer>) {
    let tenant = fixture::tenant(db).await;
    let customers: Vec<_> =
        (0..count).map(|number| Customer::new(tenant, &format!("{number}@x"))).collect();
    let notes: Vec<_> = customers.iter().map(|customer| Note::on(customer.id, "note")).collect();
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert_all(&customers).await.unwrap();
    tx.insert_all(&notes).await.unwrap();
    (tx, customers)
}

async fn customers<DB: Db>(tx: &mut TenantTx<DB>, deleted: Deleted) -> u64 {
    tx.select::<Customer>().deleted(deleted).count(tx).await.unwrap()
}

pub(crate) async fn many_rows_inserted_at_once_are_read_back_equal<DB: Db>(db: TenantDb<DB>) {
    let (mut tx, mut written) = filled(&db, 999).await;
    let mut odd = Customer::new(tx.tenant(), "quote ' \\ {\"a\",NULL} ü\u{1F600}");
    odd.born_on = chrono::NaiveDate::from_ymd_opt(1990, 2, 28);
    written.push(odd.clone());
    tx.insert_all(&[odd]).await.unwrap();
    tx.insert_all::<Customer>(&[]).await.unwrap();
    let mut read = tx.select::<Customer>().all(&mut tx).await.unwrap();
    read.sort_by_key(|customer| customer.id);
    written.sort_by_key(|customer| customer.id);
    assert_eq!(read, written);
    // What the struct does not hold was filled.
    assert_eq!(tx.select::<Note>().count(&mut tx).await.unwrap(), 999);
}

pub(crate) async fn a_bulk_insert_is_checked_row_by_row<DB: Db>(db: TenantDb<DB>) {
    let (mut tx, _) = filled(&db, 2).await;
    let foreign = [Customer::new(tx.tenant(), "y@x"), Customer::new(TenantId::new(), "z@x")];
    let error = tx.insert_all(&foreign).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTenant { table: "customers" }));
    let taken = [Customer::new(tx.tenant(), "y@x"), Customer::new(tx.tenant(), "1@x")];
    assert!(matches!(tx.insert_all(&taken).await, Err(Error::Taken { .. })));
}

pub(crate) async fn a_bulk_update_changes_what_its_filter_names<DB: Db>(db: TenantDb<DB>) {
    let (mut other, _) = filled(&db, 3).await;
    other.update_all::<Note>().set(Note::BODY, "theirs").every_row().await.unwrap();
    other.commit().await.unwrap();
    let (mut tx, customers) = filled(&db, 3).await;
    tx.soft_delete(customers[2].id).await.unwrap();
    let born = chrono::NaiveDate::from_ymd_opt(2000, 1, 1);
    let late = tx.update_all::<Customer>().filter(Customer::EMAIL.ne("0@x"));
    assert_eq!(late.set(Customer::BORN_ON, born).await.unwrap(), 1, "the deleted one is no row");
    let changed = tx.select::<Customer>().by_id(customers[1].id).one(&mut tx).await.unwrap();
    assert_eq!((changed.born_on, changed.version), (born, Version::new(2)));
    assert!(changed.timestamps.updated_at > customers[1].timestamps.updated_at);
    let all = tx.update_all::<Note>().set(Note::BODY, "mine").every_row().await.unwrap();
    assert_eq!(all, 3);
}

pub(crate) async fn a_statement_on_many_rows_says_which<DB: Db>(db: TenantDb<DB>) {
    let (mut tx, _) = filled(&db, 2).await;
    let update = tx.update_all::<Note>().set(Note::BODY, "all").await.unwrap_err();
    let delete = tx.delete_all::<Note>().await.unwrap_err();
    let soft = tx.soft_delete_all::<Note>().await.unwrap_err();
    for error in [update, delete, soft] {
        assert!(matches!(error, Error::NoFilter { table: "notes" }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Fault);
    }
    let moved = tx.update_all::<Customer>().set(Customer::TENANT_ID, TenantId::new()).every_row();
    assert!(matches!(moved.await, Err(Error::ManagedColumn { column: "tenant_id", .. })));
    tx.commit().await.unwrap();
}

pub(crate) async fn a_delete_by_id_removes_the_tenants_row_only<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let task = Task::new("mine", 1);
    tx.insert(&task).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.tenant(fixture::tenant(&db).await).await.unwrap();
    let foreign = tx.delete(task.id).await.unwrap_err();
    let missing = tx.delete(Id::<Task>::new()).await.unwrap_err();
    assert_eq!(foreign.to_string(), missing.to_string());
    drop(tx);
    let mut tx = db.tenant(tenant).await.unwrap();
    let other = tx.delete(task.id).filter(Task::TITLE.ne("mine")).await;
    assert!(matches!(other, Err(Error::NotFound { table: "tasks" })));
    tx.delete(task.id).await.unwrap();
    assert!(!tx.select::<Task>().exists(&mut tx).await.unwrap());
}

pub(crate) async fn a_delete_minds_version_deletion_and_references<DB: Db>(db: TenantDb<DB>) {
    let (mut tx, customers) = filled(&db, 2).await;
    let stale = tx.delete(customers[0].id).if_version(Version::new(9)).await;
    assert!(matches!(stale, Err(Error::StaleVersion { .. })));
    tx.delete_all::<Note>().every_row().await.unwrap();
    tx.delete(customers[0].id).if_version(Version::FIRST).await.unwrap();
    tx.soft_delete(customers[1].id).await.unwrap();
    let dead = tx.delete(customers[1].id).await;
    assert!(matches!(dead, Err(Error::NotFound { .. })), "only living rows unless asked");
    tx.delete(customers[1].id).deleted(Deleted::Only).await.unwrap();
    assert_eq!(self::customers(&mut tx, Deleted::With).await, 0);
    drop(tx);
    let (mut tx, customers) = filled(&db, 1).await;
    let pointed_to = tx.delete(customers[0].id).await;
    assert!(matches!(pointed_to, Err(Error::BrokenReference { .. })));
}

pub(crate) async fn a_bulk_delete_removes_what_its_filter_names<DB: Db>(db: TenantDb<DB>) {
    let (mut tx, customers) = filled(&db, 3).await;
    let two = customers[..2].iter().map(|customer| customer.id);
    assert_eq!(tx.delete_all::<Note>().filter(Note::CUSTOMER_ID.is_in(two)).await.unwrap(), 2);
    assert_eq!(tx.select::<Note>().count(&mut tx).await.unwrap(), 1);
}

pub(crate) async fn a_bulk_soft_delete_takes_children_and_each_parent_brings_its_own_back<
    DB: Db,
>(
    db: TenantDb<DB>,
) {
    let (mut tx, customers) = filled(&db, 3).await;
    let kept = Note::on(customers[0].id, "kept");
    tx.insert(&kept).await.unwrap();
    let two = customers[..2].iter().map(|customer| customer.id);
    let deletion = tx
        .soft_delete_all::<Customer>()
        .filter(Customer::ID.is_in(two))
        .cascade_if(Note::CUSTOMER_ID, Note::BODY.ne("kept"))
        .await
        .unwrap();
    assert_eq!(deletion.rows, 4);
    assert_eq!(self::customers(&mut tx, Deleted::Without).await, 1);
    assert_eq!(tx.select::<Note>().count(&mut tx).await.unwrap(), 2);
    let restored = tx.restore(customers[0].id).cascade(Note::CUSTOMER_ID).await.unwrap();
    assert_eq!(restored.rows, 2, "the other parent and its note stay deleted");
}

pub(crate) async fn a_purge_removes_old_deletions_in_batches<DB: Db>(db: TenantDb<DB>) {
    let (mut tx, customers) = filled(&db, 5).await;
    let four = customers[..4].iter().map(|customer| customer.id);
    let deleting = tx.soft_delete_all::<Customer>().filter(Customer::ID.is_in(four));
    deleting.cascade(Note::CUSTOMER_ID).await.unwrap();
    let past = Utc::now() - TimeDelta::hours(1);
    assert_eq!(tx.purge::<Customer>(past).await.unwrap().rows, 0, "too young");
    let future = Utc::now() + TimeDelta::hours(1);
    let mut batches = Vec::new();
    loop {
        let purge = tx.purge::<Customer>(future).limit(3).cascade(Note::CUSTOMER_ID);
        let purged = purge.await.unwrap();
        batches.push((purged.rows, purged.children));
        if purged.rows == 0 {
            break;
        }
    }
    assert_eq!(batches, [(3, 3), (1, 1), (0, 0)]);
    assert_eq!(self::customers(&mut tx, Deleted::With).await, 1);
}

pub(crate) async fn a_purge_does_not_take_children_that_live<DB: Db>(db: TenantDb<DB>) {
    let (mut tx, customers) = filled(&db, 1).await;
    tx.soft_delete(customers[0].id).await.unwrap();
    let purge = tx.purge::<Customer>(Utc::now() + TimeDelta::hours(1));
    let error = purge.cascade(Note::CUSTOMER_ID).await.unwrap_err();
    assert!(matches!(error, Error::BrokenReference { table: "customers", .. }));
}

suite!(
    many_rows_inserted_at_once_are_read_back_equal,
    a_bulk_insert_is_checked_row_by_row,
    a_bulk_update_changes_what_its_filter_names,
    a_statement_on_many_rows_says_which,
    a_delete_by_id_removes_the_tenants_row_only,
    a_delete_minds_version_deletion_and_references,
    a_bulk_delete_removes_what_its_filter_names,
    a_bulk_soft_delete_takes_children_and_each_parent_brings_its_own_back,
    a_purge_removes_old_deletions_in_batches,
    a_purge_does_not_take_children_that_live,
);

#[tokio::test]
async fn sql_by_hand_that_failed_cannot_be_committed_either() {
    for fixture in [crate::fixture::postgres().await, crate::fixture::pgbouncer().await] {
        let (mut tx, _) = filled(&fixture.db, 1).await;
        let tenant = tx.tenant();
        sqlx::query("select 1 / 0").persistent(false).execute(tx.raw()).await.unwrap_err();
        assert!(matches!(tx.commit().await, Err(Error::Aborted)));
        assert!(!fixture.db.read(tenant).select::<Customer>().exists().await.unwrap());
    }
}

#[tokio::test]
async fn sql_by_hand_that_succeeded_is_committed_and_its_connection_is_clean() {
    let pg = saas_testkit::postgres("t_tenancy").await;
    crate::fixture::prepared(&pg).await;
    let one = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let pool = one.connect_lazy_with(pg.app_options);
    let fixture = crate::fixture::over(pool, saas_tenancy::Options::new()).await;
    let (mut tx, _) = filled(&fixture.db, 2).await;
    let tenant = tx.tenant();
    let rename = "update customers set email = email || '!'";
    assert_eq!(sqlx::query(rename).execute(tx.raw()).await.unwrap().rows_affected(), 2);
    tx.commit().await.unwrap();
    // Inside one transaction it would be the same moment twice.
    let moment = async || -> chrono::DateTime<Utc> {
        sqlx::query_scalar("select now()").fetch_one(fixture.db.pool()).await.unwrap()
    };
    assert_ne!(moment().await, moment().await, "a transaction is left on the connection");
    let written = fixture.db.read(tenant).select::<Customer>().all().await.unwrap();
    assert!(written.len() == 2 && written.iter().all(|customer| customer.email.ends_with('!')));
}
