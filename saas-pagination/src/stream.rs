//! A whole list, page by page.

use futures_core::Stream;
use futures_util::stream::try_unfold;
use saas_core::sql::{Backend, Fragment, Reads};
use sqlx::Connection;

use crate::run::run;
use crate::{Error, Page, Plan, Request};

impl<'a, R> Request<'a, R> {
    /// Every page from here to the end of the list, forward, or backward if the request has
    /// `before`; one statement each, no more than one page in memory.
    ///
    /// ```
    /// # use saas_core::sql::Raw;
    /// # use saas_pagination::{Cursors, List};
    /// # #[derive(sqlx::FromRow)]
    /// # struct Post { id: i64 }
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::pin::pin;
    /// use futures_util::TryStreamExt;
    ///
    /// # use sqlx::Connection;
    /// # let mut conn = sqlx::SqliteConnection::connect(":memory:").await?;
    /// # sqlx::raw_sql("create table posts (id integer primary key); insert into posts values (1), (2), (3)").execute(&mut conn).await?;
    /// # let cursors = Cursors::new([7; 32])?;
    /// let posts = List::new("posts", "id", |post: &Post| post.id);
    /// let request = posts.request("limit=2", &cursors, ())?;
    /// let mut pages = pin!(request.stream(Raw("select * from posts"), &mut conn));
    /// let mut sizes = Vec::new();
    /// while let Some(page) = pages.try_next().await? {
    ///     sizes.push(page.items.len()); // page.page_info.end_cursor: where to go on, another day
    /// }
    /// assert_eq!(sizes, [2, 1]);
    /// # Ok(()) }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    ///
    /// It gives pages rather than rows so that the walk can be taken up again: with the `end_cursor`
    /// of any page as `after`, or backward with its `start_cursor` as `before`. Dropped between two
    /// pages, it has read nothing that it did not give. The rows of a page are in the list's order
    /// either way. A list without rows is one page without rows; an error is the last item.
    ///
    /// Each page is read at its own moment, in whatever transaction the connection is in; see
    /// [`List::as_of`](crate::List::as_of) to keep later rows out. From the second page on, the side
    /// that the walk came from is not asked for again but taken to have rows. No total is counted. The
    /// walk itself needs no cursors: a page whose last row has sort keys that do not fit into one is
    /// given whole, without `end_cursor`.
    pub fn stream<C, DB, F>(
        self,
        base: F,
        conn: &mut C,
    ) -> impl Stream<Item = Result<Page<R>, Error>> + Send
    where
        C: Connection<Database = DB>,
        DB: Backend<Connection = C> + Reads<R>,
        F: Fragment<DB>,
    {
        try_unfold(Some((self.plan(base), conn)), |rest| async move {
            let Some((mut plan, conn)) = rest else { return Ok(None) };
            let rows = run::<DB>(conn, &plan).await?;
            let page = plan.page_of(plan.stretch(rows)?);
            let goes_on = plan.advance(&page);
            Ok(Some((page, goes_on.then_some((plan, conn)))))
        })
    }
}

impl<R, F> Plan<'_, R, F> {
    /// Moves to where the page ends; whether there is more.
    fn advance(&mut self, page: &Page<R>) -> bool {
        let request = &mut self.request;
        let (more, edge) = if request.window.backward {
            (page.page_info.has_prev, page.items.first())
        } else {
            (page.page_info.has_next, page.items.last())
        };
        let Some(row) = edge.filter(|_| more) else { return false };
        let values = request.values(row);
        request.window.advance(values);
        true
    }
}
