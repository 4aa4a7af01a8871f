//! Tenants and their keys: global rows, found before any tenant is known.

use chrono::{DateTime, Utc};
use saas_core::{Entity, Id, Problem, TenantId, Timestamps};
use saas_idempotency::Reply;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::input::{self, Members};
use crate::openapi::values;
use crate::{App, Db, keys};

/// A customer of ours, whose data nobody else sees.
#[derive(Debug, Clone, Entity, FromRow)]
#[entity(table = "tenants", global)]
pub struct Tenant {
    pub id: Id<Tenant>,
    #[entity(unique)]
    pub slug: String,
    pub name: String,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    pub timestamps: Timestamps,
}

/// A secret that lets a program act for a tenant; only its hash is kept.
#[derive(Debug, Clone, Entity, FromRow)]
#[entity(table = "api_keys", global)]
pub struct ApiKey {
    pub id: Id<ApiKey>,
    #[entity(column = "tenant_id", references = Tenant)]
    pub tenant_id: Id<Tenant>,
    #[entity(unique)]
    pub key_hash: Vec<u8>,
    pub created_at: DateTime<Utc>,
}

/// The body of `POST /tenants`.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    #[schema(schema_with = values::slug)]
    pub slug: String,
    #[schema(schema_with = values::text::<200>)]
    pub name: String,
}

impl NewTenant {
    fn read(body: Value) -> Result<Self, Problem> {
        let mut members = Members::of(body)?;
        let slug = members.required("slug", slug);
        let name = members.required("name", input::text(200));
        members.finish()?;
        let (Some(slug), Some(name)) = (slug, name) else { return Err(input::invalid()) };
        Ok(Self { slug, name })
    }
}

/// What its maker is told, the key this once.
#[derive(Serialize, ToSchema)]
pub struct TenantWithKey {
    #[schema(value_type = Uuid)]
    pub id: Id<Tenant>,
    #[schema(schema_with = values::slug)]
    pub slug: String,
    #[schema(schema_with = values::text::<200>)]
    pub name: String,
    pub api_key: String,
}

impl Tenant {
    /// The tenant as the scope of its rows.
    pub fn scope(&self) -> TenantId {
        TenantId::from_uuid(self.id.uuid())
    }
}

/// `POST /tenants`: a new tenant and its first key, which is shown this once.
pub async fn create<D: Db>(app: App<D>, body: Value) -> Result<Reply, Problem> {
    let NewTenant { slug, name } = NewTenant::read(body)?;
    let secret = keys::new_secret("key").map_err(|_| Problem::new(503))?;
    let timestamps = Timestamps::new(&*app.clock);
    let tenant = Tenant { id: Id::new(), slug, name, timestamps };
    let key = ApiKey {
        id: Id::new(),
        tenant_id: tenant.id,
        key_hash: keys::hash(&secret),
        created_at: timestamps.created_at,
    };
    let mut tx = app.db.global().await?;
    tx.insert(&tenant).await.map_err(|error| match error {
        saas_tenancy::Error::Taken { .. } => {
            Problem::new(409).detail("the slug is taken").field("slug", "is taken")
        }
        other => other.into(),
    })?;
    tx.insert(&key).await?;
    tx.commit().await?;
    let Tenant { id, slug, name, .. } = tenant;
    Ok(Reply::json(201, &TenantWithKey { id, slug, name, api_key: secret })?)
}

/// Whom an API key stands for.
#[derive(Debug, Clone)]
pub struct Holder {
    pub tenant: TenantId,
    pub slug: String,
}

/// Whom this key stands for; nobody, if there is none such.
pub async fn of_key<D: Db>(app: App<D>, secret: String) -> Result<Option<Holder>, Problem> {
    let key = app.db.read_global().select::<ApiKey>().join(ApiKey::TENANT_ID);
    let key = key.filter(ApiKey::KEY_HASH.eq(keys::hash(&secret)));
    let found = key.columns((Tenant::ID, Tenant::SLUG)).optional().await?;
    Ok(found.map(|(id, slug)| Holder { tenant: TenantId::from_uuid(id.uuid()), slug }))
}

/// `[a-z0-9]+(-[a-z0-9]+)*`, at most 63: what can stand in a host name.
fn slug(value: Value) -> Result<String, String> {
    let slug = value.as_str().unwrap_or_default();
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if slug.len() <= 63 && slug.split('-').all(part) {
        Ok(slug.to_owned())
    } else {
        Err("must be lower-case letters and digits, joined by single hyphens, at most 63"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slugs_are_what_a_host_name_can_hold() {
        for good in ["a", "acme", "a-1", "7-eleven"] {
            assert!(slug(json!(good)).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "é", &"a".repeat(64)] {
            assert!(slug(json!(bad)).is_err(), "{bad}");
        }
    }
}
