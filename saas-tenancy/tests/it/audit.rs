//! Who did what: written with what it tells of, seen by its tenant only, and never changed.

use saas_core::schema::Dialect;
use saas_core::sql::{Fragment, Statements};
use saas_core::{Id, TenantId};
use saas_tenancy::{AuditEntry, Audited, Error, ErrorKind, Reason, TenantDb};
use serde_json::json;
use sqlx::{Postgres, QueryBuilder};

use crate::fixture::{self, Customer, Db};
use crate::suite::suite;

/// An actor of the test's own, since the database is everybody's.
pub(crate) fn somebody() -> String {
    format!("{}@x", TenantId::new())
}

/// Statements for the audit table, which has another name on each database.
pub(crate) fn on_audit<DB: Db>(sql: &str) -> QueryBuilder<DB> {
    let table = match DB::DIALECT {
        Dialect::Postgres => "saas.audit",
        Dialect::Sqlite => "saas_audit",
    };
    QueryBuilder::new(sql.replace(":audit", table))
}

async fn audited<DB: Db>(db: &TenantDb<DB>, tenant: TenantId, entries: Vec<AuditEntry>) {
    let mut tx = db.tenant(tenant).await.unwrap();
    for entry in entries {
        tx.audit(entry).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn newest<DB: Db>(db: &TenantDb<DB>, tenant: TenantId) -> Vec<Audited> {
    db.read(tenant).entries().newest(100).await.unwrap()
}

pub(crate) async fn an_entry_comes_back_as_it_was_written<DB: Db>(db: TenantDb<DB>) {
    let (tenant, id) = (fixture::tenant(&db).await, Id::<Customer>::new());
    let change = json!({ "status": ["draft", "sent"], "note": "it's \\ \"so\" 🦀" });
    let entry = AuditEntry::new("mia@x", "customer.sent").on(id).change(change.clone());
    audited(&db, tenant, vec![entry, AuditEntry::new("o'brien \\", "login")]).await;
    let found = newest(&db, tenant).await;
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].actor.as_str(), found[0].action.as_str()), ("o'brien \\", "login"));
    assert_eq!((&found[0].entity, found[0].entity_id, &found[0].change), (&None, None, &None));
    assert_eq!(
        (found[1].entity.as_deref(), found[1].entity_id),
        (Some("customers"), Some(id.uuid()))
    );
    assert_eq!((found[1].change.as_ref(), found[1].tenant_id), (Some(&change), Some(tenant)));
    assert!(found[1].at <= found[0].at && found[1].id < found[0].id);
}

pub(crate) async fn an_entry_is_committed_with_what_it_tells_of_or_not_at_all<DB: Db>(
    db: TenantDb<DB>,
) {
    let tenant = fixture::tenant(&db).await;
    let customer = Customer::new(tenant, "a@x");
    for commits in [false, true] {
        let mut tx = db.tenant(tenant).await.unwrap();
        tx.insert(&customer).await.unwrap();
        tx.audit(AuditEntry::new("mia@x", "customer.made").on(customer.id)).await.unwrap();
        assert_eq!(tx.entries().newest(10, &mut tx).await.unwrap().len(), 1);
        if commits {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        let found = db.read(tenant).select::<Customer>().all().await.unwrap().len();
        assert_eq!((found, newest(&db, tenant).await.len()), (commits.into(), commits.into()));
    }
}

pub(crate) async fn a_tenant_sees_its_own_entries_and_no_others<DB: Db>(db: TenantDb<DB>) {
    let (mine, other, actor) = (fixture::tenant(&db).await, fixture::tenant(&db).await, somebody());
    audited(&db, mine, vec![AuditEntry::new(&actor, "mine")]).await;
    audited(&db, other, vec![AuditEntry::new(&actor, "others")]).await;
    let mut tx = db.global().await.unwrap();
    tx.audit(AuditEntry::new(&actor, "nobodys")).await.unwrap();
    tx.commit().await.unwrap();
    let actions =
        |found: Vec<Audited>| found.into_iter().map(|entry| entry.action).collect::<Vec<_>>();
    assert_eq!(actions(newest(&db, mine).await), ["mine"]);
    assert_eq!(actions(newest(&db, other).await), ["others"]);
    let nobodys = db.read_global().entries().actor(&actor).newest(10).await.unwrap();
    assert_eq!((nobodys[0].tenant_id, actions(nobodys)), (None, vec!["nobodys".to_owned()]));
    let mut tx = db.tenant(other).await.unwrap();
    assert_eq!(actions(tx.entries().newest(10, &mut tx).await.unwrap()), ["others"]);
}

pub(crate) async fn entries_of_one_tenant_are_not_asked_for_in_anothers_transaction<DB: Db>(
    db: TenantDb<DB>,
) {
    let mine = db.tenant(fixture::tenant(&db).await).await.unwrap();
    let entries = mine.entries();
    drop(mine);
    let mut other = db.tenant(fixture::tenant(&db).await).await.unwrap();
    let error = entries.newest(1, &mut other).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTenant { .. }), "{error}");
}

pub(crate) async fn entries_are_found_by_row_actor_and_action_newest_first<DB: Db>(
    db: TenantDb<DB>,
) {
    let (tenant, one, two) =
        (fixture::tenant(&db).await, Id::<Customer>::new(), Id::<Customer>::new());
    let entry = |actor: &str, action: &str, id| AuditEntry::new(actor, action).on(id);
    let written = vec![entry("a", "x", one), entry("b", "x", one), entry("a", "y", two)];
    audited(&db, tenant, written).await;
    let entries = || db.read(tenant).entries();
    let told = async |entries: saas_tenancy::Entries<saas_tenancy::Read<DB>>, most| {
        let found = entries.newest(most).await.unwrap();
        found.into_iter().map(|entry| entry.actor + &entry.action).collect::<Vec<_>>()
    };
    assert_eq!(told(entries(), 10).await, ["ay", "bx", "ax"]);
    assert_eq!(told(entries(), 1).await, ["ay"]);
    assert_eq!(told(entries().on(one), 10).await, ["bx", "ax"]);
    assert_eq!(told(entries().actor("a"), 10).await, ["ay", "ax"]);
    assert_eq!(told(entries().action("x").actor("b"), 10).await, ["bx"]);
    assert_eq!(told(entries().on(two).actor("b"), 10).await, [""; 0]);
}

pub(crate) async fn entries_can_be_the_base_of_anothers_statement<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    audited(&db, tenant, vec![AuditEntry::new("a", "x"), AuditEntry::new("b", "x")]).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let base = tx.entries().action("x");
    let mut query = QueryBuilder::<DB>::new("select * from (");
    base.push_to(&mut query);
    query.push(") base order by id limit 1");
    let rows = DB::fetch_all(tx.connection(), query, Statements::Unnamed).await.unwrap();
    let read: Audited = DB::read(&rows[0]).unwrap();
    assert_eq!((rows.len(), read.actor.as_str()), (1, "a"));
}

pub(crate) async fn an_entry_says_who_did_what_in_plain_words<DB: Db>(db: TenantDb<DB>) {
    let mut tx = db.tenant(fixture::tenant(&db).await).await.unwrap();
    let long = "x".repeat(201);
    for (actor, action) in
        [("", "x"), (" ", "x"), (&long, "x"), ("a", ""), ("a\n", "x"), ("a", &long)]
    {
        let error = tx.audit(AuditEntry::new(actor, action)).await.unwrap_err();
        assert!(matches!(error, Error::Unaccountable { .. }), "{actor:?} {action:?}: {error}");
    }
    let change = json!("x".repeat(64 * 1024));
    let error = tx.audit(AuditEntry::new("a", "x").change(change)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().contains("65536")),
        (ErrorKind::InvalidInput, true)
    );
    tx.commit().await.unwrap();
}

pub(crate) async fn an_entry_is_neither_changed_nor_removed_by_raw_sql<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    audited(&db, tenant, vec![AuditEntry::new("a", "x")]).await;
    let everything = match DB::DIALECT {
        Dialect::Postgres => ["truncate :audit", "update :audit set actor = 'b'"],
        // Where a row is replaced, no trigger on deletes is asked.
        Dialect::Sqlite => [
            "insert or replace into :audit select tenant_id, id, 'b', action, entity, entity_id, change, at from :audit",
            "insert into :audit select tenant_id, id, 'b', action, entity, entity_id, change, at from :audit where true \
             on conflict do update set actor = 'b'",
        ],
    };
    let changes =
        ["update :audit set action = 'y'", "delete from :audit", "delete from :audit where 1 = 0"];
    // A statement that touches no row is refused by rights, not by triggers.
    let changes = &changes[..if DB::DIALECT == Dialect::Postgres { 3 } else { 2 }];
    for sql in everything.iter().chain(changes) {
        let mut tx = db.tenant(tenant).await.unwrap();
        let done = DB::execute(tx.connection(), on_audit(sql), Statements::Unnamed).await;
        let error = Error::from(done.expect_err(sql));
        let refused = match DB::DIALECT {
            Dialect::Postgres => matches!(error, Error::NotGranted(_)),
            Dialect::Sqlite => matches!(error, Error::WallRefused(_)),
        };
        assert!(refused, "{sql}: {error:?}");
    }
    let found = newest(&db, tenant).await;
    assert_eq!((found.len(), found[0].actor.as_str(), found[0].action.as_str()), (1, "a", "x"));
}

suite!(
    an_entry_comes_back_as_it_was_written,
    an_entry_is_committed_with_what_it_tells_of_or_not_at_all,
    a_tenant_sees_its_own_entries_and_no_others,
    entries_of_one_tenant_are_not_asked_for_in_anothers_transaction,
    entries_are_found_by_row_actor_and_action_newest_first,
    entries_can_be_the_base_of_anothers_statement,
    an_entry_says_who_did_what_in_plain_words,
    an_entry_is_neither_changed_nor_removed_by_raw_sql,
);

#[tokio::test]
async fn raw_sql_reads_and_writes_only_the_tenants_entries_on_postgres() {
    let db = fixture::postgres().await.db;
    let (mine, other) = (TenantId::new(), TenantId::new());
    audited(&db, mine, vec![AuditEntry::new("a", "x")]).await;
    audited(&db, other, vec![AuditEntry::new("a", "x")]).await;
    let crossing = db.across_tenants(Reason::new(somebody(), "to leave an entry")).await.unwrap();
    crossing.commit().await.unwrap();
    let mut tx = db.tenant(mine).await.unwrap();
    let seen = sqlx::query_scalar("select tenant_id from saas.audit").fetch_all(tx.raw()).await;
    let seen: Vec<Option<TenantId>> = seen.unwrap();
    assert_eq!(seen, [Some(mine)]);
    drop(tx);
    let insert = |tenant: &str, action| {
        format!(
            "insert into saas.audit (tenant_id, id, actor, action, at) \
             values ({tenant}, gen_random_uuid(), 'a', '{action}', now())"
        )
    };
    let forged = "insert into saas.audit (tenant_id, id, actor, action, at, xact) \
                  values (saas.tenant_id(), gen_random_uuid(), 'a', 'x', now(), '7')";
    for (sql, behind_the_wall) in [
        (insert(&format!("'{other}'"), "x"), true),
        (insert("null", "x"), true),
        (insert("null", "crossing"), true),
        // The column is nobody's to write.
        (forged.to_owned(), false),
    ] {
        let mut tx = db.tenant(mine).await.unwrap();
        let query = QueryBuilder::<Postgres>::new(&sql);
        let done = saas_core::sql::Backend::execute(tx.raw(), query, Statements::Unnamed).await;
        let error = Error::from(done.unwrap_err());
        let refused = matches!(error, Error::WallRefused(_));
        assert!(refused || matches!(error, Error::NotGranted(_)), "{sql}: {error:?}");
        assert_eq!(refused, behind_the_wall, "{sql}");
    }
}
