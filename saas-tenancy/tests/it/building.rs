//! How often memory is asked for by a statement. The time it takes is measured by `dev/bench tenancy`.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use saas_core::TenantId;
use saas_core::sql::Fragment;
use saas_tenancy::{Direction, TenantBackend};
use sqlx::{Postgres, QueryBuilder};

use crate::fixture::{self, Customer};

/// Of the statement that reads for a tenant, its values included.
fn read(tenant: TenantId, select: impl FnOnce() -> Box<dyn Fragment<Postgres>>) -> u64 {
    let build = || {
        let mut query = QueryBuilder::<Postgres>::new("");
        Postgres::push_read(&mut query, tenant, &*select());
    };
    allocation_counter::measure(build).count_total
}

/// Of a write until it is answered: what sqlx needs to send it and to read the answer is counted as
/// well.
async fn written(work: impl Future) -> u64 {
    let mut work = pin!(work);
    let mut allocations = 0;
    poll_fn(|context| {
        let mut polled = Poll::Pending;
        let poll = || polled = work.as_mut().poll(context).map(drop);
        allocations += allocation_counter::measure(poll).count_total;
        polled
    })
    .await;
    allocations
}

#[tokio::test]
async fn building_a_statement_allocates_little() {
    let fixture = fixture::postgres().await;
    let tenant = TenantId::new();
    let reader = fixture.db.read(tenant);
    let customer = Customer::new(tenant, "a@x");
    let by_id = read(tenant, || Box::new(reader.select::<Customer>().by_id(customer.id)));
    let list = read(tenant, || {
        let some = reader.select::<Customer>().filter(Customer::EMAIL.ne("a@x"));
        let some = some.filter(Customer::ID.lt(customer.id));
        Box::new(some.order_by(Customer::ID, Direction::Desc).limit(20))
    });
    let mut tx = fixture.db.tenant(tenant).await.unwrap();
    // So that every statement is prepared.
    tx.insert(&Customer::new(tenant, "b@x")).await.unwrap();
    let insert = written(async { tx.insert(&customer).await.unwrap() }).await;
    for _ in 0..2 {
        tx.update(customer.id).set(Customer::EMAIL, "c@x").await.unwrap();
    }
    let update = written(async {
        tx.update(customer.id).set(Customer::EMAIL, "d@x").await.unwrap();
    })
    .await;
    // Each a fifth above what it is.
    let counted =
        [("by id", by_id, 18), ("list", list, 22), ("insert", insert, 21), ("update", update, 19)];
    let above: Vec<_> = counted.into_iter().filter(|(_, counted, most)| counted > most).collect();
    assert_eq!(above, [], "allocations counted, and the most that there may be");
}
