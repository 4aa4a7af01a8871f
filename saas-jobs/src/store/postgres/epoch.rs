use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use super::named;
use crate::store::{Answer, Epoch, Epochs, Stranded};

const REGISTER: &str = "
    insert into saas.jobs_worker (worker_id, name, started_at, expires_at) values ($1, $2, $3, $4)";

const RENEW: &str = "update saas.jobs_worker set expires_at = $2 where worker_id = $1";

const RETIRE: &str = "
    delete from saas.jobs_worker w where w.worker_id = $1
    and not exists (select from saas.jobs_lease l where l.worker_id = w.worker_id)";

const LAPSED: &str = "
    delete from saas.jobs_worker where worker_id in (
        select worker_id from saas.jobs_worker where expires_at < $1 for update skip locked
    )";

// Locked in a statement of its own: what handlers completed up to the lock is visible to the next.
const LOCK_ORPHANS: &str = "
    select lease_id from saas.jobs_lease l
    where lease_id = any($1)
        or not exists (select from saas.jobs_worker w where w.worker_id = l.worker_id)
    limit 16 for update skip locked";

const STRANDED: &str = "
    select l.lease_id, j.id, coalesce(l.attempts[u.place], 0::smallint), j.max_attempts
    from saas.jobs_lease l
    cross join lateral unnest(l.ids) with ordinality u(id, place)
    join saas.jobs j on j.id = u.id
    where l.lease_id = any($1) and not exists (
        select from saas.jobs_done d where d.lease_id = l.lease_id and u.id = any(d.ids)
    )";

impl Epochs for Postgres {
    fn register<'c>(
        conn: &'c mut PgConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(REGISTER).persistent(named(how)).bind(epoch.worker);
            query.bind(&epoch.name).bind(epoch.now).bind(epoch.expires_at).execute(conn).await?;
            Ok(())
        })
    }

    fn renew<'c>(
        conn: &'c mut PgConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(RENEW).persistent(named(how)).bind(epoch.worker);
            Ok(query.bind(epoch.expires_at).execute(conn).await?.rows_affected() == 1)
        })
    }

    fn retire(conn: &mut PgConnection, worker: Uuid, how: Statements) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query(RETIRE).persistent(named(how)).bind(worker).execute(conn).await?;
            Ok(())
        })
    }

    fn strand<'c>(
        conn: &'c mut PgConnection,
        now: DateTime<Utc>,
        doubtful: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, (Vec<Uuid>, Vec<Stranded>)> {
        Box::pin(async move {
            sqlx::query(LAPSED).persistent(named(how)).bind(now).execute(&mut *conn).await?;
            // Differs: rows are locked one by one, and those of a handler in its COMMIT are left
            // for the next time.
            let query = sqlx::query_scalar(LOCK_ORPHANS).persistent(named(how)).bind(doubtful);
            let leases: Vec<Uuid> = query.fetch_all(&mut *conn).await?;
            if leases.is_empty() {
                return Ok((leases, Vec::new()));
            }
            let query = sqlx::query_as(STRANDED).persistent(named(how)).bind(&leases);
            let rows: Vec<(Uuid, Uuid, i16, i16)> = query.fetch_all(conn).await?;
            let jobs = rows.into_iter().map(|(lease, id, attempt, max_attempts)| Stranded {
                lease,
                id,
                attempt,
                max_attempts,
            });
            Ok((leases, jobs.collect()))
        })
    }
}
