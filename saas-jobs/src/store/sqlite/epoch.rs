use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{micros, named};
use crate::store::packed::{attempt_at, unpack_ids};
use crate::store::{Answer, Epoch, Epochs, Records, Stranded};

const REGISTER: &str = "
    insert into saas_jobs_worker (worker_id, name, started_at, expires_at) values (?1, ?2, ?3, ?4)";

const RENEW: &str = "update saas_jobs_worker set expires_at = ?2 where worker_id = ?1";

const RETIRE: &str = "
    delete from saas_jobs_worker where worker_id = ?1
    and not exists (select 1 from saas_jobs_lease l where l.worker_id = saas_jobs_worker.worker_id)";

const LAPSED: &str = "delete from saas_jobs_worker where expires_at < ?1";

const ORPHANS: &str = "
    select lease_id, ids, attempts from saas_jobs_lease l
    where lease_id in (select unhex(value) from json_each(?1))
        or not exists (select 1 from saas_jobs_worker w where w.worker_id = l.worker_id)
    limit 16";

const MAX_ATTEMPTS: &str = "select max_attempts from saas_jobs where id = ?1";

impl Epochs for Sqlite {
    fn register<'c>(
        conn: &'c mut SqliteConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(REGISTER).persistent(named(how)).bind(epoch.worker);
            let query =
                query.bind(&epoch.name).bind(micros(epoch.now)).bind(micros(epoch.expires_at));
            query.execute(conn).await?;
            Ok(())
        })
    }

    fn renew<'c>(
        conn: &'c mut SqliteConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(RENEW).persistent(named(how)).bind(epoch.worker);
            Ok(query.bind(micros(epoch.expires_at)).execute(conn).await?.rows_affected() == 1)
        })
    }

    fn retire(conn: &mut SqliteConnection, worker: Uuid, how: Statements) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query(RETIRE).persistent(named(how)).bind(worker).execute(conn).await?;
            Ok(())
        })
    }

    fn strand<'c>(
        conn: &'c mut SqliteConnection,
        now: DateTime<Utc>,
        doubtful: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, (Vec<Uuid>, Vec<Stranded>)> {
        Box::pin(async move {
            sqlx::query(LAPSED)
                .persistent(named(how))
                .bind(micros(now))
                .execute(&mut *conn)
                .await?;
            let query = sqlx::query_as(ORPHANS).persistent(named(how));
            let doubtful: Vec<_> =
                doubtful.iter().map(|lease| lease.simple().to_string()).collect();
            let orphans: Vec<(Uuid, Vec<u8>, Option<Vec<u8>>)> =
                query.bind(serde_json::json!(doubtful)).fetch_all(&mut *conn).await?;
            let leases: Vec<_> = orphans.iter().map(|(lease, ..)| *lease).collect();
            let recorded = Self::recorded(&mut *conn, &leases, how).await?;
            let mut jobs = Vec::new();
            for (lease, ids, attempts) in &orphans {
                for (index, id) in unpack_ids(ids).enumerate() {
                    if recorded.contains(&(*lease, id)) {
                        continue;
                    }
                    let query = sqlx::query_scalar(MAX_ATTEMPTS).persistent(named(how)).bind(id);
                    if let Some(max_attempts) = query.fetch_optional(&mut *conn).await? {
                        let attempt = attempt_at(attempts.as_deref(), index);
                        jobs.push(Stranded { lease: *lease, id, attempt, max_attempts });
                    }
                }
            }
            Ok((leases, jobs))
        })
    }
}
