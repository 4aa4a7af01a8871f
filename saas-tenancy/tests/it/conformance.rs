//! What a tenant may rely on, whatever the database. Every test makes tenants of its own.

use saas_core::sql::Condition;
use saas_core::{Deleted, Id, TenantId, Version};
use saas_tenancy::{Direction, Error, ErrorKind, TenantDb};

use crate::fixture::{self, Customer, Db, Note, Plan};
use crate::suite::suite;

/// Two tenants with the same three customers, by email.
async fn two_tenants<DB: Db>(db: &TenantDb<DB>) -> (TenantId, TenantId) {
    let tenants = (fixture::tenant(db).await, fixture::tenant(db).await);
    for tenant in [tenants.0, tenants.1] {
        let mut tx = db.tenant(tenant).await.unwrap();
        for email in ["a@x", "b@x", "c@x"] {
            tx.insert(&Customer::new(tenant, email)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    tenants
}

async fn first<DB: Db>(db: &TenantDb<DB>, tenant: TenantId) -> Customer {
    let select = db.read(tenant).select::<Customer>();
    select.order_by(Customer::EMAIL, Direction::Asc).limit(1).one().await.unwrap()
}

pub(crate) async fn a_tenant_sees_its_own_rows_and_no_others<DB: Db>(db: TenantDb<DB>) {
    let (mine, other) = two_tenants(&db).await;
    let foreign = first(&db, other).await;
    let mut tx = db.tenant(mine).await.unwrap();
    let all = tx.select::<Customer>().all(&mut tx).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|customer| customer.tenant_id == mine));
    assert_eq!(tx.select::<Customer>().by_id(foreign.id).optional(&mut tx).await.unwrap(), None);
    assert!(!tx.select::<Customer>().by_id(foreign.id).exists(&mut tx).await.unwrap());
    assert_eq!(
        db.read(mine).select::<Customer>().by_id(foreign.id).optional().await.unwrap(),
        None
    );
    assert_eq!(db.read(mine).select::<Customer>().all().await.unwrap().len(), 3);
}

pub(crate) async fn a_row_read_back_equals_the_row_written<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut customer = Customer::new(tenant, "round@trip");
    customer.born_on = chrono::NaiveDate::from_ymd_opt(1990, 2, 28);
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&customer).await.unwrap();
    assert_eq!(tx.select::<Customer>().by_id(customer.id).one(&mut tx).await.unwrap(), customer);
    tx.commit().await.unwrap();
    assert_eq!(db.read(tenant).select::<Customer>().one().await.unwrap(), customer);
}

pub(crate) async fn another_tenants_row_can_be_neither_changed_nor_told<DB: Db>(db: TenantDb<DB>) {
    let (mine, other) = two_tenants(&db).await;
    let foreign = first(&db, other).await;
    let mut tx = db.tenant(mine).await.unwrap();
    let missing = Id::<Customer>::new();
    for id in [foreign.id, missing] {
        let update = tx.update(id).set(Customer::EMAIL, "mine@x").await.unwrap_err();
        let stale =
            tx.update(id).set(Customer::EMAIL, "m").if_version(Version::new(9)).await.unwrap_err();
        let delete = tx.soft_delete(id).await.unwrap_err();
        let restore = tx.restore(id).await.unwrap_err();
        for error in [update, stale, delete, restore] {
            assert_eq!(error.to_string(), "no such row in customers");
        }
    }
    tx.commit().await.unwrap();
    assert_eq!(first(&db, other).await, foreign);
}

pub(crate) async fn a_row_that_names_another_tenant_is_refused<DB: Db>(db: TenantDb<DB>) {
    let mut tx = db.tenant(fixture::tenant(&db).await).await.unwrap();
    let error = tx.insert(&Customer::new(TenantId::new(), "x")).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTenant { table: "customers" }));
}

pub(crate) async fn another_tenants_parent_is_refused_like_a_missing_one<DB: Db>(db: TenantDb<DB>) {
    let (mine, other) = two_tenants(&db).await;
    let foreign = first(&db, other).await;
    let mut told = Vec::new();
    for parent in [foreign.id, Id::new()] {
        let mut tx = db.tenant(mine).await.unwrap();
        let error = tx.insert(&Note::on(parent, "spy")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        told.push(saas_core::Problem::from(error));
    }
    assert_eq!(told[0], told[1]);
}

pub(crate) async fn a_select_does_not_run_in_another_tenants_transaction<DB: Db>(db: TenantDb<DB>) {
    let (mine, other) = two_tenants(&db).await;
    let tx = db.tenant(mine).await.unwrap();
    let select = tx.select::<Customer>();
    drop(tx);
    let mut foreign = db.tenant(other).await.unwrap();
    let error = select.all(&mut foreign).await.unwrap_err();
    assert!(matches!(error, Error::ForeignTenant { .. }));
}

pub(crate) async fn filters_combine_order_and_limit_apply<DB: Db>(db: TenantDb<DB>) {
    let (tenant, _) = two_tenants(&db).await;
    let emails = async |select: saas_tenancy::Select<DB, Customer, saas_tenancy::Read<DB>>| {
        let found = select.order_by(Customer::EMAIL, Direction::Desc).all().await.unwrap();
        found.into_iter().map(|customer| customer.email).collect::<Vec<_>>()
    };
    let select = || db.read(tenant).select::<Customer>();
    assert_eq!(emails(select()).await, ["c@x", "b@x", "a@x"]);
    assert_eq!(emails(select().limit(1)).await, ["c@x"]);
    assert_eq!(emails(select().filter(Customer::EMAIL.ne("b@x"))).await, ["c@x", "a@x"]);
    let either = Customer::EMAIL.eq("a@x").or(Customer::EMAIL.gt("b@x"));
    assert_eq!(emails(select().filter(either)).await, ["c@x", "a@x"]);
    assert_eq!(emails(select().filter(Customer::EMAIL.is_in(["b@x", "z@x"]))).await, ["b@x"]);
    assert_eq!(emails(select().filter(Customer::EMAIL.is_in(Vec::<String>::new()))).await, [""; 0]);
    assert_eq!(emails(select().filter(Customer::EMAIL.starts_with("%"))).await, [""; 0]);
    assert_eq!(emails(select().filter(Customer::EMAIL.contains("@").not())).await, [""; 0]);
    assert_eq!(emails(select().filter(Customer::BORN_ON.is_not_null())).await, [""; 0]);
}

pub(crate) async fn an_update_counts_the_version_and_a_stale_one_is_refused<DB: Db>(
    db: TenantDb<DB>,
) {
    let (tenant, _) = two_tenants(&db).await;
    let before = first(&db, tenant).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let updated = tx
        .update(before.id)
        .set(Customer::EMAIL, "new@x")
        .if_version(before.version)
        .await
        .unwrap();
    assert_eq!(updated.version, Some(Version::new(2)));
    let stale = tx.update(before.id).set(Customer::EMAIL, "old@x").if_version(before.version).await;
    assert!(matches!(stale, Err(Error::StaleVersion { .. })));
    let after = tx.select::<Customer>().by_id(before.id).one(&mut tx).await.unwrap();
    assert_eq!((after.email.as_str(), after.version), ("new@x", Version::new(2)));
    assert!(after.timestamps.updated_at > before.timestamps.updated_at);
    assert_eq!(after.timestamps.created_at, before.timestamps.created_at);
}

pub(crate) async fn kept_columns_cannot_be_set_and_an_empty_update_is_an_error<DB: Db>(
    db: TenantDb<DB>,
) {
    let mut tx = db.tenant(fixture::tenant(&db).await).await.unwrap();
    let moved = tx.update(Id::new()).set(Customer::TENANT_ID, TenantId::new()).await;
    assert!(matches!(moved, Err(Error::ManagedColumn { column: "tenant_id", .. })));
    let empty = tx.update(Id::<Customer>::new()).await;
    assert!(matches!(empty, Err(Error::NothingToSet { .. })));
}

pub(crate) async fn a_taken_value_is_a_typed_error_for_one_tenant_only<DB: Db>(db: TenantDb<DB>) {
    let (tenant, _) = two_tenants(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let error = tx.insert(&Customer::new(tenant, "a@x")).await.unwrap_err();
    assert!(matches!(error, Error::Taken { table: "customers", .. }));
    drop(tx);
    let fresh = fixture::tenant(&db).await;
    let mut tx = db.tenant(fresh).await.unwrap();
    tx.insert(&Customer::new(fresh, "a@x")).await.unwrap();
}

pub(crate) async fn a_deleted_row_is_gone_until_asked_for_and_frees_its_value<DB: Db>(
    db: TenantDb<DB>,
) {
    let (tenant, other) = two_tenants(&db).await;
    let gone = first(&db, tenant).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.soft_delete(gone.id).await.unwrap();
    assert!(matches!(tx.soft_delete(gone.id).await, Err(Error::NotFound { .. })));
    let update = tx.update(gone.id).set(Customer::EMAIL, "x").await;
    assert!(matches!(update, Err(Error::NotFound { .. })));
    let count = async |tx: &mut saas_tenancy::TenantTx<DB>, deleted| {
        tx.select::<Customer>().deleted(deleted).all(tx).await.unwrap().len()
    };
    assert_eq!(count(&mut tx, Deleted::Without).await, 2);
    assert_eq!(count(&mut tx, Deleted::With).await, 3);
    assert_eq!(count(&mut tx, Deleted::Only).await, 1);
    tx.insert(&Customer::new(tenant, "a@x")).await.unwrap();
    let taken = tx.restore(gone.id).await.unwrap_err();
    assert!(matches!(taken, Error::Taken { .. }));
    drop(tx);
    let mut foreign = db.tenant(other).await.unwrap();
    assert_eq!(count(&mut foreign, Deleted::With).await, 3);
}

pub(crate) async fn a_restore_brings_back_exactly_what_its_deletion_took<DB: Db>(db: TenantDb<DB>) {
    let (tenant, _) = two_tenants(&db).await;
    let parent = first(&db, tenant).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let notes = ["early", "kept", "one", "two"].map(|body| Note::on(parent.id, body));
    for note in &notes {
        tx.insert(note).await.unwrap();
    }
    tx.soft_delete(notes[0].id).await.unwrap();
    let deletion = tx
        .soft_delete(parent.id)
        .cascade_if(Note::CUSTOMER_ID, Note::BODY.ne("kept"))
        .await
        .unwrap();
    assert_eq!(deletion.rows, 3);
    let live = tx.select::<Note>().all(&mut tx).await.unwrap();
    assert_eq!(live, [notes[1].clone()]);
    let restored = tx.restore(parent.id).cascade(Note::CUSTOMER_ID).await.unwrap();
    assert_eq!(restored.rows, 3);
    let mut live = tx.select::<Note>().all(&mut tx).await.unwrap();
    live.sort_by_key(|note| note.id);
    assert_eq!(live, notes[1..]);
    assert_eq!(tx.restore(parent.id).cascade(Note::CUSTOMER_ID).await.unwrap().rows, 0);
}

pub(crate) async fn a_dropped_or_rolled_back_transaction_leaves_nothing<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&Customer::new(tenant, "dropped@x")).await.unwrap();
    drop(tx);
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&Customer::new(tenant, "rolled@back")).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(db.read(tenant).select::<Customer>().all().await.unwrap(), []);
}

pub(crate) async fn what_failed_cannot_be_committed_even_if_the_error_was_handled<DB: Db>(
    db: TenantDb<DB>,
) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&Customer::new(tenant, "first@x")).await.unwrap();
    tx.insert(&Customer::new(tenant, "first@x")).await.unwrap_err();
    assert!(matches!(tx.commit().await, Err(Error::Aborted)));
    assert_eq!(db.read(tenant).select::<Customer>().all().await.unwrap(), []);
}

pub(crate) async fn a_list_without_a_limit_is_never_cut_in_silence<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    for number in 0..1001 {
        tx.insert(&Customer::new(tenant, &format!("{number}@x"))).await.unwrap();
    }
    let all = tx.select::<Customer>().all(&mut tx).await;
    assert!(matches!(all, Err(Error::TooManyRows { limit: 1000, .. })));
    let some = tx.select::<Customer>().limit(1001).all(&mut tx).await.unwrap();
    assert_eq!(some.len(), 1001);
}

pub(crate) async fn global_rows_are_everybodys<DB: Db>(db: TenantDb<DB>) {
    let mut tx = db.global().await.unwrap();
    let plan = Plan { id: Id::new(), name: "free".to_owned() };
    tx.insert(&plan).await.unwrap();
    let found = tx.select::<Plan>().by_id(plan.id).one(&mut tx).await.unwrap();
    assert_eq!(found, plan);
}

suite!(
    a_tenant_sees_its_own_rows_and_no_others,
    a_row_read_back_equals_the_row_written,
    another_tenants_row_can_be_neither_changed_nor_told,
    a_row_that_names_another_tenant_is_refused,
    another_tenants_parent_is_refused_like_a_missing_one,
    a_select_does_not_run_in_another_tenants_transaction,
    filters_combine_order_and_limit_apply,
    an_update_counts_the_version_and_a_stale_one_is_refused,
    kept_columns_cannot_be_set_and_an_empty_update_is_an_error,
    a_taken_value_is_a_typed_error_for_one_tenant_only,
    a_deleted_row_is_gone_until_asked_for_and_frees_its_value,
    a_restore_brings_back_exactly_what_its_deletion_took,
    a_dropped_or_rolled_back_transaction_leaves_nothing,
    a_list_without_a_limit_is_never_cut_in_silence,
    what_failed_cannot_be_committed_even_if_the_error_was_handled,
    global_rows_are_everybodys,
);
