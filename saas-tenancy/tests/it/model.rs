//! Random statements of random tenants against a model in memory. Ids are drawn from all tenants'
//! rows, so most are foreign: what is told about a foreign id must be what is told about one that
//! nobody has, and the others' rows must stay as they were.

mod expected;
mod verb;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use saas_core::{Deleted, Id, TenantId};
use saas_tenancy::TenantDb;

use self::expected::{Row, Rows};
use self::verb::{Verb, told};
use crate::fixture::{self, Customer, Db, Note};

const STATEMENTS: usize = 10_000;
const TENANTS: usize = 4;

/// `TEST_SEED` repeats a run that failed.
fn seed() -> u64 {
    std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random)
}

async fn compare<DB: Db>(db: &TenantDb<DB>) {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut tenants: Vec<_> = (0..TENANTS).map(|_| (TenantId::new(), Rows::default())).collect();
    for step in 0..STATEMENTS {
        let ids: Vec<_> = tenants.iter().flat_map(|(_, rows)| rows.ids()).collect();
        let verb = Verb::draw(&mut rng, &ids);
        let (tenant, rows) = &mut tenants[rng.random_range(0..TENANTS)];
        let mut after = rows.clone();
        let expected = after.expect(&verb, step);
        let mut tx = db.tenant(*tenant).await.unwrap();
        let told = told(&mut tx, &verb).await;
        assert_eq!(told, expected, "statement {step} of TEST_SEED={seed}: {verb:?}");
        if told.is_error() {
            drop(tx);
        } else {
            tx.commit().await.unwrap();
            *rows = after;
        }
        // Every now and then all of everybody's rows, as their owner sees them.
        if step % 100 == 99 {
            for (tenant, rows) in &tenants {
                assert_eq!(&stored(db, *tenant).await, rows, "after {step} of TEST_SEED={seed}");
            }
        }
    }
}

/// A tenant's rows as the database has them.
async fn stored<DB: Db>(db: &TenantDb<DB>, tenant: TenantId) -> Rows {
    let mut rows = Rows::default();
    let customers = db.read(tenant).select::<Customer>().deleted(Deleted::With);
    for customer in customers.limit(100_000).all().await.unwrap() {
        assert_eq!(customer.tenant_id, tenant);
        let row = Row::of(customer.email, customer.version, customer.deletion.is_deleted());
        rows.customers.insert(customer.id, row);
    }
    for (deleted, gone) in [(Deleted::Without, None), (Deleted::Only, Some(()))] {
        let notes = db.read(tenant).select::<Note>().deleted(deleted).limit(100_000);
        for note in notes.all().await.unwrap() {
            rows.notes.insert(note.id, (note.customer_id, gone.map(|()| expected::SOME_DELETION)));
        }
    }
    rows
}

#[tokio::test]
async fn slow_random_statements_do_what_the_model_does_on_sqlite() {
    compare(&fixture::sqlite().await.db).await;
}

#[tokio::test]
async fn slow_random_statements_do_what_the_model_does_on_postgres() {
    compare(&fixture::postgres().await.db).await;
}

/// A row's id, or one that nobody has.
fn any(rng: &mut StdRng, ids: &[Id<Customer>]) -> Id<Customer> {
    ids.get(rng.random_range(0..=ids.len())).copied().unwrap_or_else(Id::new)
}
