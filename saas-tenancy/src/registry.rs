use saas_core::{Entity, Owner};

/// The entities an application has, so that the database can be checked against them.
///
/// ```
/// # use saas_core::{Entity, Id};
/// # #[derive(Entity)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice> }
/// # #[derive(Entity)]
/// # #[entity(table = "plans", global)]
/// # struct Plan { id: Id<Plan> }
/// use saas_tenancy::Registry;
/// let registry = Registry::new().register::<Invoice>().register::<Plan>();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Registry {
    tables: Vec<(&'static str, Owner)>,
}

impl Registry {
    /// No entity yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity.
    #[must_use]
    pub fn register<E: Entity>(mut self) -> Self {
        self.tables.push((E::TABLE, E::OWNER));
        self
    }

    /// The tables whose rows belong to tenants.
    pub fn tenant_tables(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.tables.iter().filter(|(_, owner)| *owner == Owner::Tenant).map(|(table, _)| *table)
    }
}
