//! What a page costs where a million rows are before it: against page 1, against the statement by
//! hand without and with the question whether there is a page before, and against OFFSET.

use saas_pagination::Page;
use sqlx::SqlStr;

use super::engine::{Engine, Probed, Value};
use super::shapes::Shape;
use super::table::Rows;
use super::{Entry, Ours, PAGE, TENANT};
use crate::measure::{Turns, among, micros};
use crate::{Result, Size};

/// From how many rows in a row pages begin, so that it is not the same page every time.
const PLACES: u32 = 16;

/// One row more than the page has tells whether another follows.
const LIMIT: usize = PAGE + 1;

pub(super) async fn run<DB: Engine>(
    conn: &mut DB::Connection,
    bench: &str,
    shapes: &[Shape],
    rows: Rows,
    size: Size,
) -> Result<()> {
    for shape in shapes {
        let stage = Stage::set::<DB>(conn, shape, rows).await?;
        stage.check::<DB>(conn).await?;
        let calls = 20;
        let [deep, first, page, has_prev] =
            among(size.pick(1001, 201), async |who, round| match who {
                0 => {
                    micros(round, calls, async |call| stage.ours::<DB>(conn, call).await.map(drop))
                        .await
                }
                1 => micros(round, calls, async |_| stage.first::<DB>(conn).await.map(drop)).await,
                2 => {
                    micros(round, calls, async |call| stage.page::<DB>(conn, call).await.map(drop))
                        .await
                }
                _ => {
                    micros(round, calls, async |call| {
                        stage.has_prev::<DB>(conn, call).await.map(drop)
                    })
                    .await
                }
            })
            .await?;
        // It takes a thousand times as long, and turns with it would leave the others cold.
        let [again, offset] = among(size.pick(15, 15), async |who, round| match who {
            0 => {
                micros(round, calls, async |call| stage.ours::<DB>(conn, call).await.map(drop))
                    .await
            }
            _ => micros(round, 1, async |_| stage.offset::<DB>(conn).await.map(drop)).await,
        })
        .await?;
        let unit = format!("us at depth {}", (shape.depth)(rows));
        for (limit, ours, samples) in [
            ("depth", &deep, first),
            ("by_hand", &deep, page),
            ("by_hand_with_has_prev", &deep, has_prev),
            ("offset", &again, offset),
        ] {
            let bench = format!("{bench}/{limit}");
            Turns::new(ours.clone(), samples).report(&bench, shape.name, &unit)?;
        }
    }
    Ok(())
}

/// The pages of one shape, and what asks for them.
struct Stage<'a> {
    shape: &'a Shape,
    ours: Ours,
    /// Ours, after one row and another.
    queries: Vec<String>,
    /// What the statements by hand bind for them.
    values: Vec<Vec<Value>>,
    page: SqlStr,
    has_prev: SqlStr,
    offset: SqlStr,
}

impl<'a> Stage<'a> {
    async fn set<DB: Engine>(
        conn: &mut DB::Connection,
        shape: &'a Shape,
        rows: Rows,
    ) -> Result<Self> {
        let ours = Ours::new()?;
        let depth = (shape.depth)(rows);
        let before = shape.page_by_offset::<DB>(PLACES as usize, depth - PLACES);
        let before = DB::entries(conn, &before, &[Value::Uuid(TENANT)]).await?;
        let sort = shape.sort;
        let queries =
            before.iter().map(|row| Ok(format!("{sort}&after={}", ours.cursor(sort, row)?)));
        Ok(Self {
            queries: queries.collect::<Result<_>>()?,
            values: before.iter().map(|row| shape.values(row)).collect(),
            page: shape.page::<DB>(LIMIT),
            has_prev: shape.page_and_has_prev::<DB>(LIMIT),
            offset: shape.page_by_offset::<DB>(LIMIT, depth),
            shape,
            ours,
        })
    }

    /// All find the same rows, so that no one is fast by being wrong.
    async fn check<DB: Engine>(&self, conn: &mut DB::Connection) -> Result<()> {
        let name = self.shape.name;
        for call in 0..self.queries.len() {
            let ours = self.ours::<DB>(conn, call).await?;
            let mut page = self.page::<DB>(conn, call).await?;
            let probed = self.has_prev::<DB>(conn, call).await?;
            assert_eq!((ours.items.len(), page.len()), (PAGE, LIMIT), "{name}: a whole page");
            assert!(ours.page_info.has_prev && ours.page_info.has_next, "{name}: in the middle");
            assert!(probed.iter().all(|row| row.has_prev), "{name}: by hand as well");
            assert!(probed.into_iter().map(|row| row.entry).eq(page.iter().cloned()), "{name}");
            page.pop();
            assert!(page == ours.items, "{name}: the same rows by hand");
            if call + 1 == self.queries.len() {
                let mut offset = self.offset::<DB>(conn).await?;
                offset.pop();
                assert!(offset == ours.items, "{name}: the same rows by OFFSET");
            }
        }
        Ok(())
    }

    async fn ours<DB: Engine>(
        &self,
        conn: &mut DB::Connection,
        call: usize,
    ) -> Result<Page<Entry>> {
        self.ours.page::<DB>(conn, &self.queries[call % self.queries.len()]).await
    }

    async fn first<DB: Engine>(&self, conn: &mut DB::Connection) -> Result<Page<Entry>> {
        self.ours.page::<DB>(conn, self.shape.sort).await
    }

    async fn page<DB: Engine>(&self, conn: &mut DB::Connection, call: usize) -> Result<Vec<Entry>> {
        DB::entries(conn, &self.page, &self.values[call % self.values.len()]).await
    }

    async fn has_prev<DB: Engine>(
        &self,
        conn: &mut DB::Connection,
        call: usize,
    ) -> Result<Vec<Probed>> {
        DB::probed(conn, &self.has_prev, &self.values[call % self.values.len()]).await
    }

    async fn offset<DB: Engine>(&self, conn: &mut DB::Connection) -> Result<Vec<Entry>> {
        DB::entries(conn, &self.offset, &[Value::Uuid(TENANT)]).await
    }
}
