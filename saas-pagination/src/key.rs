use std::fmt;
use std::sync::Arc;

use saas_core::{Column, Kind, Nullability};

use crate::{Scalar, Value};

/// Where NULLs stand in a sort. Both directions of a sort keep the placement: with `Last`, rows
/// without a due date come last under `due_on` and under `-due_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nulls {
    /// Before every value.
    First,
    /// After every value.
    #[default]
    Last,
}

/// One key of a sort: a column, its direction, and how to read its value from a row.
///
/// Ascending, NULLs last, until said otherwise.
pub struct Key<R> {
    pub(crate) column: &'static str,
    pub(crate) descending: bool,
    pub(crate) nulls: Nulls,
    pub(crate) nullable: bool,
    pub(crate) kind: Kind,
    pub(crate) read: Arc<dyn Fn(&R) -> Value + Send + Sync>,
}

impl<R> Key<R> {
    /// A key on a typed column of an entity, or on a column of the base select by name.
    ///
    /// `read` gives what the row holds in that column, an `Option` where it can be NULL:
    ///
    /// ```
    /// # #[derive(saas_core::Entity)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: saas_core::Id<Invoice>, total: i64, due_on: Option<chrono::NaiveDate> }
    /// use saas_pagination::Key;
    /// let total = Key::new(Invoice::TOTAL, |invoice: &Invoice| invoice.total).descending();
    /// let due = Key::new("due_on", |invoice: &Invoice| invoice.due_on);
    /// ```
    ///
    /// A value of another type, or one that forgets the NULL, does not compile:
    ///
    /// ```compile_fail
    /// # #[derive(saas_core::Entity)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: saas_core::Id<Invoice>, total: i64, due_on: Option<chrono::NaiveDate> }
    /// # use saas_pagination::Key;
    /// Key::new(Invoice::DUE_ON, |invoice: &Invoice| invoice.due_on.unwrap_or_default());
    /// ```
    pub fn new<V: Scalar>(
        column: impl KeyColumn<R, V>,
        read: impl Fn(&R) -> V + Send + Sync + 'static,
    ) -> Self {
        Self {
            column: column.name(),
            descending: false,
            nulls: Nulls::Last,
            nullable: V::NULLABLE,
            kind: V::KIND,
            read: Arc::new(move |row| read(row).into_value()),
        }
    }

    /// From the greatest to the least.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// Where NULLs stand, in either direction.
    #[must_use]
    pub fn nulls(mut self, nulls: Nulls) -> Self {
        self.nulls = nulls;
        self
    }
}

impl<R> Clone for Key<R> {
    fn clone(&self) -> Self {
        Self { read: Arc::clone(&self.read), ..*self }
    }
}

impl<R> fmt::Debug for Key<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("column", &self.column)
            .field("descending", &self.descending)
            .field("nulls", &self.nulls)
            .field("nullable", &self.nullable)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What names the column of a [`Key`] whose values are `V`: a typed [`Column`] of the row's entity,
/// or a string, taken at its word. Sealed.
#[diagnostic::on_unimplemented(
    message = "this column of `{R}` does not hold `{V}`",
    note = "the closure returns what the column holds: an `Option` where it can be NULL"
)]
pub trait KeyColumn<R, V>: sealed::Sealed {
    #[doc(hidden)]
    fn name(self) -> &'static str;
}

impl<R, T, N> KeyColumn<R, N::Of<T>> for Column<R, T, N>
where
    T: Send + Sync + 'static,
    N: Nullability,
{
    fn name(self) -> &'static str {
        Column::name(self)
    }
}
impl<R, V> KeyColumn<R, V> for &'static str {
    fn name(self) -> &'static str {
        self
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
    impl<E, T, N> Sealed for saas_core::Column<E, T, N> {}
    impl Sealed for &'static str {}
}
