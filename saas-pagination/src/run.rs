//! Statements run; nothing here decides.

use saas_core::sql::{Backend, Fragment};
use sqlx::QueryBuilder;

use crate::{Error, Plan, Total};

/// The rows of one statement.
pub(crate) fn run<'c, DB: Backend>(
    conn: &'c mut DB::Connection,
    statement: &dyn Fragment<DB>,
) -> impl Future<Output = Result<Vec<DB::Row>, Error>> + Send + use<'c, DB> {
    // Most statements fit, so that the text is not moved while it grows.
    let mut query = QueryBuilder::new(String::with_capacity(1024));
    statement.push_to(&mut query);
    let rows = DB::fetch_all(conn, query, statement.statements());
    async { rows.await.map_err(Error::of_statement) }
}

/// The rows of a plan, and the total if it asks for one.
pub(crate) async fn fetch<DB: Backend, R, F: Fragment<DB>>(
    conn: &mut DB::Connection,
    plan: &Plan<'_, R, F>,
) -> Result<(Vec<DB::Row>, Option<Total>), Error> {
    let rows = run::<DB>(conn, plan).await?;
    let total = match plan.count() {
        None => None,
        // Where the rows are the whole list, they are counted.
        Some(_) if plan.is_whole(rows.len()) => Some(Total::Exact(rows.len() as u64)),
        Some(count) => Some(count.total(run::<DB>(conn, &count).await?)?),
    };
    Ok((rows, total))
}
