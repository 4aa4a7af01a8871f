//! The promise: whatever one tenant tries, it reads, changes and learns nothing of another's rows. The
//! kit tries it on every entity that belongs to tenants; put yours here too.

use invoicing_domain::customers::Customer;
use invoicing_domain::invoices::{Invoice, Line};
use invoicing_domain::{Db, db};
use saas_tenancy::TenantDb;
use saas_tenancy::testing::{Kit, Report};
use sqlx::Pool;

use crate::support::{self, customer, draft};

async fn report<D: Db>(pool: Pool<D>) -> Report {
    let db = TenantDb::connect(pool, db::registry()).await.unwrap();
    let tenants = db.clone();
    let kit = Kit::new(db)
        .tenants(move || {
            let db = tenants.clone();
            async move { support::tenant(&db).await }
        })
        .entity::<Customer>(|maker| customer(maker.id(), maker.tenant(), maker.text()))
        .entity::<Invoice>(|maker| Invoice {
            total_minor: maker.number().into(),
            ..draft(maker.id(), maker.tenant(), maker.parent::<Customer>())
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

#[tokio::test]
async fn on_sqlite() {
    let (pool, _folder) = support::sqlite().await;
    report(pool).await.assert_isolated();
}

#[tokio::test]
async fn on_postgres() {
    report(support::postgres("isolation").await).await.assert_isolated();
}
