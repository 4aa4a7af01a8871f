//! Rows whose moments no Rust type can hold: an error that names the column, wherever they are read,
//! and no panic.

use chrono::NaiveDate;
use futures_util::TryStreamExt;
use saas_core::schema::Dialect;
use saas_core::sql::{Reads, Statements};
use saas_core::{Id, TenantId};
use saas_tenancy::{Audited, Error, TenantDb};
use sqlx::QueryBuilder;

use crate::fixture::{self, Customer, Db, Note};
use crate::suite::suite;

/// What stands in which column of the only customer.
const ODD: [(&str, &str, &str); 6] = [
    ("born_on", "infinity", "infinity"),
    ("born_on", "-infinity", "garbage"),
    ("born_on", "5874897-12-31", "2026-13-01"),
    ("created_at", "infinity", "infinity"),
    ("updated_at", "-infinity", ""),
    ("updated_at", "294276-12-31", "1e400"),
];

async fn by_hand<DB: Db>(db: &TenantDb<DB>, tenant: TenantId, sql: String) {
    let mut tx = db.tenant(tenant).await.unwrap();
    DB::execute(tx.connection(), QueryBuilder::new(sql), Statements::Unnamed).await.unwrap();
    tx.commit().await.unwrap();
}

fn literal<DB: Db>(id: Id<Customer>) -> String {
    match DB::DIALECT {
        Dialect::Postgres => format!("'{id}'"),
        Dialect::Sqlite => format!("x'{}'", id.uuid().simple()),
    }
}

fn names<O>(result: Result<O, Error>, column: &str) {
    let Err(Error::Database(sqlx::Error::ColumnDecode { index, .. })) = result else {
        panic!("{column} is read as something, or is another error");
    };
    assert!(index.contains(column), "{index} instead of {column}");
}

async fn with_a_note<DB: Db>(db: &TenantDb<DB>) -> (TenantId, Id<Customer>) {
    let tenant = fixture::tenant(db).await;
    let customer = Customer::new(tenant, "a@x");
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&customer).await.unwrap();
    tx.insert(&Note::on(customer.id, "note")).await.unwrap();
    tx.commit().await.unwrap();
    (tenant, customer.id)
}

pub(crate) async fn a_moment_that_no_type_holds_is_an_error_wherever_rows_are_read<DB>(
    db: TenantDb<DB>,
) where
    DB: Db + Reads<(String, Option<NaiveDate>)>,
{
    let (tenant, id) = with_a_note(&db).await;
    for (column, postgres, sqlite) in ODD {
        let value = if DB::DIALECT == Dialect::Postgres { postgres } else { sqlite };
        let sound = "born_on = null, created_at = '2026-01-01T00:00:00Z', \
                     updated_at = '2026-01-01T00:00:00Z'";
        for values in [sound, &format!("{column} = '{value}'")] {
            let sql = format!("update customers set {values} where id = {}", literal::<DB>(id));
            by_hand(&db, tenant, sql).await;
        }
        let read = || db.read(tenant).select::<Customer>();
        names(read().all().await, column);
        names(read().by_id(id).optional().await, column);
        names(read().one().await, column);
        let mut tx = db.tenant(tenant).await.unwrap();
        let select = tx.select::<Customer>();
        names(select.all(&mut tx).await, column);
        let select = tx.select::<Customer>().by_id(id);
        names(select.optional(&mut tx).await, column);
        let select = tx.select::<Customer>();
        names(select.one(&mut tx).await, column);
        let select = tx.select::<Customer>();
        names(select.stream(&mut tx).try_collect::<Vec<_>>().await, column);
        if column == "born_on" {
            let joined = tx.select::<Note>().join(Note::CUSTOMER_ID);
            let joined = joined.columns((Note::BODY, Customer::BORN_ON));
            names(joined.all(&mut tx).await, column);
        }
        // What is counted or not selected is no matter.
        assert_eq!(read().count().await.unwrap(), 1);
        let emails = tx.select::<Customer>().columns(Customer::EMAIL).all(&mut tx).await.unwrap();
        assert_eq!(emails, [("a@x".to_owned(),)]);
    }
}

pub(crate) async fn a_row_with_such_a_moment_is_written_like_any_other<DB: Db>(db: TenantDb<DB>) {
    let (tenant, id) = with_a_note(&db).await;
    let spoil = "update customers set born_on = 'infinity' where id = ";
    by_hand(&db, tenant, format!("{spoil}{}", literal::<DB>(id))).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.update(id).set(Customer::EMAIL, "b@x").await.unwrap();
    assert_eq!(tx.soft_delete(id).cascade(Note::CUSTOMER_ID).await.unwrap().rows, 2);
    assert_eq!(tx.restore(id).cascade(Note::CUSTOMER_ID).await.unwrap().rows, 2);
    let sound = Customer { id, ..Customer::new(tenant, "c@x") };
    assert_eq!(tx.upsert(&sound).await.unwrap().id, id);
    let mended = tx.select::<Customer>().one(&mut tx).await.unwrap();
    assert_eq!((mended.email.as_str(), mended.born_on), ("c@x", None));
}

pub(crate) async fn an_entry_of_such_a_moment_is_an_error_as_well<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let entry = match DB::DIALECT {
        Dialect::Postgres => format!(
            "insert into saas.audit (tenant_id, id, actor, action, at)
             values ('{tenant}', gen_random_uuid(), 'a', 'x', 'infinity')"
        ),
        Dialect::Sqlite => format!(
            "insert into saas_audit (tenant_id, id, actor, action, at)
             values (x'{}', randomblob(16), 'a', 'x', 'infinity')",
            tenant.uuid().simple()
        ),
    };
    by_hand(&db, tenant, entry).await;
    names(db.read(tenant).entries().newest(10).await, "at");
    let mut tx = db.tenant(tenant).await.unwrap();
    names::<Vec<Audited>>(tx.entries().newest(10, &mut tx).await, "at");
}

suite!(
    a_moment_that_no_type_holds_is_an_error_wherever_rows_are_read,
    a_row_with_such_a_moment_is_written_like_any_other,
    an_entry_of_such_a_moment_is_an_error_as_well,
);
