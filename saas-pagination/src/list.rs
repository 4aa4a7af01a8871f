mod check;
mod requests;

use std::fmt;

use chrono::{DateTime, Utc};
use saas_core::{Column, Entity, Id, NotNull, Owner};

use crate::filter::{Filter, Target};
use crate::{FilterColumn, Key, KeyColumn, Operator, Scalar};

/// What a list offers, said in one place: its sorts, its filters, its limits.
///
/// Declare it once, in a `LazyLock`; then every request is a line:
///
/// ```
/// use std::sync::LazyLock;
/// use chrono::NaiveDate;
/// use saas_core::{Entity, Id, Timestamps};
/// use saas_pagination::{List, Operator::*};
///
/// #[derive(Entity)]
/// #[entity(table = "invoices", tenant)]
/// struct Invoice {
///     id: Id<Invoice>,
///     total_minor: i64,
///     due_on: Option<NaiveDate>,
///     #[entity(timestamps)]
///     timestamps: Timestamps,
/// }
///
/// static INVOICES: LazyLock<List<Invoice>> = LazyLock::new(|| {
///     List::of_entity()
///         .sort("created_at", Invoice::CREATED_AT, |i| i.timestamps.created_at)
///         .sort("due_on", Invoice::DUE_ON, |i| i.due_on)
///         .default_sort("-created_at")
///         .filter("due_on", Invoice::DUE_ON, [Is, Gte, Lt])
///         .filter("total_minor", Invoice::TOTAL_MINOR, [Gte, Lt])
/// });
/// INVOICES.check().unwrap(); // in a test
/// ```
///
/// A key of the wrong type does not compile:
///
/// ```compile_fail
/// # use saas_core::{Entity, Id};
/// # use saas_pagination::List;
/// # #[derive(Entity)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice>, total_minor: i64, note: String }
/// List::<Invoice>::of_entity().sort("total_minor", Invoice::TOTAL_MINOR, |i| i.note.clone());
/// ```
///
/// Keys and filters name columns of what the base select returns, so a base with joins and aliases
/// is fine. [`List::index_ddl`] prints the indexes that the sorts need.
pub struct List<R> {
    pub(crate) resource: &'static str,
    pub(crate) tiebreaker: Key<R>,
    /// An entity's rows are a tenant's.
    pub(crate) tenant: bool,
    /// An entity's rows are marked as deleted.
    pub(crate) soft_deletes: bool,
    pub(crate) sorts: Vec<(&'static str, Vec<Key<R>>)>,
    pub(crate) default_sort: Option<&'static str>,
    pub(crate) filters: Vec<Filter>,
    others: Vec<&'static str>,
    pub(crate) default_limit: u32,
    pub(crate) max_limit: u32,
    pub(crate) as_of: Option<&'static str>,
}

impl<E: Entity> List<E> {
    /// A list of an entity's rows: named by its table, ties broken by its id.
    pub fn of_entity() -> Self {
        Self {
            tenant: E::OWNER == Owner::Tenant,
            soft_deletes: E::SOFT_DELETES,
            ..Self::new(E::TABLE, Column::<E, Id<E>, NotNull>::new("id"), E::id)
        }
    }
}

impl<R> List<R> {
    /// A list of any rows. `resource` names it in its cursors; the tiebreaker is a column that is
    /// unique among the rows of the base select and never NULL (that it can be NULL does not compile). It is appended to
    /// every sort that lacks it, in the direction of the sort's last key.
    ///
    /// ```compile_fail,E0080
    /// # struct Post { slug: Option<String> }
    /// saas_pagination::List::new("posts", "slug", |post: &Post| post.slug.clone());
    /// ```
    pub fn new<V: Scalar>(
        resource: &'static str,
        tiebreaker: impl KeyColumn<R, V>,
        read: impl Fn(&R) -> V + Send + Sync + 'static,
    ) -> Self {
        const { assert!(!V::NULLABLE, "a tiebreaker is never NULL") };
        Self {
            resource,
            tiebreaker: Key::new(tiebreaker, read),
            tenant: false,
            soft_deletes: false,
            sorts: Vec::new(),
            default_sort: None,
            filters: Vec::new(),
            others: Vec::new(),
            default_limit: 25,
            max_limit: 100,
            as_of: None,
        }
    }

    /// Offers the sorts `name` and `-name` by one column, NULLs last in both.
    #[must_use]
    pub fn sort<V: Scalar>(
        self,
        name: &'static str,
        column: impl KeyColumn<R, V>,
        read: impl Fn(&R) -> V + Send + Sync + 'static,
    ) -> Self {
        self.sort_by(name, [Key::new(column, read)])
    }

    /// Offers the sorts `name` and `-name` by several keys; `-name` turns every direction round and
    /// leaves NULLs where they are.
    ///
    /// Without a key it does not compile:
    ///
    /// ```compile_fail,E0080
    /// # struct Post { id: i64 }
    /// # let posts = saas_pagination::List::new("posts", "id", |post: &Post| post.id);
    /// posts.sort_by("nothing", []);
    /// ```
    #[must_use]
    pub fn sort_by<const N: usize>(mut self, name: &'static str, keys: [Key<R>; N]) -> Self {
        const { assert!(N > 0, "a sort has at least one key") };
        self.sorts.push((name, keys.into()));
        self
    }

    /// The sort of a request that names none, `name` or `-name`. Without it: by the tiebreaker,
    /// ascending.
    #[must_use]
    pub fn default_sort(mut self, name: &'static str) -> Self {
        self.default_sort = Some(name);
        self
    }

    /// Offers a filter on a column. A string for a column needs the type:
    /// `.filter::<String>("status", "status", [Eq, In])`.
    ///
    /// The type is the column's: a `String` for one that holds text, whichever of PostgreSQL's it is; for
    /// an enum of the database a [`Scalar`] whose `parse` knows its labels. On SQLite a moment or date
    /// is compared as text, in the form that sqlx writes.
    #[must_use]
    pub fn filter<T: Scalar>(
        mut self,
        name: &'static str,
        column: impl FilterColumn<R, T>,
        operators: impl IntoIterator<Item = Operator>,
    ) -> Self {
        let target = Target::Column(column.name());
        self.filters.push(Filter::new::<T>(name, target, |value| value, operators));
        self
    }

    /// Offers a filter on an SQL expression over the base select's columns, with the client's value
    /// brought into the same form:
    ///
    /// ```
    /// # use saas_pagination::{List, Operator::*};
    /// # struct Customer { id: uuid::Uuid }
    /// # let customers = List::new("customers", "id", |c: &Customer| c.id);
    /// customers.filter_expression("email", "lower(email)", |email: String| email.to_lowercase(), [Eq]);
    /// ```
    #[must_use]
    pub fn filter_expression<T: Scalar>(
        mut self,
        name: &'static str,
        sql: &'static str,
        normalise: impl Fn(T) -> T + Send + Sync + 'static,
        operators: impl IntoIterator<Item = Operator>,
    ) -> Self {
        self.filters.push(Filter::new(name, Target::Expression(sql), normalise, operators));
        self
    }

    /// Lets a parameter pass that the handler reads by itself. It must not change which rows the
    /// list has: cursors do not know of it.
    #[must_use]
    pub fn ignore(mut self, parameter: &'static str) -> Self {
        self.others.push(parameter);
        self
    }

    /// How many rows a page has when the request does not say, 25 if not set here, and at most, 100.
    #[must_use]
    pub fn limits(mut self, default: u32, max: u32) -> Self {
        (self.default_limit, self.max_limit) = (default, max);
        self
    }

    /// Keeps rows that come later out of a walk, whatever its sort. `column` is the moment of a row's
    /// insertion, which never changes and is never NULL:
    ///
    /// ```
    /// # use saas_core::{Entity, Id, Timestamps};
    /// # use saas_pagination::List;
    /// # #[derive(Entity)]
    /// # #[entity(table = "posts", tenant)]
    /// # struct Post { id: Id<Post>, title: String, #[entity(timestamps)] timestamps: Timestamps }
    /// List::of_entity()
    ///     .sort("title", Post::TITLE, |post: &Post| post.title.clone())
    ///     .as_of(Post::CREATED_AT);
    /// ```
    ///
    /// A request without a cursor begins a walk: it takes the moment from the clock of [`Cursors`](crate::Cursors)
    /// and sees the rows inserted up to then. The moment goes into the walk's cursors, which it makes
    /// twelve characters longer, so that every page sees the same rows, until they are deleted or
    /// moved by an update of a sort key. A list that begins to say `as_of` refuses the cursors from
    /// before.
    ///
    /// It bounds what the column says and is no snapshot. Rows whose insertion is committed after the
    /// walk began, but stamped before, still turn up. And the clock that stamps the rows is perhaps
    /// another machine's: if it is behind that of `Cursors`, rows inserted within the difference
    /// after the beginning are in the walk; if it is ahead, rows inserted within the difference
    /// before the beginning are missing from it, a client's own last insertion among them.
    #[must_use]
    pub fn as_of(mut self, column: impl KeyColumn<R, DateTime<Utc>>) -> Self {
        self.as_of = Some(column.name());
        self
    }
}

impl<R> fmt::Debug for List<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("resource", &self.resource)
            .field("sorts", &self.sorts)
            .field("default_sort", &self.default_sort)
            .field("filters", &self.filters)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::List;

    pub(crate) struct Post {
        pub(crate) id: i64,
        pub(crate) title: String,
    }

    pub(crate) fn posts() -> List<Post> {
        List::new("posts", "id", |p: &Post| p.id).sort("title", "title", |p: &Post| p.title.clone())
    }
}
