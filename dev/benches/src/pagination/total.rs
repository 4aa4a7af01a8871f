//! What it costs to have the list counted with a page: up to ten thousand rows against all of them,
//! and each against the two statements by hand.

use saas_pagination::Count;
use sqlx::{PgConnection, Postgres, SqlStr};

use super::engine::{Engine, Value};
use super::shapes::ONE_DIRECTION;
use super::{Base, Ours, PAGE, TENANT};
use crate::measure::{Turns, among, micros};
use crate::{Result, Size};

const MOST: u32 = 10_000;

const EXACT: &str = "select count(*) from entries where tenant_id = $1";
const CAPPED: &str = "
    select count(*) from (select from entries where tenant_id = $1 limit 10001) as counted";

pub(super) async fn run(conn: &mut PgConnection, size: Size) -> Result<()> {
    let ours = Ours::new()?;
    let page = ONE_DIRECTION.page_by_offset::<Postgres>(PAGE + 1, 0);
    let [capped, exact, capped_by_hand, exact_by_hand] =
        among(size.pick(31, 15), async |who, round| match who {
            0 => micros(round, 5, async |_| counted(&ours, conn, Count::UpTo(MOST)).await).await,
            1 => micros(round, 1, async |_| counted(&ours, conn, Count::Exact).await).await,
            2 => micros(round, 5, async |_| by_hand(conn, &page, CAPPED).await).await,
            _ => micros(round, 1, async |_| by_hand(conn, &page, EXACT).await).await,
        })
        .await?;
    for (metric, ours, limit) in [
        ("capped_against_exact", capped.clone(), exact.clone()),
        ("capped_by_hand", capped, capped_by_hand),
        ("exact_by_hand", exact, exact_by_hand),
    ] {
        Turns::new(ours, limit).report("pagination/total", metric, "us per first page")?;
    }
    Ok(())
}

async fn counted(ours: &Ours, conn: &mut PgConnection, count: Count) -> Result<()> {
    let request = ours.list.request(ONE_DIRECTION.sort, &ours.cursors, TENANT)?.total(count);
    match request.fetch::<_, Postgres>(Base, conn).await?.total {
        Some(_) => Ok(()),
        None => Err("the list has not been counted".into()),
    }
}

async fn by_hand(conn: &mut PgConnection, page: &SqlStr, count: &'static str) -> Result<()> {
    Postgres::entries(conn, page, &[Value::Uuid(TENANT)]).await?;
    let _: i64 = sqlx::query_scalar(count).bind(TENANT).fetch_one(conn).await?;
    Ok(())
}
