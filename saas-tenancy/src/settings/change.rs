use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_core::sql::{Binds, Reads};
use serde_json::{Map, Value};
use sqlx::QueryBuilder;

use super::Typed;
use super::finite::is_finite;
use crate::audit::{Bounds, DEPTH, plain, within};
use crate::{AuditEntry, Error, Result, TenantBackend, TenantTx};

/// As much JSON as one value takes; an entry tells of two, one level deeper.
const VALUE: Bounds = Bounds { bytes: 16 * 1024, depth: DEPTH - 1 };

impl<DB: TenantBackend> TenantTx<DB> {
    /// Gives the tenant a value of its own, in up to 16 KiB of JSON with its numbers written out, and
    /// writes down who did so, what it was and what it is.
    ///
    /// ```no_run
    /// # use saas_tenancy::Setting;
    /// # const SEATS: Setting<u32> = Setting::new("seats", || 5);
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// tx.set(&SEATS, 50, "mia@example.com").await?;
    /// tx.commit().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the value is; [`Error::Unstorable`] if it holds a NUL character or a
    /// number that is none; [`Error::WrongSetting`] if it cannot be written as JSON otherwise;
    /// [`Error::Unaccountable`] if the actor or the setting's name is empty, too long or no plain text.
    pub async fn set<S: Typed>(
        &mut self,
        setting: &S,
        value: S::Value,
        actor: impl Into<String>,
    ) -> Result<()> {
        let (name, entry) = (setting.name(), AuditEntry::new(actor, "setting.set"));
        // Before anything is changed, since who handles the error may commit.
        check(name, &entry)?;
        if !is_finite(&value) {
            return Err(Error::Unstorable { what: name, problem: "holds a number that is none" });
        }
        let value = serde_json::to_value(value);
        let value = value.map_err(|source| Error::WrongSetting { name, source })?;
        within(name, &value, VALUE)?;
        let query = upsert(self.tenant(), name, &value, self.clock().now());
        let row = self.fetch_optional(query).await?.ok_or(sqlx::Error::RowNotFound)?;
        let (old,) = <DB as Reads<(Option<Value>,)>>::read(&row)?;
        self.audit(entry.change(change(name, old, Some(value)))).await
    }

    /// Takes the tenant's own value away, so that it has the default again, and writes down who did
    /// so and what it was. Whether there was one; if not, nothing is written down.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn reset<S: Typed>(&mut self, setting: &S, actor: impl Into<String>) -> Result<bool> {
        let (name, entry) = (setting.name(), AuditEntry::new(actor, "setting.reset"));
        check(name, &entry)?;
        let Some(row) = self.fetch_optional(delete(self.tenant(), name)).await? else {
            return Ok(false);
        };
        let (old,) = <DB as Reads<(Option<Value>,)>>::read(&row)?;
        self.audit(entry.change(change(name, old, None))).await?;
        Ok(true)
    }
}

/// Who changes which setting.
fn check(name: &'static str, entry: &AuditEntry) -> Result<()> {
    plain("setting's name", name, 100)?;
    entry.check()
}

/// In one statement, which waits for another one on the same row: what it returns is what was there
/// when it wrote, not what an earlier look has seen.
fn upsert<DB: TenantBackend>(
    tenant: TenantId,
    name: &'static str,
    value: &Value,
    at: DateTime<Utc>,
) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new(match DB::DIALECT {
        Dialect::Postgres => "insert into saas.settings as s",
        Dialect::Sqlite => "insert into saas_settings as s",
    });
    query.push(" (tenant_id, name, value, at) values (");
    <DB as Binds<TenantId>>::push_bind(&mut query, &tenant);
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &name.to_owned());
    query.push(", ");
    <DB as Binds<Value>>::push_bind(&mut query, value);
    query.push(", ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &at);
    query.push(
        ") on conflict (tenant_id, name) do update
            set previous = s.value, value = excluded.value, at = excluded.at
         returning previous",
    );
    query
}

fn delete<DB: TenantBackend>(tenant: TenantId, name: &'static str) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new(match DB::DIALECT {
        Dialect::Postgres => "delete from saas.settings where tenant_id = ",
        Dialect::Sqlite => "delete from saas_settings where tenant_id = ",
    });
    <DB as Binds<TenantId>>::push_bind(&mut query, &tenant);
    query.push(" and name = ");
    <DB as Binds<String>>::push_bind(&mut query, &name.to_owned());
    query.push(" returning value");
    query
}

/// What was not set is left out: a stored `null` is a value as well.
fn change(name: &str, old: Option<Value>, new: Option<Value>) -> Value {
    let mut change = Map::from_iter([("setting".to_owned(), name.into())]);
    change.extend(old.map(|old| ("old".to_owned(), old)));
    change.extend(new.map(|new| ("new".to_owned(), new)));
    Value::Object(change)
}
