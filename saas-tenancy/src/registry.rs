use saas_core::schema::{self, Dialect};
use saas_core::{ColumnDef, Entity, Owner, Reference};

use crate::{Error, Result};

/// The entities an application has, so that the database can be checked against them, walled,
/// exported and emptied.
///
/// ```
/// # use saas_core::{Entity, Id};
/// # #[derive(Entity)]
/// # #[entity(table = "plans", global)]
/// # struct Plan { id: Id<Plan> }
/// # #[derive(Entity)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice>, #[entity(references = Plan)] plan_id: Id<Plan> }
/// use saas_tenancy::Registry;
///
/// let registry = Registry::new().register::<Invoice>().register::<Plan>();
/// let names: Vec<_> = registry.in_order()?.iter().map(|table| table.name).collect();
/// assert_eq!(names, ["plans", "invoices"]);
/// # Ok::<(), saas_tenancy::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Registry {
    tables: Vec<Table>,
}

/// What is known of one registered entity's table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Table {
    /// Its name, `name` or `schema.name`.
    pub name: &'static str,
    /// Whose rows it holds.
    pub owner: Owner,
    /// Every column: the struct's own, and those its attributes promise.
    pub columns: Vec<ColumnDef>,
    /// Column sets that name a row within its tenant; for a global entity, at all.
    pub unique: &'static [&'static [&'static str]],
    /// Whether rows are marked as deleted instead of removed.
    pub soft_deletes: bool,
    ddl: fn(Dialect) -> String,
}

impl Registry {
    /// No entity yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity.
    #[must_use]
    pub fn register<E: Entity>(mut self) -> Self {
        self.tables.push(Table::of::<E>());
        self
    }

    /// All tables, in the order in which they were registered.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The tables whose rows belong to tenants.
    pub fn tenant_tables(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.tables.iter().filter(|table| table.is_tenants()).map(|table| table.name)
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// All tables, each after those that it references; of equal ones, first the one that was
    /// registered first.
    ///
    /// A table that references itself stands where its other references put it. A reference to a
    /// table that is not registered does not count.
    ///
    /// # Errors
    /// [`Error::ReferenceCycle`] if tables reference each other in a circle.
    pub fn in_order(&self) -> Result<Vec<&Table>> {
        let mut placed: Vec<&Table> = Vec::with_capacity(self.tables.len());
        let mut waiting: Vec<&Table> = self.tables.iter().collect();
        while !waiting.is_empty() {
            let names: Vec<_> = waiting.iter().map(|table| table.name).collect();
            let waits = |table: &&Table| {
                table
                    .references()
                    .any(|(_, parent)| parent.table != table.name && names.contains(&parent.table))
            };
            let Some(next) = waiting.iter().position(|table| !waits(table)) else {
                return Err(Error::ReferenceCycle { tables: circle(&waiting) });
            };
            placed.push(waiting.remove(next));
        }
        Ok(placed)
    }
}

impl Table {
    pub(crate) fn of<E: Entity>() -> Self {
        Self {
            name: E::TABLE,
            owner: E::OWNER,
            columns: schema::columns::<E>(),
            unique: E::UNIQUE,
            soft_deletes: E::SOFT_DELETES,
            ddl: schema::table::<E>,
        }
    }

    /// Whether its rows belong to tenants.
    pub fn is_tenants(&self) -> bool {
        self.owner == Owner::Tenant
    }

    /// The columns that point to other tables, and where each points.
    pub fn references(&self) -> impl Iterator<Item = (&'static str, Reference)> + '_ {
        self.columns.iter().filter_map(|column| Some((column.name, column.references?)))
    }

    /// The table with its keys and indexes, as [`saas_core::schema::table`] writes it.
    pub fn ddl(&self, dialect: Dialect) -> String {
        (self.ddl)(dialect)
    }
}

/// The tables of one circle: from any that wait, each step goes to a parent that waits as well, so
/// sooner or later one is met again.
fn circle(waiting: &[&Table]) -> Vec<&'static str> {
    let mut path: Vec<&'static str> = Vec::new();
    let mut next = waiting.first().copied();
    while let Some(table) = next {
        if let Some(start) = path.iter().position(|name| *name == table.name) {
            return path.split_off(start);
        }
        path.push(table.name);
        next = table
            .references()
            .filter(|(_, parent)| parent.table != table.name)
            .find_map(|(_, parent)| waiting.iter().find(|other| other.name == parent.table))
            .copied();
    }
    path
}

#[cfg(test)]
mod tests {
    use saas_core::Kind;

    use super::*;

    fn table(name: &'static str, parents: &[&'static str]) -> Table {
        let column = |parent: &&'static str| ColumnDef {
            name: "parent_id",
            kind: Kind::Uuid,
            nullable: false,
            references: Some(Reference { table: parent, owner: Owner::Tenant }),
        };
        Table {
            name,
            owner: Owner::Tenant,
            columns: parents.iter().map(column).collect(),
            unique: &[],
            soft_deletes: false,
            ddl: |_| String::new(),
        }
    }

    fn order(tables: Vec<Table>) -> Result<Vec<&'static str>> {
        Ok(Registry { tables }.in_order()?.iter().map(|table| table.name).collect())
    }

    #[test]
    fn parents_come_before_children_and_otherwise_the_first_registered() {
        let tables = vec![
            table("lines", &["invoices", "articles"]),
            table("zebras", &[]),
            table("invoices", &["customers", "invoices"]),
            table("articles", &["not_registered"]),
            table("customers", &[]),
        ];
        assert_eq!(
            order(tables).unwrap(),
            ["zebras", "articles", "customers", "invoices", "lines"]
        );
    }

    #[test]
    fn a_circle_is_named_without_the_tables_that_only_lead_into_it() {
        let tables = vec![
            table("leaf", &["a"]),
            table("a", &["b"]),
            table("b", &["c"]),
            table("c", &["a"]),
            table("apart", &[]),
        ];
        let error = order(tables).unwrap_err();
        assert_eq!(error.to_string(), "tables reference each other in a circle: a, b, c");
    }
}
