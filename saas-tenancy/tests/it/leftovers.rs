//! What SQL by hand leaves on its connection is nobody else's to find, however the transaction ends.
//!
//! Pools of one connection: whoever comes next gets the same.

mod escaped;
mod sqlite;
mod temporary;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use saas_core::TenantId;
use saas_tenancy::{Options, TenantDb, TenantTx};
use saas_testkit as testkit;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row};

use crate::fixture::{self, ACROSS, Customer, Db};

/// A database of one connection, and how often that was opened.
struct Single {
    db: TenantDb<Postgres>,
    opened: Arc<AtomicUsize>,
}

impl Single {
    async fn over(at: PgConnectOptions, options: Options) -> Self {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let pool = PgPoolOptions::new().max_connections(1).after_connect(move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(()) })
        });
        Self { db: fixture::over(pool.connect_lazy_with(at), options).await.db, opened }
    }
}

/// The application's, directly and through PgBouncer.
async fn singles() -> [Single; 2] {
    let (direct, pooled) =
        (testkit::postgres("t_tenancy").await, testkit::pgbouncer("t_tenancy").await);
    fixture::prepared(&direct).await;
    let options = Options::new().across_role(ACROSS);
    [
        Single::over(direct.app_options, options.clone()).await,
        Single::over(pooled.app_options, options.pooler_safe(true)).await,
    ]
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Commit,
    Rollback,
    Drop,
}
const ENDINGS: [Ending; 3] = [Ending::Commit, Ending::Rollback, Ending::Drop];

async fn end<DB: Db>(tx: TenantTx<DB>, ending: Ending) {
    match ending {
        Ending::Commit => tx.commit().await.unwrap(),
        Ending::Rollback => tx.rollback().await.unwrap(),
        Ending::Drop => drop(tx),
    }
}

/// By the simple protocol, which needs no statement to be prepared, so poolers let it pass.
async fn say(conn: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await.unwrap();
}

/// Two tenants with one customer each.
async fn two<DB: Db>(db: &TenantDb<DB>) -> (TenantId, TenantId) {
    let tenants = (TenantId::new(), TenantId::new());
    for tenant in [tenants.0, tenants.1] {
        let mut tx = db.tenant(tenant).await.unwrap();
        tx.insert(&Customer::new(tenant, "own@x")).await.unwrap();
        tx.commit().await.unwrap();
    }
    tenants
}

/// Whoever comes next, as this tenant, sees and writes its own rows and no others.
async fn next_is_alone<DB: Db>(db: &TenantDb<DB>, next: TenantId) {
    let mut tx = db.tenant(next).await.unwrap();
    let seen = tx.select::<Customer>().all(&mut tx).await.unwrap();
    assert!(seen.len() == 1 && seen[0].tenant_id == next, "{seen:?}");
    tx.insert(&Customer::new(next, "new@x")).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(db.read(next).select::<Customer>().count().await.unwrap(), 1);
}

const STATE: &str = "
    select current_user = session_user as role,
           coalesce(current_setting('app.tenant_id', true), '') = '' as tenant,
           current_setting('search_path') = $path$\"$user\", public$path$ as search_path,
           current_setting('TimeZone') = 'UTC' as time_zone,
           current_setting('statement_timeout') = '0' as timeout,
           current_setting('idle_in_transaction_session_timeout') = '0' as idle_in_transaction,
           current_setting('idle_session_timeout') = '0' as idle,
           current_setting('default_transaction_isolation') = 'read committed' as isolation,
           current_setting('default_transaction_read_only') = 'off' as read_only,
           current_setting('default_transaction_deferrable') = 'off' as deferrable,
           coalesce(current_setting('app.transaction', true), '') = '' as mark,
           not exists (select from pg_cursors where is_holdable) as cursors,
           not exists (select from pg_listening_channels()) as channels,
           not exists (select from pg_class where relnamespace = pg_my_temp_schema()) as tables,
           not exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
           (select count(*) = 0 from public.customers) as rows";

/// The next borrower's session is as if it was new.
async fn session_is_clean(db: &TenantDb<Postgres>) {
    let row = sqlx::raw_sql(STATE).fetch_one(db.pool()).await.unwrap();
    for column in row.columns() {
        let name = sqlx::Column::name(column);
        assert!(row.get::<bool, _>(name), "{name}");
    }
}

/// Has a tenant say `sql` by hand, and looks at who comes next, for each ending.
async fn nothing_is_left_of(sql: &str) {
    for Single { db, opened } in singles().await {
        let (mine, next) = two(&db).await;
        for ending in ENDINGS {
            let mut tx = db.tenant(mine).await.unwrap();
            say(tx.raw(), &sql.replace(":mine", &mine.to_string())).await;
            end(tx, ending).await;
            session_is_clean(&db).await;
            next_is_alone(&db, next).await;
        }
        assert_eq!(opened.load(Ordering::SeqCst), 1, "no connection is closed for it");
    }
}

#[tokio::test]
async fn a_tenant_set_for_the_session_is_taken_back() {
    nothing_is_left_of("select set_config('app.tenant_id', ':mine', false)").await;
}

#[tokio::test]
async fn a_role_set_for_the_session_is_taken_back() {
    nothing_is_left_of(&format!("set role {ACROSS}")).await;
}

#[tokio::test]
async fn a_search_path_a_time_zone_and_a_timeout_set_for_the_session_are_taken_back() {
    nothing_is_left_of(
        "set search_path to saas; set time zone 'Asia/Tokyo'; set statement_timeout = '7s'",
    )
    .await;
}

#[tokio::test]
async fn what_transactions_are_like_by_default_is_taken_back() {
    nothing_is_left_of(
        "set default_transaction_isolation = 'serializable'; set default_transaction_read_only = on;
         set default_transaction_deferrable = on",
    )
    .await;
}

#[tokio::test]
async fn timeouts_of_idle_sessions_are_taken_back() {
    nothing_is_left_of(
        "set idle_in_transaction_session_timeout = '7s'; set idle_session_timeout = '7s'",
    )
    .await;
}

#[tokio::test]
async fn the_mark_of_a_transaction_set_for_the_session_is_taken_back() {
    nothing_is_left_of("select set_config('app.transaction', 'lent', false)").await;
}

#[tokio::test]
async fn a_cursor_held_open_is_closed() {
    nothing_is_left_of("declare kept cursor with hold for select * from customers").await;
}

#[tokio::test]
async fn a_channel_listened_to_is_left() {
    nothing_is_left_of("listen told").await;
}

#[tokio::test]
async fn a_lock_of_the_session_is_given_back() {
    nothing_is_left_of("select pg_advisory_lock_shared(4715)").await;
}

#[tokio::test]
async fn what_hooks_have_set_on_connections_stays_as_it_was() {
    let direct = testkit::postgres("t_tenancy").await;
    fixture::prepared(&direct).await;
    let hooked = PgPoolOptions::new().max_connections(1).after_connect(|conn, _| {
        Box::pin(async move {
            say(conn, "set search_path to public, saas; set statement_timeout = '9s'").await;
            Ok(())
        })
    });
    let db = fixture::over(hooked.connect_lazy_with(direct.app_options), Options::new()).await.db;
    let (mine, next) = two(&db).await;
    for ending in ENDINGS {
        let mut tx = db.tenant(mine).await.unwrap();
        say(tx.raw(), "set search_path to saas; set statement_timeout = 0").await;
        end(tx, ending).await;
        let state = "select current_setting('search_path'), current_setting('statement_timeout')";
        let row = sqlx::raw_sql(state).fetch_one(db.pool()).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), ("public, saas".to_owned(), "9s".to_owned()));
        next_is_alone(&db, next).await;
    }
}
