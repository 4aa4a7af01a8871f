//! The leaks known from practice that concern the database: the wall holds, or the check refuses
//! what cannot be held.
//!
//! Where a leak must be planted to be seen, that is done in a transaction that is rolled back; what
//! is asked is asked as the application's role, which owns nothing.

mod rows;

use saas_core::{Id, TenantId};
use saas_tenancy::TenantDb;
use saas_tenancy::wall::{self, Roles};
use sqlx::{Connection, PgConnection};

use crate::fixture::{self, Customer, Plan};
use crate::walled::{APP, become_app, become_superuser, findings, run, walled};

/// Two tenants' ids; the first has one customer and one note on it, the second has two of each.
async fn filled(conn: &mut PgConnection) -> (TenantId, TenantId) {
    let tenants = (TenantId::new(), TenantId::new());
    for (tenant, rows) in [(tenants.0, 1), (tenants.1, 2)] {
        let customers = "insert into customers (tenant_id, id, email, version, created_at, updated_at)
             select $1, gen_random_uuid(), n || '@x', 1, now(), now() from generate_series(1, $2) n";
        sqlx::query(customers).bind(tenant).bind(rows).execute(&mut *conn).await.unwrap();
        let notes = "insert into notes (tenant_id, id, customer_id, body, version, created_at, updated_at)
             select tenant_id, gen_random_uuid(), id, 'x', 1, now(), now() from customers where tenant_id = $1";
        sqlx::query(notes).bind(tenant).execute(&mut *conn).await.unwrap();
    }
    tenants
}

async fn count(conn: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
}

async fn is_refused(conn: &mut PgConnection, object: &str) -> bool {
    become_superuser(conn).await;
    findings(conn).await.iter().any(|finding| finding.object.starts_with(object))
}

/// Plants something that reads all rows, sees a tenant read more than its own through it, and sees it
/// refused.
async fn leaks_and_is_refused(plant: &str, read: &'static str, object: &str) {
    let (_pg, mut conn) = walled("t_tenancy_leaks").await;
    let mut tx = conn.begin().await.unwrap();
    let (mine, _) = filled(&mut tx).await;
    run(&mut tx, plant).await;
    become_app(&mut tx, Some(mine)).await;
    assert!(count(&mut tx, read).await >= 3, "it leaks, so refusing it is not idle");
    assert_eq!(count(&mut tx, "select count(*) from notes").await, 1, "the table itself does not");
    assert!(is_refused(&mut tx, object).await);
}

#[tokio::test]
async fn the_owner_of_a_walled_table_sees_nobodys_rows() {
    let (pg, mut conn) = walled("t_tenancy_leaks").await;
    let owner = pg.owner_options.get_username();
    let mut tx = conn.begin().await.unwrap();
    let (mine, _) = filled(&mut tx).await;
    run(&mut tx, &format!("set local role {owner}")).await;
    assert_eq!(count(&mut tx, "select count(*) from notes").await, 0);
    run(&mut tx, "alter table notes no force row level security").await;
    assert!(count(&mut tx, "select count(*) from notes").await >= 3, "without FORCE it would");
    run(&mut tx, "reset role").await;
    become_app(&mut tx, Some(mine)).await;
    assert_eq!(count(&mut tx, "select count(*) from notes").await, 1);
}

#[tokio::test]
async fn a_superuser_sees_everything_and_is_refused() {
    let (_pg, mut conn) = walled("t_tenancy_leaks").await;
    let mut tx = conn.begin().await.unwrap();
    let (mine, _) = filled(&mut tx).await;
    run(&mut tx, "alter role wall_app superuser").await;
    become_app(&mut tx, Some(mine)).await;
    assert!(count(&mut tx, "select count(*) from notes").await >= 3);
    assert!(is_refused(&mut tx, "role \"wall_app\"").await);
}

#[tokio::test]
async fn a_view_shows_all_rows_with_its_owners_rights_and_own_rows_with_the_askers() {
    let plant =
        "create view all_notes as select * from notes; grant select on all_notes to wall_app";
    let read = "select count(*) from all_notes";
    leaks_and_is_refused(plant, read, "view public.all_notes").await;

    let (_pg, mut conn) = walled("t_tenancy_leaks").await;
    let mut tx = conn.begin().await.unwrap();
    let (mine, _) = filled(&mut tx).await;
    run(&mut tx, plant).await;
    run(&mut tx, "alter view all_notes set (security_invoker = true)").await;
    become_app(&mut tx, Some(mine)).await;
    assert_eq!(count(&mut tx, read).await, 1);
    assert!(!is_refused(&mut tx, "view").await);
}

#[tokio::test]
async fn a_security_definer_function_reads_past_the_wall_and_is_refused() {
    let plant = "create function all_notes() returns bigint language sql security definer
        as 'select count(*) from notes'";
    leaks_and_is_refused(plant, "select all_notes()", "function public.all_notes()").await;
}

#[tokio::test]
async fn a_materialized_view_holds_all_tenants_rows_and_is_refused() {
    let plant = "create materialized view copied as select * from notes; grant select on copied to wall_app";
    leaks_and_is_refused(plant, "select count(*) from copied", "materialized view public.copied")
        .await;
}

#[tokio::test]
async fn a_partition_named_directly_shows_all_rows_until_it_has_its_own_wall() {
    let (_pg, mut conn) = walled("t_tenancy_leaks").await;
    let mut tx = conn.begin().await.unwrap();
    let (mine, other) = filled(&mut tx).await;
    run(
        &mut tx,
        "create table old_notes (like notes) inherits (notes);
         grant select on old_notes to wall_app",
    )
    .await;
    for tenant in [mine, other, other] {
        let insert = "insert into old_notes select * from only notes where tenant_id = $1 limit 1";
        sqlx::query(insert).bind(tenant).execute(&mut *tx).await.unwrap();
    }
    become_app(&mut tx, Some(mine)).await;
    assert_eq!(count(&mut tx, "select count(*) from notes").await, 2, "through the parent");
    assert_eq!(count(&mut tx, "select count(*) from old_notes").await, 3, "past the parent");
    assert!(is_refused(&mut tx, "table public.old_notes").await);
    run(&mut tx, &wall::partition("old_notes", &Roles::new(APP))).await;
    become_app(&mut tx, Some(mine)).await;
    assert_eq!(count(&mut tx, "select count(*) from old_notes").await, 1);
    assert!(!is_refused(&mut tx, "table").await);
}

#[tokio::test]
async fn a_foreign_key_is_checked_past_the_wall_so_it_carries_the_tenant() {
    let (_pg, mut conn) = walled("t_tenancy_leaks").await;
    let mut tx = conn.begin().await.unwrap();
    let (mine, other) = filled(&mut tx).await;
    let foreign: Id<Customer> =
        sqlx::query_scalar("select id from customers where tenant_id = $1 limit 1")
            .bind(other)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    let refs = async |tx: &mut PgConnection, parent: Id<Customer>| {
        let insert =
            "insert into notes (tenant_id, id, customer_id, body, version, created_at, updated_at)
            values ($1, gen_random_uuid(), $2, '', 1, now(), now())";
        let mut inner = tx.begin().await.unwrap();
        let done = sqlx::query(insert).bind(mine).bind(parent).execute(&mut *inner).await;
        inner.rollback().await.unwrap();
        done.map(|_| ())
            .map_err(|error| error.into_database_error().unwrap().code().map(String::from))
    };
    become_app(&mut tx, Some(mine)).await;
    let missing = refs(&mut tx, Id::new()).await;
    assert_eq!(missing, Err(Some("23503".to_owned())));
    assert_eq!(refs(&mut tx, foreign).await, missing, "another's parent is told from no parent");
    become_superuser(&mut tx).await;
    run(
        &mut tx,
        "alter table customers add unique (id);
         alter table notes drop constraint notes_tenant_id_customer_id_fkey,
            add constraint alone foreign key (customer_id) references customers (id)",
    )
    .await;
    become_app(&mut tx, Some(mine)).await;
    assert_eq!(refs(&mut tx, foreign).await, Ok(()), "without the tenant it is accepted");
    assert!(is_refused(&mut tx, "foreign key alone").await);
}

#[tokio::test]
async fn copy_in_is_refused_and_copy_out_gives_own_rows() {
    let fixture = fixture::postgres().await;
    let db = &fixture.db;
    let (mine, _) = (customers(db, 2).await, customers(db, 3).await);
    let mut tx = db.tenant(mine).await.unwrap();
    let mut out = tx.raw().copy_out_raw("copy customers (email) to stdout").await.unwrap();
    let mut lines = 0;
    while let Some(bytes) = futures_util::TryStreamExt::try_next(&mut out).await.unwrap() {
        lines += bytes.iter().filter(|byte| **byte == b'\n').count();
    }
    drop(out);
    assert_eq!(lines, 2);
    let refused = tx.raw().copy_in_raw("copy customers from stdin").await.map(|_| ());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("COPY FROM not supported with row-level security"), "{message}");
}

async fn customers<DB: fixture::Db>(db: &TenantDb<DB>, rows: usize) -> TenantId {
    let tenant = TenantId::new();
    let mut tx = db.tenant(tenant).await.unwrap();
    for number in 0..rows {
        tx.insert(&Customer::new(tenant, &format!("{number}@x"))).await.unwrap();
    }
    tx.commit().await.unwrap();
    tenant
}

#[tokio::test]
async fn a_join_from_a_global_table_by_hand_brings_own_rows_only() {
    let fixture = fixture::postgres().await;
    let db = &fixture.db;
    let (mine, other) = (customers(db, 1).await, customers(db, 2).await);
    let mut tx = db.global().await.unwrap();
    tx.insert(&Plan { id: Id::new(), name: "free".to_owned() }).await.unwrap();
    tx.commit().await.unwrap();
    let joined =
        "select count(c.id) from (select * from plans limit 1) p left join customers c on true";
    for (tenant, own) in [(mine, 1), (other, 2)] {
        assert_eq!(count(db.tenant(tenant).await.unwrap().raw(), joined).await, own);
    }
    let mut global = db.pool().begin().await.unwrap();
    assert_eq!(count(&mut global, joined).await, 0);
}
