//! How rows are counted, ordered, locked and streamed.

use futures_util::TryStreamExt;
use saas_core::sql::{Condition, Fragment};
use saas_core::{Deleted, Id, TenantId};
use saas_tenancy::{Direction, Error, Nulls, TenantDb};

use crate::fixture::{self, Customer, Db, Note};
use crate::suite::suite;

/// Customers `0@x`, `1@x`, …; every other one says when it was born.
async fn filled<DB: Db>(db: &TenantDb<DB>, count: u32) -> (TenantId, Vec<Customer>) {
    let tenant = fixture::tenant(db).await;
    let mut customers: Vec<_> =
        (0..count).map(|number| Customer::new(tenant, &format!("{number}@x"))).collect();
    for customer in customers.iter_mut().step_by(2) {
        customer.born_on = chrono::NaiveDate::from_ymd_opt(1990, 2, 28);
    }
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert_all(&customers).await.unwrap();
    tx.commit().await.unwrap();
    (tenant, customers)
}

pub(crate) async fn rows_are_counted_and_looked_for_within_the_tenant<DB: Db>(db: TenantDb<DB>) {
    let ((tenant, customers), _) = (filled(&db, 5).await, filled(&db, 3).await);
    let read = || db.read(tenant).select::<Customer>();
    assert_eq!(read().count().await.unwrap(), 5);
    assert_eq!(read().limit(2).count().await.unwrap(), 2);
    assert!(read().filter(Customer::EMAIL.eq("4@x")).exists().await.unwrap());
    assert!(!read().filter(Customer::EMAIL.eq("5@x")).exists().await.unwrap());
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.soft_delete(customers[0].id).await.unwrap();
    assert_eq!(tx.select::<Customer>().count(&mut tx).await.unwrap(), 4);
    let all = tx.select::<Customer>().deleted(Deleted::With);
    assert_eq!(all.count(&mut tx).await.unwrap(), 5);
    let limited = tx.select::<Customer>().filter(Customer::BORN_ON.is_null()).limit(1);
    assert_eq!(limited.count(&mut tx).await.unwrap(), 1);
}

pub(crate) async fn null_goes_where_it_is_said<DB: Db>(db: TenantDb<DB>) {
    let (tenant, _) = filled(&db, 4).await;
    let born = async |direction, nulls| {
        let select = db.read(tenant).select::<Customer>();
        let rows = select.order_by_nulls(Customer::BORN_ON, direction, nulls).all().await.unwrap();
        rows.iter().map(|customer| customer.born_on.is_some()).collect::<Vec<_>>()
    };
    for direction in [Direction::Asc, Direction::Desc] {
        assert_eq!(born(direction, Nulls::First).await, [false, false, true, true]);
        assert_eq!(born(direction, Nulls::Last).await, [true, true, false, false]);
    }
}

pub(crate) async fn text_is_matched_by_its_letters_and_not_as_a_pattern<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let names = ["50%_off@x", "50 off@x", r"back\slash@x"];
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert_all(&names.map(|name| Customer::new(tenant, name))).await.unwrap();
    let found = async |tx: &mut saas_tenancy::TenantTx<DB>, condition| {
        tx.select::<Customer>().filter(condition).count(tx).await.unwrap()
    };
    assert_eq!(found(&mut tx, Customer::EMAIL.starts_with("50%")).await, 1);
    assert_eq!(found(&mut tx, Customer::EMAIL.starts_with("50")).await, 2);
    assert_eq!(found(&mut tx, Customer::EMAIL.ends_with("_off@x")).await, 1);
    assert_eq!(found(&mut tx, Customer::EMAIL.contains(r"k\s")).await, 1);
    assert_eq!(found(&mut tx, Customer::EMAIL.contains("%")).await, 1);
}

pub(crate) async fn a_list_of_values_means_the_same_however_long_it_is<DB: Db>(db: TenantDb<DB>) {
    let (tenant, customers) = filled(&db, 5).await;
    for count in 0..=5 {
        let ids = customers[..count].iter().map(|customer| customer.id);
        let select = db.read(tenant).select::<Customer>();
        let either = Customer::ID.is_in(ids).or(Customer::EMAIL.is_in(["4@x"]));
        let found = select.filter(either).count().await.unwrap();
        assert_eq!(found as usize, if count == 5 { 5 } else { count + 1 });
    }
}

pub(crate) async fn a_stream_gives_every_row_however_many<DB: Db>(db: TenantDb<DB>) {
    let (tenant, _) = filled(&db, 2500).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let select = tx.select::<Customer>().order_by(Customer::ID, Direction::Asc);
    let all: Vec<Customer> = select.stream(&mut tx).try_collect().await.unwrap();
    assert_eq!(all.len(), 2500);
    assert!(all.is_sorted_by_key(|customer| customer.id));
    // Left in the middle, the transaction goes on.
    let mut some = tx.select::<Customer>().stream(&mut tx);
    some.try_next().await.unwrap().unwrap();
    drop(some);
    assert_eq!(tx.select::<Customer>().count(&mut tx).await.unwrap(), 2500);
    tx.commit().await.unwrap();
}

pub(crate) async fn a_stream_does_not_run_in_another_tenants_transaction<DB: Db>(db: TenantDb<DB>) {
    let (tenant, _) = filled(&db, 1).await;
    let select = {
        let tx = db.tenant(tenant).await.unwrap();
        tx.select::<Customer>()
    };
    let mut other = db.tenant(fixture::tenant(&db).await).await.unwrap();
    let first = select.stream(&mut other).try_next().await;
    assert!(matches!(first, Err(Error::ForeignTenant { .. })));
}

pub(crate) async fn locks_are_taken_with_and_without_waiting<DB: Db>(db: TenantDb<DB>) {
    let (tenant, customers) = filled(&db, 1).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let select = || db.read(tenant).select::<Customer>().by_id(customers[0].id);
    assert!(select().exists().await.unwrap());
    let locked = tx.select::<Customer>().for_update().one(&mut tx).await.unwrap();
    let skipping = tx.select::<Customer>().for_update_skip_locked().one(&mut tx).await.unwrap();
    let hasty = tx.select::<Customer>().for_update_no_wait().one(&mut tx).await.unwrap();
    assert_eq!([locked.id, skipping.id, hasty.id], [customers[0].id; 3]);
}

pub(crate) async fn the_text_says_values_by_place_and_list_lengths_in_steps<DB: Db>(
    db: TenantDb<DB>,
) {
    let text = |tenant, ids: Vec<Id<Customer>>| {
        let select = db.read(tenant).select::<Customer>().filter(Customer::ID.is_in(ids));
        let mut query = sqlx::QueryBuilder::<DB>::new("");
        select.push_to(&mut query);
        query.sql().as_str().to_owned()
    };
    let ids = |count| (0..count).map(|_| Id::new()).collect();
    assert_eq!(text(TenantId::new(), ids(5)), text(TenantId::new(), ids(8)));
    assert_ne!(text(TenantId::new(), ids(4)), text(TenantId::new(), ids(5)));
}

suite!(
    rows_are_counted_and_looked_for_within_the_tenant,
    null_goes_where_it_is_said,
    text_is_matched_by_its_letters_and_not_as_a_pattern,
    a_list_of_values_means_the_same_however_long_it_is,
    a_stream_gives_every_row_however_many,
    a_stream_does_not_run_in_another_tenants_transaction,
    locks_are_taken_with_and_without_waiting,
    the_text_says_values_by_place_and_list_lengths_in_steps,
);

/// What the process holds in memory, in KiB; Linux only.
#[cfg(target_os = "linux")]
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// 300 MB of rows pass through it while what is held grows by a tenth of that at most.
#[cfg(target_os = "linux")]
async fn stream_wide_rows<DB: Db>(db: &TenantDb<DB>) {
    const ROWS: usize = 75_000;
    let tenant = TenantId::new();
    let customer = Customer::new(tenant, "a@x");
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&customer).await.unwrap();
    let body = "x".repeat(4096);
    for _ in 0..ROWS / 5000 {
        let notes: Vec<_> = (0..5000).map(|_| Note::on(customer.id, &body)).collect();
        tx.insert_all(&notes).await.unwrap();
    }
    let select = tx.select::<Note>();
    let mut notes = select.stream(&mut tx);
    let (mut rows, mut most) = (0, 0);
    let before = resident();
    while let Some(note) = notes.try_next().await.unwrap() {
        assert_eq!(note.body.len(), body.len());
        rows += 1;
        if rows % 1000 == 0 {
            most = most.max(resident() - before);
        }
    }
    drop(notes);
    tx.rollback().await.unwrap();
    assert_eq!(rows, ROWS);
    assert!(most < 30 * 1024, "{most} KiB");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn slow_a_stream_of_300_mb_is_not_held_in_memory_on_postgres() {
    stream_wide_rows(&crate::fixture::postgres().await.db).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn slow_a_stream_of_300_mb_is_not_held_in_memory_on_sqlite() {
    stream_wide_rows(&crate::fixture::sqlite().await.db).await;
}

#[tokio::test]
async fn a_row_that_another_transaction_holds_is_skipped_or_contended() {
    let fixture = crate::fixture::postgres().await;
    let (tenant, customers) = filled(&fixture.db, 2).await;
    let mut holder = fixture.db.tenant(tenant).await.unwrap();
    holder.select::<Customer>().by_id(customers[0].id).for_update().one(&mut holder).await.unwrap();
    let mut tx = fixture.db.tenant(tenant).await.unwrap();
    let free = tx.select::<Customer>().for_update_skip_locked().all(&mut tx).await.unwrap();
    assert_eq!(free, [customers[1].clone()]);
    let busy = tx.select::<Customer>().for_update_no_wait().all(&mut tx).await;
    assert!(matches!(busy, Err(Error::Contention(_))));
}
