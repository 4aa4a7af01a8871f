//! Across tenants: everybody's rows are read, who did so is written down, and nothing else is.

mod forged;
mod left;
mod refused;

use saas_core::TenantId;
use saas_core::sql::{Reads, Statements};
use saas_tenancy::{AcrossTx, Audited, Error, Isolation, Options, Reason, TenantDb};
use serde_json::json;
use sqlx::{Pool, QueryBuilder};

use crate::audit::somebody;
use crate::fixture::{self, Customer, Db, Note, Plan};
use crate::suite::suite;

/// Two tenants, each with one customer of this email and a note on it.
async fn two_tenants<DB: Db>(db: &TenantDb<DB>, email: &str) -> [TenantId; 2] {
    let tenants = [TenantId::new(), TenantId::new()];
    for tenant in tenants {
        let mut tx = db.tenant(tenant).await.unwrap();
        let customer = Customer::new(tenant, email);
        tx.insert(&customer).await.unwrap();
        tx.insert(&Note::on(customer.id, &tenant.to_string())).await.unwrap();
        tx.commit().await.unwrap();
    }
    tenants
}

async fn crossing<DB: Db>(db: &TenantDb<DB>) -> AcrossTx<DB> {
    db.across_tenants(Reason::new(somebody(), "a test")).await.unwrap()
}

/// Runs a statement that has no parameters.
async fn run<DB: Db>(
    conn: &mut DB::Connection,
    sql: impl Into<String>,
) -> saas_tenancy::Result<Vec<DB::Row>> {
    Ok(DB::fetch_all(conn, QueryBuilder::new(sql), Statements::Unnamed).await?)
}

/// How many rows raw SQL sees.
async fn count<DB: Db>(conn: &mut DB::Connection, table: &str) -> i64 {
    let rows = run::<DB>(conn, format!("select count(*) from {table}")).await.unwrap();
    <DB as Reads<(i64,)>>::read(&rows[0]).unwrap().0
}

pub(crate) async fn a_crossing_reads_all_tenants_rows_and_joins_within_each<DB: Db>(
    db: TenantDb<DB>,
) {
    let email = somebody();
    let mut tenants = two_tenants(&db, &email).await;
    let mut all = crossing(&db).await;
    let customers = all.select::<Customer>().filter(Customer::EMAIL.eq(&*email));
    let mut found: Vec<TenantId> =
        customers.all(&mut all).await.unwrap().iter().map(|customer| customer.tenant_id).collect();
    found.sort();
    tenants.sort();
    assert_eq!(found, tenants);
    let notes = || {
        let notes = all.select::<Note>().join(Note::CUSTOMER_ID);
        notes.filter(Customer::EMAIL.eq(&*email))
    };
    let (pairs, counted, some) = (notes().columns((Note::BODY, Customer::EMAIL)), notes(), notes());
    let mut pairs: Vec<(String, String)> = pairs.all(&mut all).await.unwrap();
    pairs.sort();
    assert_eq!(pairs, tenants.map(|tenant| (tenant.to_string(), email.clone())));
    assert_eq!(counted.count(&mut all).await.unwrap(), 2);
    assert!(some.exists(&mut all).await.unwrap());
    let _ = all.select::<Plan>().limit(1).all(&mut all).await.unwrap();
    all.commit().await.unwrap();
}

pub(crate) async fn a_crossing_is_written_down_if_it_is_committed<DB: Db>(db: TenantDb<DB>) {
    let hostile = format!("o'brien\\' \"{}\"; drop table customers; -- $$ 🦀", somebody());
    let reason = || Reason::new(&hostile, "E'\\'' || :x ? $1");
    let entries = async || db.read_global().entries().actor(&hostile).newest(9).await.unwrap();
    drop(db.across_tenants(reason()).await.unwrap());
    db.across_tenants(reason()).await.unwrap().rollback().await.unwrap();
    assert_eq!(entries().await, []);
    let mut all = db.across_tenants(reason()).await.unwrap();
    let own = all.entries().actor(&hostile).newest(9, &mut all).await.unwrap();
    all.commit().await.unwrap();
    assert_eq!(entries().await, own);
    let [Audited { tenant_id, action, change, .. }] = &own[..] else { panic!("{own:?}") };
    assert_eq!((*tenant_id, action.as_str()), (None, "crossing"));
    assert_eq!(change.as_ref(), Some(&json!({ "reason": "E'\\'' || :x ? $1" })));
}

pub(crate) async fn a_crossing_says_who_and_why<DB: Db>(db: TenantDb<DB>) {
    let (actor, text) = ("x".repeat(201), "x".repeat(501));
    for (actor, text) in [
        ("", "why"),
        ("who", " "),
        (&*actor, "why"),
        ("who", &*text),
        ("who", "why\nwho"),
        ("\0", "y"),
    ] {
        let error = db.across_tenants(Reason::new(actor, text)).await.unwrap_err();
        assert!(matches!(error, Error::Unaccountable { .. }), "{error}");
    }
    let most = Reason::new("🦀".repeat(200), "🦀".repeat(500));
    db.across_tenants(most).await.unwrap().commit().await.unwrap();
}

pub(crate) async fn a_crossing_writes_nothing_even_by_raw_sql<DB: Db>(db: TenantDb<DB>) {
    let email = somebody();
    let [tenant, _] = two_tenants(&db, &email).await;
    for sql in [
        "update customers set email = 'taken over'",
        "delete from notes",
        "insert into plans select * from plans",
        "create table mine (x int)",
    ] {
        let mut all = crossing(&db).await;
        run::<DB>(all.connection(), sql).await.map(drop).expect_err(sql);
        let _ = all.rollback().await;
    }
    let kept = db.read(tenant).select::<Note>().all().await.unwrap();
    assert_eq!((kept.len(), kept[0].body.as_str()), (1, &*tenant.to_string()));
}

pub(crate) async fn a_select_of_a_crossing_does_not_run_in_a_tenants_transaction<DB: Db>(
    db: TenantDb<DB>,
) {
    let all = crossing(&db).await;
    let select = all.select::<Customer>();
    drop(all);
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let error = select.all(&mut tx).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTenant { .. }), "{error}");
}

pub(crate) async fn after_a_crossing_its_connection_writes_again<DB: Db>(db: TenantDb<DB>) {
    for ending in 0..24 {
        let mut all = crossing(&db).await;
        let _ = all.select::<Plan>().exists(&mut all).await.unwrap();
        match ending % 3 {
            0 => all.commit().await.unwrap(),
            1 => all.rollback().await.unwrap(),
            _ => drop(all),
        }
        let tenant = TenantId::new();
        let mut tx = db.tenant(tenant).await.unwrap();
        tx.insert(&Customer::new(tenant, "a@x")).await.unwrap();
        assert_eq!(tx.select::<Customer>().count(&mut tx).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}

pub(crate) async fn two_crossings_at_once_do_not_see_through_each_other<DB: Db>(db: TenantDb<DB>) {
    let email = somebody();
    two_tenants(&db, &email).await;
    let cross = async || {
        let mut all = crossing(&db).await;
        let customers = all.select::<Customer>().filter(Customer::EMAIL.eq(&*email));
        let found = customers.count(&mut all).await.unwrap();
        all.commit().await.unwrap();
        found
    };
    assert_eq!(tokio::join!(cross(), cross(), cross()), (2, 2, 2));
}

suite!(sharing:
    a_crossing_reads_all_tenants_rows_and_joins_within_each,
    a_crossing_is_written_down_if_it_is_committed,
    a_crossing_says_who_and_why,
    a_crossing_writes_nothing_even_by_raw_sql,
    a_select_of_a_crossing_does_not_run_in_a_tenants_transaction,
    after_a_crossing_its_connection_writes_again,
    two_crossings_at_once_do_not_see_through_each_other,
);

async fn is_refused<DB: Db>(db: &TenantDb<DB>) {
    let error = db.across_tenants(Reason::new("who", "why")).await.unwrap_err();
    let word = "tenants cannot be crossed: each has tables of its own";
    assert!(error.to_string().starts_with(word), "{error}");
}

#[tokio::test]
async fn tenants_that_share_no_tables_are_not_crossed() {
    is_refused(&fixture::schemas().await.db).await;
    is_refused(&fixture::files().await.db).await;
}

#[tokio::test]
async fn without_a_role_to_cross_as_there_is_no_crossing_on_postgres() {
    let pool: Pool<sqlx::Postgres> = fixture::postgres().await.db.pool().clone();
    let db = TenantDb::connect_unverified(pool, Options::new());
    assert_eq!(db.isolation(), Isolation::Row);
    let error = db.across_tenants(Reason::new("who", "why")).await.unwrap_err();
    assert!(error.to_string().contains("Options::across_role"), "{error}");
}

#[tokio::test]
async fn a_crossing_is_told_to_whoever_listens_even_if_it_is_dropped() {
    let fixture = fixture::sqlite().await;
    let actor = somebody();
    let heard = listen::Heard::default();
    let guard = tracing::subscriber::set_default(heard.clone());
    drop(fixture.db.across_tenants(Reason::new(&actor, "a look")).await.unwrap());
    drop(guard);
    let told = heard.events();
    let one = told.iter().filter(|event| event.contains(&actor)).collect::<Vec<_>>();
    assert!(one.len() == 1 && one[0].contains("a look"), "{told:?}");
}

mod listen {
    use std::fmt::{Debug, Write};
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// The fields of all events, as text.
    #[derive(Debug, Clone, Default)]
    pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

    impl Heard {
        pub(super) fn events(&self) -> Vec<String> {
            self.0.lock().unwrap().clone()
        }
    }

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, "{field}={value:?} ").unwrap();
        }
    }

    impl Subscriber for Heard {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
}
