//! From a tenant's provisioning to the day nothing of it is left.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{TimeDelta, Utc};
use saas_core::TenantId;
use saas_tenancy::resolve::{Directory, Key, Standing};
use saas_tenancy::tenants::{self, NewTenant, Procedure, State};
use saas_tenancy::{Error, ErrorKind, Reason, TenantDb};

use crate::fixture::{self, Customer, Db};
use crate::suite::suite;

fn reason() -> Reason {
    Reason::new("ops@example.com", "a test")
}

/// A name that no other test has.
fn slug(tenant: TenantId) -> String {
    format!("t-{}", tenant.uuid().simple())
}

/// A tenant that is entered.
async fn entered<DB: Db>(db: &TenantDb<DB>) -> TenantId {
    let tenant = fixture::tenant(db).await;
    let new = NewTenant::new(tenant, slug(tenant)).domain(format!("{}.example", slug(tenant)));
    let mut tx = db.global().await.unwrap();
    tenants::create(&mut tx, &new, &reason()).await.unwrap();
    tx.commit().await.unwrap();
    tenant
}

/// A tenant that is served.
async fn active<DB: Db>(db: &TenantDb<DB>) -> TenantId {
    let tenant = entered(db).await;
    tenants::provision(db, tenant, &Procedure::new(), &reason()).await.unwrap();
    tenant
}

async fn state<DB: Db>(db: &TenantDb<DB>, tenant: TenantId) -> State {
    let mut tx = db.global().await.unwrap();
    tenants::find(&mut tx, tenant).await.unwrap().unwrap().state
}

pub(crate) async fn a_tenant_goes_all_the_way_and_each_step_is_audited<DB: Db>(db: TenantDb<DB>) {
    let tenant = active(&db).await;
    let grace = saas_core::truncate_to_micros(Utc::now() - TimeDelta::days(1));
    let mut tx = db.global().await.unwrap();
    assert_eq!(tenants::suspend(&mut tx, tenant, &reason()).await.unwrap(), State::Suspended);
    assert_eq!(tenants::resume(&mut tx, tenant, &reason()).await.unwrap(), State::Active);
    let deleting = State::Deleting { purge_after: grace };
    assert_eq!(tenants::delete(&mut tx, tenant, grace, &reason()).await.unwrap(), deleting);
    assert_eq!(tenants::take_back(&mut tx, tenant, &reason()).await.unwrap(), State::Suspended);
    tenants::delete(&mut tx, tenant, grace, &reason()).await.unwrap();
    let due = tenants::due(&mut tx, 1000).await.unwrap();
    assert!(due.iter().any(|record| record.id == tenant && record.state == deleting));
    tx.commit().await.unwrap();
    tenants::purge(&db, tenant, &Procedure::new(), &reason()).await.unwrap();
    tenants::purge(&db, tenant, &Procedure::new(), &reason()).await.unwrap();

    let mut tx = db.global().await.unwrap();
    let gone = tenants::find(&mut tx, tenant).await.unwrap().unwrap();
    assert_eq!((gone.state, gone.slug, gone.version), (State::Purged, None, 9));
    let entries = tx.entries().newest(10_000, &mut tx).await.unwrap();
    let actions: Vec<_> = entries
        .iter()
        .filter(|entry| entry.entity_id == Some(tenant.uuid()))
        .map(|entry| entry.action.as_str())
        .collect();
    let mut expected = [
        "tenant.created",
        "tenant.provisioned",
        "tenant.suspended",
        "tenant.resumed",
        "tenant.deleted",
        "tenant.taken_back",
        "tenant.deleted",
        "tenant.purging",
        "tenant.purged",
    ];
    expected.reverse();
    assert_eq!(actions, expected);
}

pub(crate) async fn a_tenant_that_is_gone_leaves_its_names_to_others<DB: Db>(db: TenantDb<DB>) {
    let old = entered(&db).await;
    let (name, domain) = (slug(old), format!("{}.example", slug(old)));
    let new = NewTenant::new(TenantId::new(), name.to_uppercase()).domain(&domain);
    let mut tx = db.global().await.unwrap();
    let error = tenants::create(&mut tx, &new, &reason()).await.unwrap_err();
    assert!(matches!(error, Error::Taken { table: "saas.tenants", .. }), "{error:?}");
    drop(tx);
    tenants::purge(&db, old, &Procedure::new(), &reason()).await.unwrap();
    let mut tx = db.global().await.unwrap();
    tenants::create(&mut tx, &new, &reason()).await.unwrap();
    tx.commit().await.unwrap();
    for bad in ["", "a b", "a.b", "-"] {
        let mut tx = db.global().await.unwrap();
        let bad = NewTenant::new(TenantId::new(), bad);
        let error = tenants::create(&mut tx, &bad, &reason()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

pub(crate) async fn what_cannot_happen_is_refused_with_where_the_tenant_stands<DB: Db>(
    db: TenantDb<DB>,
) {
    let tenant = active(&db).await;
    let mut tx = db.global().await.unwrap();
    let error = tenants::resume(&mut tx, tenant, &reason()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let why = error.source().unwrap().to_string();
    assert_eq!(why, "a tenant that is active cannot be resumed");
    let later = Utc::now() + TimeDelta::days(30);
    tenants::delete(&mut tx, tenant, later, &reason()).await.unwrap();
    assert!(tenants::due(&mut tx, 1000).await.unwrap().iter().all(|due| due.id != tenant));
    tx.commit().await.unwrap();
    let error = tenants::purge(&db, tenant, &Procedure::new(), &reason()).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("cannot be purged before"), "{error:?}");
    let mut tx = db.global().await.unwrap();
    let nobody = TenantId::new();
    let error = tenants::suspend(&mut tx, nobody, &reason()).await.unwrap_err();
    assert!(matches!(error, Error::UnknownTenant { tenant } if tenant == nobody));
}

pub(crate) async fn of_two_changes_at_once_one_wins<DB: Db>(db: TenantDb<DB>) {
    let tenant = active(&db).await;
    let change = async |suspends: bool| {
        let mut tx = db.global().await?;
        if suspends {
            tenants::suspend(&mut tx, tenant, &reason()).await?;
        } else {
            tenants::delete(&mut tx, tenant, Utc::now(), &reason()).await?;
        }
        tx.commit().await
    };
    let suspends = (0..8).map(|index| change(index % 2 == 0));
    let done = futures_util::future::join_all(suspends).await;
    let won = done.iter().filter(|done| done.is_ok()).count();
    // Who looks after a suspension was committed may still delete.
    assert!((1..=2).contains(&won), "{done:?}");
    for error in done.into_iter().filter_map(Result::err) {
        assert!(matches!(error, Error::Overtaken { .. } | Error::Lifecycle { .. }), "{error:?}");
        assert_eq!(saas_core::Problem::from(error).status(), 409);
    }
}

pub(crate) async fn no_step_is_done_twice_and_a_failed_one_leaves_nothing<DB: Db>(
    db: TenantDb<DB>,
) {
    let tenant = entered(&db).await;
    let outside = Arc::new(AtomicUsize::new(0));
    let steps = |fails: bool| {
        let outside = Arc::clone(&outside);
        Procedure::<DB>::new()
            .outside("bucket", move |_| {
                let outside = Arc::clone(&outside);
                Box::pin(async move {
                    outside.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
            })
            .step("first", |tx| {
                Box::pin(async move {
                    let tenant = tx.tenant();
                    Ok(tx.insert(&Customer::new(tenant, "first@x")).await?)
                })
            })
            .step("second", move |tx| {
                Box::pin(async move {
                    let tenant = tx.tenant();
                    tx.insert(&Customer::new(tenant, "second@x")).await?;
                    if fails { Err("the mail server is away".into()) } else { Ok(()) }
                })
            })
    };
    let error = tenants::provision(&db, tenant, &steps(true), &reason()).await.unwrap_err();
    assert!(matches!(error, Error::Step { step: "second", .. }), "{error:?}");
    assert_eq!(error.source().unwrap().to_string(), "the mail server is away");
    assert_eq!(state(&db, tenant).await, State::Provisioning);
    assert_eq!(db.read(tenant).select::<Customer>().count().await.unwrap(), 1);

    // Two at once, then once more.
    let (good, reason) = (steps(false), reason());
    let provision = || tenants::provision(&db, tenant, &good, &reason);
    let (one, other) = futures_util::future::join(provision(), provision()).await;
    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    provision().await.unwrap();
    assert_eq!(state(&db, tenant).await, State::Active);
    assert_eq!(db.read(tenant).select::<Customer>().count().await.unwrap(), 2);
    assert_eq!(outside.load(Ordering::Relaxed), 1);
}

pub(crate) async fn the_table_is_a_directory<DB: Db>(db: TenantDb<DB>) {
    let tenant = entered(&db).await;
    let keys = [
        Key::Id(tenant),
        Key::Slug(slug(tenant)),
        Key::Domain(format!("{}.example", slug(tenant))),
    ];
    let standing = async || {
        let mut seen = Vec::new();
        for key in &keys {
            let found = Directory::find(&db, key).await.unwrap();
            assert!(found.is_none_or(|found| found.tenant == tenant));
            seen.push(found.map(|found| found.standing));
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
        seen[0]
    };
    assert_eq!(standing().await, None);
    tenants::provision(&db, tenant, &Procedure::new(), &reason()).await.unwrap();
    assert_eq!(standing().await, Some(Standing::Active));
    let mut tx = db.global().await.unwrap();
    tenants::suspend(&mut tx, tenant, &reason()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(standing().await, Some(Standing::Suspended));
    let mut tx = db.global().await.unwrap();
    tenants::delete(&mut tx, tenant, Utc::now(), &reason()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(standing().await, Some(Standing::Suspended));
    tenants::purge(&db, tenant, &Procedure::new(), &reason()).await.unwrap();
    assert_eq!(Directory::find(&db, &keys[0]).await.unwrap(), None);
    assert_eq!(Directory::find(&db, &keys[2]).await.unwrap(), None);
}

pub(crate) async fn domains_come_and_go<DB: Db>(db: TenantDb<DB>) {
    let (tenant, other) = (active(&db).await, active(&db).await);
    let domain = format!("shop.{}.example", slug(tenant));
    let mut tx = db.global().await.unwrap();
    tenants::add_domain(&mut tx, tenant, &domain.to_uppercase(), &reason()).await.unwrap();
    assert!(!tenants::remove_domain(&mut tx, other, &domain, &reason()).await.unwrap());
    tx.commit().await.unwrap();
    let key = Key::Domain(domain.clone());
    assert_eq!(Directory::find(&db, &key).await.unwrap().unwrap().tenant, tenant);
    let mut tx = db.global().await.unwrap();
    let error = tenants::add_domain(&mut tx, other, &domain, &reason()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    drop(tx);
    let mut tx = db.global().await.unwrap();
    assert!(tenants::remove_domain(&mut tx, tenant, &domain, &reason()).await.unwrap());
    let found = tenants::list(&mut tx, None, 100_000).await.unwrap();
    assert!(found.iter().any(|record| record.id == tenant));
    tx.commit().await.unwrap();
    assert_eq!(Directory::find(&db, &key).await.unwrap(), None);
}

suite!(
    a_tenant_goes_all_the_way_and_each_step_is_audited,
    a_tenant_that_is_gone_leaves_its_names_to_others,
    what_cannot_happen_is_refused_with_where_the_tenant_stands,
    of_two_changes_at_once_one_wins,
    no_step_is_done_twice_and_a_failed_one_leaves_nothing,
    the_table_is_a_directory,
    domains_come_and_go,
);
