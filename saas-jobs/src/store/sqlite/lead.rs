use saas_core::sql::Statements;
use sqlx::{Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{micros, named};
use crate::store::Answer;
use crate::store::lead::{Candidate, Leads};

// Who finds another in the lead only reads.
const LEAD: &str = "
    insert into saas_jobs_leader as l (duty, holder, term, until)
    select ?4, ?1, 1, ?3 where not exists (
        select 1 from saas_jobs_leader where duty = ?4 and holder <> ?1 and until > ?2
    )
    on conflict (duty) do update set holder = excluded.holder, until = excluded.until,
        term = l.term + case when l.holder = excluded.holder then 0 else 1 end
    where l.holder = excluded.holder or l.until <= ?2";

const RESIGN: &str = "delete from saas_jobs_leader where holder = ?1";

impl Leads for Sqlite {
    fn lead<'c>(
        conn: &'c mut SqliteConnection,
        candidate: &'c Candidate<'c>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(LEAD).persistent(named(how)).bind(candidate.holder);
            let query = query
                .bind(micros(candidate.now))
                .bind(micros(candidate.until))
                .bind(candidate.duty);
            Ok(query.execute(conn).await?.rows_affected() == 1)
        })
    }

    fn resign(conn: &mut SqliteConnection, holder: Uuid, how: Statements) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query(RESIGN).persistent(named(how)).bind(holder).execute(conn).await?;
            Ok(())
        })
    }
}
