//! Crossings that nobody wrote down, by raw SQL on PostgreSQL: they see nothing.

use saas_core::Id;
use saas_tenancy::{Reason, TenantDb};
use sqlx::{Connection, PgConnection, Postgres};

use super::{count, run, two_tenants};
use crate::audit::somebody;
use crate::fixture::{self, ACROSS, Fixture, Plan};

/// Directly and through PgBouncer.
async fn targets() -> [Fixture<Postgres>; 2] {
    [fixture::postgres().await, fixture::pgbouncer().await]
}

/// What raw SQL sees of tenants' rows after these statements, in a transaction of no scope.
async fn seen_after(db: &TenantDb<Postgres>, statements: &[&str]) -> i64 {
    let mut conn = db.pool().acquire().await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    for sql in statements {
        run::<Postgres>(&mut tx, *sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let seen = count::<Postgres>(&mut tx, "customers").await;
    tx.rollback().await.unwrap();
    seen
}

fn step() -> String {
    format!("set local role {ACROSS}")
}

#[tokio::test]
async fn the_role_alone_sees_nothing_and_with_its_entry_everything() {
    for Fixture { db, .. } in &targets().await {
        two_tenants(db, &somebody()).await;
        assert_eq!(seen_after(db, &[&step()]).await, 0);
        let cross = format!("select saas.cross('{}', 'who', 'why', now())", Id::<Plan>::new());
        assert!(seen_after(db, &[&step(), &cross]).await >= 2, "the test looks at nothing");
    }
}

#[tokio::test]
async fn no_setting_opens_a_crossing() {
    for Fixture { db, .. } in &targets().await {
        let [tenant, _] = two_tenants(db, &somebody()).await;
        let set = |name: &str, value: &str| format!("select set_config('{name}', '{value}', true)");
        for forged in [
            set("app.crossing", "true"),
            set("app.actor", "who"),
            set("saas.crossing", "on"),
            set("app.tenant_id", ""),
        ] {
            assert_eq!(seen_after(db, &[&step(), &forged]).await, 0, "{forged}");
        }
        // Nor does a crossing that is written down see anything as long as a tenant is set.
        let cross = format!("select saas.cross('{}', 'who', 'why', now())", Id::<Plan>::new());
        let as_tenant = set("app.tenant_id", &tenant.to_string());
        assert_eq!(seen_after(db, &[&as_tenant, &step(), &cross]).await, 0);
    }
}

#[tokio::test]
async fn an_entry_of_another_transaction_opens_nothing() {
    for Fixture { db, .. } in &targets().await {
        two_tenants(db, &somebody()).await;
        let committed = db.across_tenants(Reason::new(somebody(), "earlier")).await.unwrap();
        committed.commit().await.unwrap();
        // One that is open meanwhile, too.
        let open = db.across_tenants(Reason::new(somebody(), "meanwhile")).await.unwrap();
        assert_eq!(seen_after(db, &[&step()]).await, 0);
        // Even with a number of its own.
        let write = "insert into plans (id, name) values (gen_random_uuid(), 'to have a number')";
        assert_eq!(seen_after(db, &[write, &step()]).await, 0);
        open.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn an_entry_that_was_undone_opens_nothing() {
    for Fixture { db, .. } in &targets().await {
        two_tenants(db, &somebody()).await;
        let cross = format!("select saas.cross('{}', 'who', 'why', now())", Id::<Plan>::new());
        let undone = ["savepoint s", &step(), &cross, "rollback to s", &step()];
        assert_eq!(seen_after(db, &undone).await, 0);
    }
}

/// A restored dump holds the numbers of another server's transactions: one may be this one's.
#[tokio::test]
async fn an_entry_that_only_has_the_number_of_this_transaction_opens_nothing() {
    let pg = saas_testkit::postgres_fresh().await;
    fixture::prepared(&pg).await;
    let db = fixture::over(pg.app.clone(), saas_tenancy::Options::new()).await.db;
    two_tenants(&db, &somebody()).await;
    let mut tx = db.pool().begin().await.unwrap();
    let number = "select pg_current_xact_id()::text";
    let number: String = sqlx::query_scalar(number).fetch_one(&mut *tx).await.unwrap();
    let mut owner = pg.owner.acquire().await.unwrap();
    let restored = format!(
        "insert into saas.audit (id, actor, action, at, xact)
         values (gen_random_uuid(), 'who', 'crossing', now(), '{number}')"
    );
    run::<Postgres>(&mut owner, restored).await.unwrap();
    run::<Postgres>(&mut tx, step()).await.unwrap();
    let found = "saas.audit where xact = pg_current_xact_id_if_assigned()";
    assert_eq!(count::<Postgres>(&mut tx, found).await, 1, "the entry is there");
    assert_eq!(count::<Postgres>(&mut tx, "customers").await, 0);
}

#[tokio::test]
async fn the_roles_may_do_with_entries_what_they_need_and_no_more() {
    let fixture = fixture::postgres().await;
    let mut conn = fixture.db.pool().acquire().await.unwrap();
    let rights = async |conn: &mut PgConnection, role: &str| -> Vec<String> {
        let query = "select unnest(array['select', 'insert', 'update', 'delete', 'truncate',
                                         'references', 'trigger']) as name";
        let query = format!(
            "select name from ({query}) r where has_table_privilege('{role}', 'saas.audit', name)
             union all
             select 'insert ' || attname from pg_attribute
              where attrelid = 'saas.audit'::regclass and attname = 'xact'
                and has_column_privilege('{role}', attrelid, attname, 'insert, update')"
        );
        let rows = run::<Postgres>(conn, query).await.unwrap();
        rows.iter().map(|row| sqlx::Row::get(row, 0)).collect()
    };
    let app: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(rights(&mut conn, &app).await, ["select"], "of columns, insert");
    assert_eq!(rights(&mut conn, ACROSS).await, ["select"]);
    assert_eq!(rights(&mut conn, "public").await, [""; 0]);
    let functions = "select has_function_privilege('public', 'saas.crossing()', 'execute')
          or has_function_privilege('public', 'saas.cross(uuid, text, text, timestamptz)', 'execute')";
    let anybodys: bool = sqlx::query_scalar(functions).fetch_one(&mut *conn).await.unwrap();
    assert!(!anybodys, "whoever crosses has the role");
}

#[tokio::test]
async fn what_is_granted_can_be_granted_again() {
    let pg = saas_testkit::postgres("t_tenancy").await;
    fixture::prepared(&pg).await;
    let mut owner = pg.owner.acquire().await.unwrap();
    for _ in 0..2 {
        let roles = saas_tenancy::wall::Roles::new(&pg.app_role).across(ACROSS);
        saas_tenancy::grant(&mut owner, roles).await.unwrap();
    }
    let db = fixture::postgres().await.db;
    db.across_tenants(Reason::new(somebody(), "why")).await.unwrap().commit().await.unwrap();
}
