use crate::{ColumnDef, Id};

/// Whose rows a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Each row belongs to one tenant and says so in `tenant_id`.
    Tenant,
    /// The rows belong to nobody in particular.
    Global,
}

/// A row of a table, and what the family may rely on about it. `#[derive(Entity)]` writes it.
///
/// The struct stays plain: usable with sqlx's `FromRow`, with serde, and by hand.
///
/// ```
/// use saas_core::{Entity, Id, TenantId, Timestamps, Version};
///
/// #[derive(Entity)]
/// #[entity(table = "invoices", tenant, soft_delete)]
/// struct Invoice {
///     id: Id<Invoice>,
///     tenant_id: TenantId,
///     #[entity(unique)]
///     number: String,
///     note: Option<String>,
///     #[entity(version)]
///     version: Version,
///     #[entity(timestamps)]
///     timestamps: Timestamps,
/// }
///
/// assert_eq!(Invoice::TABLE, "invoices");
/// assert_eq!(Invoice::NUMBER.name(), "number");
/// assert!(Invoice::SOFT_DELETES && Invoice::VERSIONED && Invoice::TIMESTAMPED);
/// ```
///
/// The choice between tenant and global is never made by accident; the compiler asks
/// "say whose rows these are: write `tenant` or `global` in `#[entity(…)]`":
///
/// ```compile_fail
/// use saas_core::{Entity, Id};
/// #[derive(Entity)]
/// #[entity(table = "invoices")]
/// struct Invoice {
///     id: Id<Invoice>,
/// }
/// ```
///
/// A word it does not know is answered with those it does: "unknown word `soft_deleted`; write one
/// of …":
///
/// ```compile_fail
/// use saas_core::{Entity, Id};
/// #[derive(Entity)]
/// #[entity(table = "invoices", tenant, soft_deleted)]
/// struct Invoice {
///     id: Id<Invoice>,
/// }
/// ```
pub trait Entity: Sized + Send + Sync + 'static {
    /// The table, `name` or `schema.name`.
    const TABLE: &'static str;
    /// Whose rows they are.
    const OWNER: Owner;
    /// The struct's columns, in the order of its fields.
    const COLUMNS: &'static [ColumnDef];
    /// The same as a select list: quoted, each with its table.
    const SELECT: &'static str;
    /// Rows are marked as deleted (`deleted_at`, `deletion_id`) instead of removed.
    const SOFT_DELETES: bool;
    /// The table has `created_at` and `updated_at`, and the statements keep them.
    const TIMESTAMPED: bool;
    /// The table has `version`, and every update adds one.
    const VERSIONED: bool;
    /// Column sets that name a row within its tenant (for a global entity: at all).
    const UNIQUE: &'static [&'static [&'static str]];

    /// The row's id.
    fn id(&self) -> Id<Self>;
}

/// An entity whose rows belong to tenants: `#[entity(…, tenant)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not owned by a tenant",
    note = "a global entity goes through `TenantDb::global`; or write `tenant` in `#[entity(…)]`"
)]
pub trait TenantOwned: Entity {
    /// The tenant that the row says it belongs to; `None` if the struct has no `tenant_id`.
    fn tenant(&self) -> Option<crate::TenantId>;
}

/// An entity whose rows belong to nobody in particular: `#[entity(…, global)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a global entity",
    note = "a tenant's rows are reached through a tenant's transaction"
)]
pub trait Global: Entity {}

/// An entity that is soft-deleted: `#[entity(…, soft_delete)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not soft-deleted",
    note = "write `soft_delete` in `#[entity(…)]`"
)]
pub trait SoftDeletes: Entity {}

/// An entity with an optimistic lock: `#[entity(…, version)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no version",
    note = "write `version` in `#[entity(…)]`"
)]
pub trait Versioned: Entity {}

/// An entity with `created_at` and `updated_at`: `#[entity(…, timestamps)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no timestamps",
    note = "write `timestamps` in `#[entity(…)]`"
)]
pub trait Timestamped: Entity {}
