use std::fmt;
use std::marker::PhantomData;

use crate::{DeletionId, Id, Owner, TenantId, Version};

/// A column of `E` that holds a `T`: what filters, sorts and updates are written with.
///
/// `#[derive(Entity)]` makes one constant per field, `Invoice::STATUS` for `status`.
/// `N` is [`Nullable`] where the field is an `Option`.
pub struct Column<E, T, N = NotNull> {
    name: &'static str,
    of: PhantomData<Of<E, T, N>>,
}

/// Owns nothing of them, so a column crosses threads whatever they are.
type Of<E, T, N> = fn() -> (E, T, N);

impl<E, T, N> Column<E, T, N> {
    /// A column by name; the derive calls it.
    pub const fn new(name: &'static str) -> Self {
        Self { name, of: PhantomData }
    }

    /// The column's name in the table.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl<E, T, N> Copy for Column<E, T, N> {}
impl<E, T, N> Clone for Column<E, T, N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E, T, N> fmt::Debug for Column<E, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({})", self.name)
    }
}

/// Whether a column can be NULL; sealed.
pub trait Nullability: sealed::Sealed + 'static {
    /// What the column holds: `T`, or `Option<T>` where it can be NULL.
    type Of<T: Send + Sync + 'static>: Send + Sync + 'static;
}

/// A column that is never NULL.
#[derive(Debug, Clone, Copy)]
pub enum NotNull {}
/// A column that can be NULL.
#[derive(Debug, Clone, Copy)]
pub enum Nullable {}

impl Nullability for NotNull {
    type Of<T: Send + Sync + 'static> = T;
}
impl Nullability for Nullable {
    type Of<T: Send + Sync + 'static> = Option<T>;
}
mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NotNull {}
    impl Sealed for super::Nullable {}
}

/// What a column is, as data: for statements, schema advice and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name in the table.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// The entity it points to, if it is a foreign key.
    pub references: Option<Reference>,
}

/// Where a foreign key points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// The parent's table.
    pub table: &'static str,
    /// Whose rows the parent's are; a tenant's parent is referenced together with `tenant_id`.
    pub owner: Owner,
}

/// What a column holds, independent of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `uuid`; a 16-byte blob on SQLite.
    Uuid,
    /// `text`.
    Text,
    /// `smallint`.
    SmallInt,
    /// `integer`.
    Int,
    /// `bigint`.
    BigInt,
    /// `double precision`.
    Float,
    /// `boolean`.
    Bool,
    /// `timestamptz`; text in RFC 3339 on SQLite.
    Timestamp,
    /// `date`.
    Date,
    /// `bytea`.
    Bytes,
    /// `jsonb`; text on SQLite.
    Json,
}

/// A Rust type that says what column holds it.
#[diagnostic::on_unimplemented(
    message = "no column kind is known for `{Self}`",
    note = "write `#[entity(kind = \"text\")]` (or uuid, int, bigint, …) on the field, or implement `saas_core::ColumnKind` for the type"
)]
pub trait ColumnKind {
    /// What the column holds.
    const KIND: Kind;
}

macro_rules! kinds {
    ($($type:ty => $kind:ident),* $(,)?) => {
        $(impl ColumnKind for $type { const KIND: Kind = Kind::$kind; })*
    };
}

kinds! {
    uuid::Uuid => Uuid,
    TenantId => Uuid,
    DeletionId => Uuid,
    Version => BigInt,
    String => Text,
    i16 => SmallInt,
    i32 => Int,
    i64 => BigInt,
    f64 => Float,
    bool => Bool,
    chrono::DateTime<chrono::Utc> => Timestamp,
    chrono::NaiveDate => Date,
    Vec<u8> => Bytes,
    serde_json::Value => Json,
}

impl<E> ColumnKind for Id<E> {
    const KIND: Kind = Kind::Uuid;
}
