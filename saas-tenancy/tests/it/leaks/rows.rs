//! Leaks of single rows, on both databases: keys as oracles, rows moved to another tenant.

use saas_core::{Id, TenantId};
use saas_tenancy::{Error, TenantDb};

use super::customers;
use crate::fixture::{self, Customer, Note};

/// Neither an id nor a unique value that another tenant has can be told from one that nobody has.
async fn keys_are_no_oracle<DB: fixture::Db>(db: &TenantDb<DB>) {
    let (mine, other) = (TenantId::new(), TenantId::new());
    let first = Customer::new(other, "taken@x");
    let same = Customer { tenant_id: mine, ..first.clone() };
    for (tenant, customer) in [(other, &first), (mine, &same)] {
        let mut tx = db.tenant(tenant).await.unwrap();
        tx.insert(customer).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(db.read(other).select::<Customer>().one().await.unwrap(), first);
}

/// Neither given away nor taken over.
async fn a_row_does_not_move<DB: fixture::Db>(
    db: &TenantDb<DB>,
    change: impl AsyncFn(TenantId, TenantId) -> Error,
) {
    let (mine, other) = (customers(db, 1).await, customers(db, 1).await);
    let error = change(mine, other).await;
    assert!(matches!(error, Error::WallRefused(_)), "{error:?}");
    for tenant in [mine, other] {
        assert_eq!(db.read(tenant).select::<Customer>().count().await.unwrap(), 1);
    }
}

const MOVE: &str = "update customers set tenant_id = $1 where tenant_id = $2";

#[tokio::test]
async fn keys_are_no_oracle_on_postgres() {
    keys_are_no_oracle(&fixture::postgres().await.db).await;
}

#[tokio::test]
async fn keys_are_no_oracle_on_sqlite() {
    keys_are_no_oracle(&fixture::sqlite().await.db).await;
}

#[tokio::test]
async fn a_row_does_not_move_to_another_tenant_by_raw_sql_on_postgres() {
    let db = fixture::postgres().await.db;
    a_row_does_not_move(&db, async |mine, other| {
        let mut tx = db.tenant(mine).await.unwrap();
        let moved = sqlx::query(MOVE).bind(other).bind(mine).execute(tx.raw()).await;
        moved.unwrap_err().into()
    })
    .await;
}

#[tokio::test]
async fn a_row_does_not_move_to_another_tenant_by_raw_sql_on_sqlite() {
    let fixture = fixture::sqlite().await;
    let db = &fixture.db;
    a_row_does_not_move(db, async |mine, other| {
        let mut tx = db.tenant(mine).await.unwrap();
        let moved = sqlx::query(MOVE).bind(other).bind(mine).execute(tx.raw_unenforced()).await;
        moved.unwrap_err().into()
    })
    .await;
}

#[tokio::test]
async fn a_row_of_no_tenant_is_refused_on_sqlite() {
    let fixture = fixture::sqlite().await;
    for tenant in ["'0198c0de-0000-7000-8000-000000000001'", "x'00'", "1"] {
        let insert = format!(
            "insert into customers (tenant_id, id, email, version, created_at, updated_at)
             values ({tenant}, x'01', 'a@x', 1, '', '')"
        );
        let refused = sqlx::query(sqlx::AssertSqlSafe(insert)).execute(fixture.db.pool()).await;
        let error = Error::from(refused.unwrap_err());
        assert!(matches!(error, Error::WallRefused(_)), "{tenant}: {error:?}");
    }
}

#[tokio::test]
async fn another_tenants_parent_is_refused_on_sqlite_at_once_or_at_the_commit() {
    let fixture = fixture::sqlite().await;
    let db = &fixture.db;
    let (mine, other) = (customers(db, 1).await, customers(db, 1).await);
    let foreign = db.read(other).select::<Customer>().one().await.unwrap();
    let insert =
        "insert into notes (tenant_id, id, customer_id, body, version, created_at, updated_at)
         values ($1, $2, $3, '', 1, '', '')";
    for deferred in [false, true] {
        let mut tx = db.pool().begin().await.unwrap();
        sqlx::query(if deferred { "pragma defer_foreign_keys = on" } else { "select 1" })
            .execute(&mut *tx)
            .await
            .unwrap();
        let query = sqlx::query(insert).bind(mine).bind(Id::<Note>::new()).bind(foreign.id);
        let done = query.execute(&mut *tx).await;
        assert_eq!(done.is_ok(), deferred);
        let committed = if deferred { tx.commit().await } else { done.map(drop) };
        let error = committed.unwrap_err().into_database_error().unwrap();
        assert_eq!(error.kind(), sqlx::error::ErrorKind::ForeignKeyViolation);
    }
    assert_eq!(db.read(mine).select::<Note>().count().await.unwrap(), 0);
}
