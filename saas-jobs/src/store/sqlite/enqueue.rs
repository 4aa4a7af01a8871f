use saas_core::sql::Statements;
use sqlx::{Sqlite, SqliteConnection};

use super::{micros, named};
use crate::store::{Answer, Enqueues, NewJobs};

// Differs: an array of any length is one JSON text.
const ENQUEUE: &str = "
    insert into saas_jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, run_at, lane, trace)
    select unhex(job.value ->> 0), ?2, ?3, ?4, ?5, ?6, ?7, job.value ->> 1, ?8, ?9, ?10 from json_each(?1) job";

const ENQUEUE_ONE: &str = "
    insert into saas_jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, run_at, lane, trace)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?11, ?8, ?9, ?10)";

const ENQUEUE_ONCE: &str = "
    insert into saas_jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, run_at, lane, trace)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?11, ?8, ?9, ?10) on conflict (id) do nothing";

impl Enqueues for Sqlite {
    fn enqueue<'c>(
        conn: &'c mut SqliteConnection,
        new: &'c NewJobs,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(async move {
            let query = match (&new.jobs[..], new.once) {
                ([(id, _)], true) => sqlx::query(ENQUEUE_ONCE).bind(id),
                ([(id, _)], false) => sqlx::query(ENQUEUE_ONE).bind(id),
                (jobs, _) => {
                    let rows = jobs.iter().map(|(id, args)| (id.simple().to_string(), args));
                    let rows: Vec<_> = rows.collect();
                    let json = serde_json::to_string(&rows)
                        .map_err(|error| sqlx::Error::Encode(error.into()))?;
                    sqlx::query(ENQUEUE).bind(json)
                }
            };
            let query = query.persistent(named(how)).bind(new.tenant).bind(new.version);
            let query =
                query.bind(new.priority).bind(new.max_attempts).bind(&*new.kind).bind(&new.queue);
            let mut query = query.bind(new.run_at.map(micros)).bind(new.lane).bind(&new.trace);
            if let [(_, args)] = &new.jobs[..] {
                query = query.bind(args);
            }
            Ok(query.execute(conn).await?.rows_affected())
        })
    }
}
