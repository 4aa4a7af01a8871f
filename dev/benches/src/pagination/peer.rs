//! Another library's cursor, sea-orm's: the same database, in turns, from a process of its own.
//!
//! It is asked only for the sort it can do right: keys that are never NULL, all in one direction. It
//! is given what it needs and no more: typed keys rather than text from a client, so that it has
//! nothing to parse or to verify, and it does not tell whether there is a page before. It is asked
//! for one row more than the page has, as by hand, which tells whether another follows.

use sqlx::{PgConnection, Postgres};

use super::engine::{Engine, Value};
use super::shapes::ONE_DIRECTION;
use super::table::Rows;
use super::whole::{self, Walk};
use super::{Entry, Ours, PAGE, TENANT};
use crate::measure::{Turns, among, micros};
use crate::peer::Peer;
use crate::{Result, Size};

/// Where `dev/bench` says the program is.
const VARIABLE: &str = "BENCH_PEER_SEA_ORM";

pub(super) async fn run(conn: &mut PgConnection, url: &str, rows: Rows, size: Size) -> Result<()> {
    let Some(mut peer) = Peer::start(VARIABLE, url)? else { return Ok(()) };
    let ours = Ours::new()?;
    pages(&mut peer, conn, &ours, rows, size).await?;
    lists(&mut peer, conn, size).await
}

async fn pages(
    peer: &mut Peer,
    conn: &mut PgConnection,
    ours: &Ours,
    rows: Rows,
    size: Size,
) -> Result<()> {
    let sort = ONE_DIRECTION.sort;
    let before = ONE_DIRECTION.page_by_offset::<Postgres>(1, rows.depth - 1);
    let before = Postgres::entries(conn, &before, &[Value::Uuid(TENANT)]).await?;
    let before = before.first().ok_or("no row so deep")?;
    let deep = format!("{sort}&after={}", ours.cursor(sort, before)?);
    let after = format!("{} {}", before.created_at.timestamp_micros(), before.id);
    let unit = format!("us at depth {}", rows.depth);
    // Many calls in a row, for after each wait for the other process the first ones are slow; of
    // deep pages a few of theirs take long.
    for (metric, query, place, calls, unit) in
        [("page_1", sort, "", 200, "us"), ("one_direction", &deep, &after, 2, &unit)]
    {
        let limit = PAGE + 1;
        let theirs = format!("page {limit} {calls} {place}");
        let last = ours.page::<Postgres>(conn, query).await?.items.pop();
        let samples = among(size.pick(31, 21), async |who, round| match who {
            0 => {
                micros(round, 200, async |_| ours.page::<Postgres>(conn, query).await.map(drop))
                    .await
            }
            _ => time(peer, &theirs, last.as_ref()),
        });
        let [ours, theirs] = samples.await?;
        Turns::new(ours, theirs).report("pagination/sea_orm", metric, unit)?;
    }
    Ok(())
}

async fn lists(peer: &mut Peer, conn: &mut PgConnection, size: Size) -> Result<()> {
    let (pages, limit) = (whole::pages(size), whole::PAGE);
    let theirs = format!("whole {limit} {pages}");
    let walk = Walk::new::<Postgres>(&ONE_DIRECTION, pages)?;
    let last = walk.streamed::<Postgres>(conn).await?;
    let [ours, theirs] = among(size.pick(5, 9), async |who, round| {
        let whole = match who {
            0 => {
                micros(round, 1, async |_| walk.streamed::<Postgres>(conn).await.map(drop)).await?
            }
            _ => time(peer, &theirs, last.as_ref())?,
        };
        Ok(whole / pages as f64)
    })
    .await?;
    let unit = format!("us per page of {limit}, {pages} pages");
    Turns::new(ours, theirs).report("pagination/sea_orm", "whole", &unit)
}

/// How many microseconds it took; an error unless the last row is the one that ours ends at.
fn time(peer: &mut Peer, question: &str, last: Option<&Entry>) -> Result<f64> {
    let answer = peer.ask(question)?;
    let (micros, id) = answer.split_once(' ').ok_or("no answer")?;
    match last {
        Some(last) if last.id.to_string() == id => Ok(micros.parse()?),
        _ => Err("the peer has found other rows".into()),
    }
}
