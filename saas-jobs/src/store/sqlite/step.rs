use saas_core::sql::Statements;
use sqlx::{Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{FENCE, holds, micros, named};
use crate::store::{Answer, StepStore, Taking};

const STEP: &str = "select result from saas_jobs_step where id = ?1 and name = ?2";

const TAKE: &str = concat!(
    "insert into saas_jobs_step (id, name, result, taken_at)
    select ?2, ?3, ?4, ?5 from saas_jobs_lease where lease_id = ?1 and ",
    holds!("ids", "?2")
);

impl StepStore for Sqlite {
    fn step<'c>(
        conn: &'c mut SqliteConnection,
        job: Uuid,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, Option<String>> {
        Box::pin(async move {
            let query = sqlx::query_scalar(STEP).persistent(named(how)).bind(job).bind(name);
            query.fetch_optional(conn).await
        })
    }

    fn take_step<'c>(
        conn: &'c mut SqliteConnection,
        taking: &'c Taking<'c>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(TAKE).persistent(named(how)).bind(taking.lease);
            let query = query.bind(taking.job).bind(taking.name).bind(taking.result);
            let taken = query.bind(micros(taking.now)).execute(&mut *conn).await?;
            if taken.rows_affected() == 1 {
                return Ok(true);
            }
            sqlx::query(FENCE).persistent(named(how)).execute(conn).await?;
            Ok(false)
        })
    }
}
