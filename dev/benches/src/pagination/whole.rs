//! What a list costs from its first page on, pages of 100: as a stream, and as a client pages, by
//! cursors; against the loop by hand, which asks for what follows the last row it read.

use std::pin::pin;

use futures_util::TryStreamExt;
use sqlx::SqlStr;

use super::engine::{Engine, Value};
use super::shapes::{MIXED, ONE_DIRECTION, Shape};
use super::{Base, Entry, Ours, TENANT};
use crate::measure::{Turns, among, micros};
use crate::{Result, Size};

/// How many rows a page has: as many as a list gives at most, unless told otherwise.
pub(super) const PAGE: usize = 100;

pub(super) async fn run<DB: Engine>(
    conn: &mut DB::Connection,
    bench: &str,
    size: Size,
) -> Result<()> {
    let pages = pages(size);
    for shape in [ONE_DIRECTION, MIXED] {
        let walk = Walk::new::<DB>(&shape, pages)?;
        let end = walk.by_hand::<DB>(conn).await?;
        assert!(end.is_some(), "{}: the list is longer than the walk", shape.name);
        let [streamed, cursors, by_hand] = among(size.pick(31, 21), async |who, round| {
            let whole = micros(round, 1, async |_| {
                let last = match who {
                    0 => walk.streamed::<DB>(conn).await?,
                    1 => walk.by_cursors::<DB>(conn).await?,
                    _ => walk.by_hand::<DB>(conn).await?,
                };
                if last == end { Ok(()) } else { Err("the walk has ended elsewhere".into()) }
            });
            Ok(whole.await? / pages as f64)
        })
        .await?;
        let unit = format!("us per page of {PAGE}, {pages} pages");
        for (way, ours) in [("stream", streamed), ("cursors", cursors)] {
            let metric = format!("{way}_{}", shape.name);
            Turns::new(ours, by_hand.clone()).report(bench, &metric, &unit)?;
        }
    }
    Ok(())
}

pub(super) fn pages(size: Size) -> usize {
    size.pick(1000, 100)
}

/// The first so many pages of a list. Each way of walking them returns the last row.
pub(super) struct Walk<'a> {
    ours: Ours,
    shape: &'a Shape,
    pages: usize,
    query: String,
    first: SqlStr,
    next: SqlStr,
}

impl<'a> Walk<'a> {
    pub(super) fn new<DB: Engine>(shape: &'a Shape, pages: usize) -> Result<Self> {
        Ok(Self {
            ours: Ours::new()?,
            shape,
            pages,
            query: format!("{}&limit={PAGE}", shape.sort),
            first: shape.page_by_offset::<DB>(PAGE, 0),
            next: shape.page::<DB>(PAGE),
        })
    }

    pub(super) async fn streamed<DB: Engine>(
        &self,
        conn: &mut DB::Connection,
    ) -> Result<Option<Entry>> {
        let request = self.ours.list.request(&self.query, &self.ours.cursors, TENANT)?;
        let mut stream = pin!(request.stream::<_, DB, _>(Base, conn));
        let mut last = None;
        for _ in 0..self.pages {
            let Some(page) = stream.try_next().await? else { break };
            last = page.items.into_iter().next_back();
        }
        Ok(last)
    }

    async fn by_cursors<DB: Engine>(&self, conn: &mut DB::Connection) -> Result<Option<Entry>> {
        let (mut query, mut last) = (self.query.clone(), None);
        for _ in 0..self.pages {
            let page = self.ours.page::<DB>(conn, &query).await?;
            last = page.items.into_iter().next_back();
            let Some(cursor) = page.page_info.end_cursor else { break };
            query = format!("{}&after={cursor}", self.query);
        }
        Ok(last)
    }

    async fn by_hand<DB: Engine>(&self, conn: &mut DB::Connection) -> Result<Option<Entry>> {
        let mut rows = DB::entries(conn, &self.first, &[Value::Uuid(TENANT)]).await?;
        for _ in 1..self.pages {
            let Some(last) = rows.last() else { break };
            rows = DB::entries(conn, &self.next, &self.shape.values(last)).await?;
        }
        Ok(rows.pop())
    }
}
