use std::collections::HashMap;

use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_core::sql::{Binds, Fragment, Reads, fragment};
use serde::Deserialize;
use serde_json::Value;
use sqlx::QueryBuilder;

use super::Typed;
use crate::{Error, Read, Result, TenantBackend, TenantTx};

/// All that one tenant has set, loaded at once.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: HashMap<String, Value>,
}

impl Settings {
    /// The tenant's own value, or the default. Names that the program does not know are left alone.
    ///
    /// ```
    /// use saas_tenancy::{Flag, Setting, Settings};
    ///
    /// const SEATS: Setting<u32> = Setting::new("seats", || 5);
    /// const BETA: Flag = Flag::new("beta", false);
    ///
    /// let nothing_set = Settings::default();
    /// assert_eq!(nothing_set.get(&SEATS)?, 5);
    /// assert!(!nothing_set.get(&BETA)?);
    /// # Ok::<(), saas_tenancy::Error>(())
    /// ```
    ///
    /// What it is read as is what it was declared as:
    ///
    /// ```compile_fail,E0308
    /// # use saas_tenancy::{Setting, Settings};
    /// const SEATS: Setting<u32> = Setting::new("seats", || 5);
    /// let seats: String = Settings::default().get(&SEATS).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::WrongSetting`] if what is stored is of another type.
    pub fn get<S: Typed>(&self, setting: &S) -> Result<S::Value> {
        let Some(stored) = self.values.get(setting.name()) else { return Ok(setting.default()) };
        let wrong = |source| Error::WrongSetting { name: setting.name(), source };
        S::Value::deserialize(stored).map_err(wrong)
    }

    /// Whether the tenant has a value of its own.
    pub fn is_set<S: Typed>(&self, setting: &S) -> bool {
        self.values.contains_key(setting.name())
    }

    fn read<DB: TenantBackend>(rows: &[DB::Row]) -> Result<Self> {
        let values = rows.iter().map(<DB as Reads<(String, Value)>>::read);
        Ok(Self { values: values.collect::<Result<_, sqlx::Error>>()? })
    }
}

impl<DB: TenantBackend> TenantTx<DB> {
    /// All that the tenant has set, in one statement.
    ///
    /// ```no_run
    /// # use saas_tenancy::{Flag, Setting};
    /// # const SEATS: Setting<u32> = Setting::new("seats", || 5);
    /// # const BETA: Flag = Flag::new("beta", false);
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// let settings = tx.settings().await?;
    /// let (seats, beta) = (settings.get(&SEATS)?, settings.get(&BETA)?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the database refused.
    pub async fn settings(&mut self) -> Result<Settings> {
        let mut query = QueryBuilder::new("");
        of(self.tenant()).push_to(&mut query);
        Settings::read::<DB>(&self.fetch_all(query).await?)
    }
}

impl<DB: TenantBackend> Read<DB> {
    /// All that the tenant has set, in one statement and one round trip.
    ///
    /// # Errors
    /// What the database refused.
    pub async fn settings(&self) -> Result<Settings> {
        Settings::read::<DB>(&self.fetch_all(&of(self.scope.0)).await?)
    }
}

fn of<DB: TenantBackend>(tenant: TenantId) -> impl Fragment<DB> {
    fragment(move |query: &mut QueryBuilder<DB>| {
        query.push(match DB::DIALECT {
            Dialect::Postgres => "select name, value from saas.settings where tenant_id = ",
            Dialect::Sqlite => "select name, value from saas_settings where tenant_id = ",
        });
        <DB as Binds<TenantId>>::push_bind(query, &tenant);
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Flag, Setting};
    use super::*;

    const SEATS: Setting<u32> = Setting::new("seats", || 5);
    const NICKNAME: Setting<Option<String>> = Setting::new("nickname", || Some("none".to_owned()));
    const BETA: Flag = Flag::new("beta", true);

    fn stored(name: &str, value: Value) -> Settings {
        Settings { values: [(name.to_owned(), value)].into() }
    }

    #[test]
    fn what_is_not_set_is_the_default_and_what_is_set_is_not() {
        let none = Settings::default();
        assert_eq!((none.get(&SEATS).unwrap(), none.get(&BETA).unwrap()), (5, true));
        assert_eq!(stored("seats", 7.into()).get(&SEATS).unwrap(), 7);
        assert!(!stored("beta", false.into()).get(&BETA).unwrap());
        let unnamed = stored("nickname", Value::Null);
        assert_eq!((unnamed.get(&NICKNAME).unwrap(), unnamed.is_set(&NICKNAME)), (None, true));
    }

    #[test]
    fn another_type_is_an_error_that_names_the_setting() {
        for wrong in [Value::from("7"), (-7).into(), 7.5.into(), Value::Null, true.into()] {
            let error = stored("seats", wrong).get(&SEATS).unwrap_err();
            assert!(matches!(error, Error::WrongSetting { name: "seats", .. }), "{error}");
        }
    }
}
