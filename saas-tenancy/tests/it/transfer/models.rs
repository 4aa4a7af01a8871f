//! The same in each model of isolation, and from one to another.

use futures_util::TryStreamExt;
use saas_core::{Deleted, TenantId};
use saas_tenancy::TenantDb;
use saas_tenancy::transfer::Transfer;

use crate::fixture::{self, Customer, Db, Note, Task, registry};
use crate::suite::suite;

/// A tenant with some rows, one of them deleted.
async fn filled<DB: Db>(db: &TenantDb<DB>) -> TenantId {
    let tenant = fixture::tenant(db).await;
    let plan = fixture::plan(db, tenant, "basic").await;
    let mut tx = db.tenant(tenant).await.unwrap();
    for email in ["a@x", "b@x", "c@x"] {
        let customer = Customer::new(tenant, email);
        tx.insert(&customer).await.unwrap();
        let note = Note::on(customer.id, email);
        tx.insert(&note).await.unwrap();
        tx.insert(&Task { note_id: Some(note.id), ..Task::new(email, 1) }).await.unwrap();
        if email == "c@x" {
            tx.soft_delete(note.id).await.unwrap();
        }
    }
    tx.insert(&Task { plan_id: Some(plan.id), ..Task::new("planned", 2) }).await.unwrap();
    tx.commit().await.unwrap();
    tenant
}

async fn lines<DB: Db>(db: &TenantDb<DB>, tenant: TenantId) -> Vec<String> {
    Transfer::new(db, &registry()).unwrap().export(tenant).try_collect().await.unwrap()
}

pub(crate) async fn what_is_exported_and_erased_comes_back<DB: Db>(db: TenantDb<DB>) {
    let (tenant, other) = (filled(&db).await, filled(&db).await);
    let transfer = Transfer::new(&db, &registry()).unwrap();
    let (mine, others) = (lines(&db, tenant).await, lines(&db, other).await);
    assert_eq!(mine.len(), 2 + 3 + 3 + 4);
    let gone = transfer.erase(tenant).await.unwrap();
    assert_eq!(lines(&db, tenant).await.len(), 2);
    let back = transfer.import(tenant, super::samples::lines(&mine)).await.unwrap();
    assert_eq!(back, gone);
    assert_eq!(lines(&db, tenant).await, mine);
    assert_eq!(lines(&db, other).await, others);
    let notes = db.read(tenant).select::<Note>();
    assert_eq!(notes.count().await.unwrap(), 2);
    assert_eq!(db.read(tenant).select::<Note>().deleted(Deleted::Only).count().await.unwrap(), 1);
}

suite!(what_is_exported_and_erased_comes_back);

#[tokio::test]
async fn a_tenant_moves_from_shared_tables_to_a_schema_to_a_file() {
    let (rows, schemas, files) =
        (fixture::postgres().await, fixture::schemas().await, fixture::files().await);
    let tenant = crate::homes::provisioned().await;
    let mut tx = rows.db.tenant(tenant).await.unwrap();
    let customer = Customer::new(tenant, "a@x");
    tx.insert(&customer).await.unwrap();
    tx.insert(&Note::on(customer.id, "moves")).await.unwrap();
    tx.commit().await.unwrap();
    let from = lines(&rows.db, tenant).await;
    let registry = registry();
    let row = Transfer::new(&rows.db, &registry).unwrap();
    let schema = Transfer::new(&schemas.db, &registry).unwrap();
    let file = Transfer::new(&files.db, &registry).unwrap();
    schema.import(tenant, row.export(tenant)).await.unwrap();
    row.erase(tenant).await.unwrap();
    file.import(tenant, schema.export(tenant)).await.unwrap();
    schema.erase(tenant).await.unwrap();
    assert_eq!(lines(&files.db, tenant).await, from);
    assert_eq!(
        (lines(&rows.db, tenant).await.len(), lines(&schemas.db, tenant).await.len()),
        (2, 2)
    );
    assert_eq!(files.db.read(tenant).select::<Customer>().one().await.unwrap(), customer);
}
