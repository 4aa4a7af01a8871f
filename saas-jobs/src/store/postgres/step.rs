use saas_core::sql::Statements;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use super::{fenced, named};
use crate::store::{Answer, StepStore, Taking};

const STEP: &str = "select result::text from saas.jobs_step where id = $1 and name = $2";

// As a completion does: a lost lease raises an error, and the key-share lock makes a rescue wait.
const TAKE: &str = "
    with held as (
        select lease_id from saas.jobs_lease where lease_id = $1 and $2 = any(ids) for key share
    ), taken as (
        insert into saas.jobs_step (id, name, result, taken_at)
        select $2, $3, $4::json, $5 from held
    )
    select case when exists (select from held) then true else saas.jobs_fenced() end";

impl StepStore for Postgres {
    fn step<'c>(
        conn: &'c mut PgConnection,
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
        conn: &'c mut PgConnection,
        taking: &'c Taking<'c>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query_scalar(TAKE).persistent(named(how)).bind(taking.lease);
            let query = query.bind(taking.job).bind(taking.name).bind(taking.result);
            fenced(query.bind(taking.now).fetch_one(conn).await)
        })
    }
}
