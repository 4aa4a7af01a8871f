use std::borrow::Cow;

use saas_core::TenantId;
use uuid::Uuid;

use crate::{Error, Result};

/// How tenants' schemas are named: a prefix and the 32 hexadecimal digits of the tenant.
///
/// ```
/// use saas_core::TenantId;
/// use saas_tenancy::SchemaNames;
///
/// let tenant: TenantId = "0198a3f2-5c1e-7d3a-9b4c-1234567890ab".parse()?;
/// let names = SchemaNames::with_prefix("customer_")?;
/// assert_eq!(names.of(tenant), "customer_0198a3f25c1e7d3a9b4c1234567890ab");
/// assert_eq!(names.tenant("customer_0198a3f25c1e7d3a9b4c1234567890ab"), Some(tenant));
/// assert_eq!(SchemaNames::default().of(tenant), "t_0198a3f25c1e7d3a9b4c1234567890ab");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaNames {
    prefix: Cow<'static, str>,
    shared: Option<Cow<'static, str>>,
}

/// PostgreSQL cuts longer names in silence, and two tenants' names would then be one.
const LONGEST: usize = 63;
const LONGEST_PREFIX: usize = LONGEST - DIGITS;
const DIGITS: usize = 32;

impl SchemaNames {
    /// Names that begin with `prefix`: a lower-case letter, then lower-case letters, digits and
    /// underscores, at most 31 in all, and not `pg_`.
    ///
    /// # Errors
    /// [`Error::InvalidSchemaName`] if it is anything else.
    pub fn with_prefix(prefix: impl Into<Cow<'static, str>>) -> Result<Self> {
        let prefix = word(prefix.into(), LONGEST_PREFIX)?;
        Ok(Self { prefix, shared: None })
    }

    /// Looks up what a tenant's schema does not have in this one: the global tables that tenants'
    /// rows reference. Without it, a global table is reached from a tenant's schema only by an entity
    /// that names its schema, `#[entity(table = "shared.plans", global)]`.
    ///
    /// It must hold no table of tenants, which is checked at connect.
    ///
    /// # Errors
    /// [`Error::InvalidSchemaName`] if it is not a word like a prefix, of at most 63 letters.
    pub fn sharing(mut self, schema: impl Into<Cow<'static, str>>) -> Result<Self> {
        self.shared = Some(word(schema.into(), LONGEST)?);
        Ok(self)
    }
    /// The name of a tenant's schema.
    pub fn of(&self, tenant: TenantId) -> String {
        format!("{}{}", self.prefix, tenant.uuid().simple())
    }

    /// Whose schema has this name; `None` for one that is no tenant's.
    pub fn tenant(&self, name: &str) -> Option<TenantId> {
        tenant_of(name.strip_prefix(&*self.prefix)?)
    }

    pub(crate) fn shares(&self) -> bool {
        self.shared.is_some()
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn shared(&self) -> Option<&str> {
        self.shared.as_deref()
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How long each name is.
    #[cfg(feature = "postgres")]
    pub(crate) fn length(&self) -> usize {
        self.prefix.len() + DIGITS
    }
}

/// A name that needs no care anywhere.
fn word(name: Cow<'static, str>, longest: usize) -> Result<Cow<'static, str>> {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let sound = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && name.bytes().all(usual)
        && name.len() <= longest
        && !name.starts_with("pg_");
    if sound { Ok(name) } else { Err(Error::InvalidSchemaName { name: name.into() }) }
}

/// The tenant that 32 hexadecimal digits name, in the one spelling that names are written in.
pub(super) fn tenant_of(digits: &str) -> Option<TenantId> {
    let canonical = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != DIGITS || !digits.bytes().all(canonical) {
        return None;
    }
    Uuid::try_parse(digits).ok().map(TenantId::from_uuid)
}

impl Default for SchemaNames {
    /// Names that begin with `t_`.
    fn default() -> Self {
        Self { prefix: Cow::Borrowed("t_"), shared: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_tenants_and_no_other_spelling_is() {
        let (names, tenant) = (SchemaNames::default(), TenantId::new());
        let name = names.of(tenant);
        assert_eq!(names.tenant(&name), Some(tenant));
        let digits = name.strip_prefix("t_").unwrap();
        for other in [
            name.replacen("t_", "T_", 1),
            digits.to_owned(),
            format!("t_{}", digits.to_uppercase() + "a"),
            format!("t_{}", tenant.uuid()),
            format!("t_{}F", &digits[..31]),
            "t_".to_owned(),
        ] {
            assert_eq!(names.tenant(&other), None, "{other}");
        }
    }

    #[test]
    fn a_prefix_that_could_be_cut_or_need_care_is_refused() {
        for prefix in ["", "_t", "1t", "T_", "t-", "t\"", "pg_t_", "tenant.", &"t".repeat(32)] {
            let refused = SchemaNames::with_prefix(prefix.to_owned()).unwrap_err();
            assert!(matches!(refused, Error::InvalidSchemaName { .. }), "{prefix}");
        }
        let longest = SchemaNames::with_prefix("t".repeat(31)).unwrap();
        assert_eq!(longest.of(TenantId::new()).len(), 63);
    }
}
