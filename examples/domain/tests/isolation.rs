//! The promise: whatever one tenant tries, it reads, changes and learns nothing of another's rows. The
//! kit tries it on every entity that belongs to tenants; put yours here too.

use invoicing_domain::customers::{Customer, email_key};
use invoicing_domain::invoices::{Invoice, Line, Status};
use invoicing_domain::tenants::Tenant;
use invoicing_domain::{Db, db, migrate};
use saas_core::{Id, SoftDelete, SystemClock, TenantId, Timestamps, Version};
use saas_tenancy::TenantDb;
use saas_tenancy::testing::{Kit, Report};
use saas_testkit as testkit;
use sqlx::ConnectOptions as _;

async fn report<D: Db>(db: TenantDb<D>) -> Report {
    let tenants = db.clone();
    let kit = Kit::new(db)
        .tenants(move || new_tenant(tenants.clone()))
        .entity::<Customer>(|maker| Customer {
            id: maker.id(),
            tenant_id: maker.tenant(),
            name: "Jane".into(),
            email: maker.text(),
            email_key: email_key(&maker.text()),
            version: Version::FIRST,
            timestamps: Timestamps::new(&SystemClock),
            deletion: SoftDelete::LIVE,
        })
        .entity::<Invoice>(|maker| Invoice {
            id: maker.id(),
            tenant_id: maker.tenant(),
            customer_id: maker.parent::<Customer>(),
            currency: "EUR".into(),
            due_on: None,
            status: Status::Draft,
            total_minor: maker.number().into(),
            version: Version::FIRST,
            timestamps: Timestamps::new(&SystemClock),
            deletion: SoftDelete::LIVE,
        })
        .entity::<Line>(|maker| Line {
            id: maker.id(),
            invoice_id: maker.parent::<Invoice>(),
            position: maker.number().into(),
            description: maker.text(),
            quantity: 1,
            unit_price_minor: 100,
        });
    kit.run().await.unwrap()
}

async fn new_tenant<D: Db>(db: TenantDb<D>) -> TenantId {
    let id = Id::<Tenant>::new();
    let timestamps = Timestamps::new(&SystemClock);
    let tenant = Tenant { id, slug: id.to_string(), name: "Acme".into(), timestamps };
    let mut tx = db.global().await.unwrap();
    tx.insert(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    tenant.scope()
}

#[tokio::test]
async fn on_sqlite() {
    let file = testkit::sqlite().await;
    migrate::sqlite(&file.pool).await.unwrap();
    let db = TenantDb::connect(file.pool.clone(), db::registry()).await.unwrap();
    report(db).await.assert_isolated();
}

#[tokio::test]
async fn on_postgres() {
    let pg = testkit::postgres_fresh().await;
    migrate::postgres(&pg.owner_options.to_url_lossy(), &pg.app_options.to_url_lossy())
        .await
        .unwrap();
    let db = TenantDb::connect(db::postgres(pg.app_options), db::registry()).await.unwrap();
    report(db).await.assert_isolated();
}
