use std::fmt;

use chrono::{DateTime, Utc};
use saas_core::{Column, Entity, Id, NotNull, Owner};

use crate::error::Error;
use crate::filter::{Filter, Target};
use crate::query::RESERVED;
use crate::{
    ConnectionRequest, Cursors, FilterColumn, Key, KeyColumn, Operator, Request, Scalar, Scope,
};

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
    /// unique in the list and never NULL (that it can be NULL does not compile). It is appended to
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
    /// A request without a cursor begins a walk: it takes the moment from the clock of [`Cursors`]
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

    /// What a query string asks of this list, for one tenant or other [`Scope`].
    ///
    /// `limit` (absent or 0: the default; above the maximum: the maximum), `after` or `before` a
    /// cursor, `sort`, and the filters.
    ///
    /// # Errors
    /// [`Error::Parameter`] for whatever is wrong in the query string, naming the parameter;
    /// [`Error::Declaration`] if the list contradicts itself.
    pub fn request(
        &self,
        query: &str,
        cursors: &Cursors,
        scope: impl Into<Scope>,
    ) -> Result<Request<'_, R>, Error> {
        self.check()?;
        Request::parse(self, query, cursors, &scope.into())
    }

    /// What a query string asks of this list in the terms of the
    /// [GraphQL Cursor Connections Specification](https://relay.dev/graphql/connections.htm).
    ///
    /// ```
    /// # use saas_core::sql::Raw;
    /// # use saas_pagination::{Cursors, List};
    /// # #[derive(sqlx::FromRow)]
    /// # struct Post { id: i64 }
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use sqlx::Connection;
    /// # let mut conn = sqlx::SqliteConnection::connect(":memory:").await?;
    /// # sqlx::raw_sql("create table posts (id integer primary key); insert into posts values (1), (2), (3)").execute(&mut conn).await?;
    /// # let cursors = Cursors::new([7; 32])?;
    /// let posts = List::new("posts", "id", |post: &Post| post.id);
    /// let request = posts.connection("last=2", &cursors, ())?;
    /// let connection = request.fetch(Raw("select * from posts"), &mut conn).await?;
    /// assert_eq!(connection.edges[0].node.id, 2);
    /// assert!(connection.page_info.has_previous_page && !connection.page_info.has_next_page);
    /// # Ok(()) }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    ///
    /// `first`, `after`, `last` and `before` follow its algorithm, in any combination: the edges
    /// after `after` and before `before`, of these the `first`, of these the `last`. Without `first`
    /// and `last`, `first` is the list's default limit; 0 gives no edges; above the maximum is the
    /// maximum. `sort` and the filters are those of [`List::request`], and so are the cursors: what
    /// one of the two returns, the other takes. `limit` is unknown here.
    ///
    /// A cursor is a place in the order, whether or not its row is still there. Where `before` does
    /// not lie behind `after` there is nothing between them, and no edge.
    ///
    /// # Errors
    /// As [`List::request`].
    pub fn connection(
        &self,
        query: &str,
        cursors: &Cursors,
        scope: impl Into<Scope>,
    ) -> Result<ConnectionRequest<'_, R>, Error> {
        self.check()?;
        ConnectionRequest::parse(self, query, cursors, &scope.into())
    }

    /// Whether the declaration holds together: for a test, since a request can only fail on it.
    ///
    /// # Errors
    /// [`Error::Declaration`] for a name given twice or not usable in a query string, a default sort
    /// that is not offered, or limits of zero or in the wrong order.
    pub fn check(&self) -> Result<(), Error> {
        match self.mistake() {
            Some(mistake) => Err(Error::Declaration { list: self.resource, mistake }),
            None => Ok(()),
        }
    }

    fn mistake(&self) -> Option<String> {
        if self.default_limit == 0 || self.default_limit > self.max_limit || self.max_limit > MAX {
            return Some(format!("limits go 1 <= default <= max <= {MAX}"));
        }
        if let Some(name) = self.default_sort.filter(|name| self.keys(name).is_none()) {
            return Some(format!("the default sort `{name}` is not offered"));
        }
        let parameters =
            || self.filters.iter().map(|filter| filter.name).chain(self.others.iter().copied());
        if let Some(name) = parameters().find(|name| RESERVED.contains(name)) {
            return Some(format!("the parameter `{name}` has another meaning"));
        }
        repeated(parameters()).or_else(|| repeated(self.sorts.iter().map(|(name, _)| *name)))
    }

    /// The keys of the sort `name` or `-name`, each with whether it descends.
    pub(crate) fn keys(&self, name: &str) -> Option<Vec<(&Key<R>, bool)>> {
        let (name, reversed) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
        let (_, keys) = self.sorts.iter().find(|(offered, _)| *offered == name)?;
        let keys = keys.iter().map(|key| (key, key.descending != reversed));
        Some(self.with_tiebreaker(keys.collect()))
    }

    pub(crate) fn default_keys(&self) -> Vec<(&Key<R>, bool)> {
        let named = self.default_sort.and_then(|name| self.keys(name));
        named.unwrap_or_else(|| self.with_tiebreaker(Vec::new()))
    }

    fn with_tiebreaker<'k>(&'k self, mut keys: Vec<(&'k Key<R>, bool)>) -> Vec<(&'k Key<R>, bool)> {
        if !keys.iter().any(|(key, _)| key.column == self.tiebreaker.column) {
            let descending = keys.last().is_some_and(|(_, descending)| *descending);
            keys.push((&self.tiebreaker, descending));
        }
        keys
    }

    pub(crate) fn find_filter(&self, name: &str) -> Option<&Filter> {
        self.filters.iter().find(|filter| filter.name == name)
    }

    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.others.contains(&name)
    }

    /// The sorts on offer, for an error.
    pub(crate) fn spelled_sorts(&self) -> String {
        let names: Vec<_> = self.sorts.iter().map(|(name, _)| format!("{name}, -{name}")).collect();
        format!("one of {}", names.join(", "))
    }
}

/// A page beyond this is a download.
const MAX: u32 = 10_000;

fn repeated(names: impl Iterator<Item = &'static str>) -> Option<String> {
    let mut seen = Vec::new();
    for name in names {
        if name.is_empty() || name.starts_with('-') || name.contains(['[', ']']) {
            return Some(format!("`{name}` cannot be told apart in a query string"));
        }
        if seen.contains(&name) {
            return Some(format!("`{name}` is declared twice"));
        }
        seen.push(name);
    }
    None
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
mod tests {
    use super::*;

    struct Post {
        id: i64,
        title: String,
    }

    fn posts() -> List<Post> {
        List::new("posts", "id", |p: &Post| p.id).sort("title", "title", |p: &Post| p.title.clone())
    }

    #[test]
    fn the_tiebreaker_follows_the_last_key_unless_it_is_there() {
        let list = posts().sort("id", "id", |p: &Post| p.id);
        let shape = |name| -> Vec<_> {
            list.keys(name).unwrap().iter().map(|(key, down)| (key.column, *down)).collect()
        };
        assert_eq!(shape("-title"), [("title", true), ("id", true)]);
        assert_eq!(shape("id"), [("id", false)]);
        assert!(list.keys("--title").is_none());
    }

    #[test]
    fn a_declaration_that_contradicts_itself_says_how() {
        let mistakes = [
            posts().default_sort("-name"),
            posts().sort("title", "title", |p: &Post| p.title.clone()),
            posts().filter::<i64>("limit", "id", [Operator::Eq]),
            posts().filter::<i64>("a[b]", "id", [Operator::Eq]),
            posts().limits(0, 10),
            posts().limits(20, 10),
        ];
        for list in mistakes {
            assert!(matches!(list.check(), Err(Error::Declaration { .. })), "{list:?}");
        }
        posts().default_sort("-title").check().unwrap();
    }
}
