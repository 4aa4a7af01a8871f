use futures_core::future::BoxFuture;
use saas_core::sql::{Binds, fragment};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{State, record};
use crate::migrations::own;
use crate::resolve::{Directory, DirectoryError, Entry, Key, Standing};
use crate::{TenantBackend, TenantDb};

/// The table of tenants as a directory: one that is being provisioned, is being purged or is gone is
/// unknown; one that is suspended or to be deleted is not served.
///
/// ```no_run
/// # fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>) {
/// use saas_tenancy::resolve::{Cached, Resolver};
/// let resolver = Resolver::new(Cached::new(db)).subdomain_of("example.com").custom_domain();
/// # }
/// ```
impl<DB: TenantBackend> Directory for TenantDb<DB> {
    fn find<'d>(&'d self, key: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
        Box::pin(async move {
            let named = fragment(|query| push_named(query, key));
            let rows = self.read_global().fetch_all(&named).await?;
            let found = rows.first().map(record::read::<DB>).transpose()?;
            Ok(found.and_then(|found| {
                standing(found.state).map(|standing| Entry { tenant: found.id, standing })
            }))
        })
    }
}

fn push_named<DB: TenantBackend>(query: &mut QueryBuilder<DB>, key: &Key) {
    query.push("select ").push(record::COLUMNS).push(" from ").push(own::<DB>("tenants"));
    match key {
        Key::Id(tenant) => {
            query.push(" where id = ");
            <DB as Binds<Uuid>>::push_bind(query, &tenant.uuid());
        }
        Key::Slug(slug) => {
            query.push(" where slug = ");
            <DB as Binds<String>>::push_bind(query, slug);
        }
        Key::Domain(domain) => {
            query.push(" where id = (select tenant_id from ").push(own::<DB>("tenant_domains"));
            query.push(" where domain = ");
            <DB as Binds<String>>::push_bind(query, domain);
            query.push(")");
        }
    }
}

fn standing(state: State) -> Option<Standing> {
    match state {
        State::Active => Some(Standing::Active),
        State::Suspended | State::Deleting { .. } => Some(Standing::Suspended),
        State::Provisioning | State::Purging | State::Purged => None,
    }
}
