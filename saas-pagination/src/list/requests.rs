//! What a request asks of a list, and what it looks up there.

use super::List;
use crate::error::{Error, Invalid};
use crate::filter::Filter;
use crate::{ConnectionRequest, Cursors, Key, Request, Scope};

impl<R> List<R> {
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

    /// What is wrong with the name of a sort that is not on offer.
    pub(crate) fn no_such_sort(&self) -> Invalid {
        if self.sorts.is_empty() {
            return Invalid::Unknown;
        }
        let names: Vec<_> = self.sorts.iter().map(|(name, _)| format!("{name}, -{name}")).collect();
        Invalid::Value { expected: format!("one of {}", names.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use crate::list::tests::{Post, posts};

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
}
