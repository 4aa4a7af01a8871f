use std::collections::HashSet;

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{micros, named};
use crate::store::packed::unpack_ids;
use crate::store::{Answer, Cleared, Retains};

const OLD: &str = "
    select o.id,
        not exists (select 1 from saas_jobs_ready r where r.queue = o.queue
                and r.lane = coalesce(o.lane, 0) and r.priority = o.priority and r.id = o.id)
            and not exists (select 1 from saas_jobs_later l where l.id = o.id)
            and not exists (select 1 from saas_jobs_dead d where d.id = o.id and d.died_at >= ?3)
    from saas_jobs o where o.id > ?1 and o.id < ?2 order by o.id limit 1000";

const LEASES: &str = "select ids from saas_jobs_lease";

// Differs: no statement writes two tables, so each has its own, with the ids as one JSON text.
const GONE: [&str; 5] = [
    "delete from saas_jobs_dead where id in (select unhex(value) from json_each(?1))",
    "delete from saas_jobs_error where id in (select unhex(value) from json_each(?1))",
    "delete from saas_jobs_step where id in (select unhex(value) from json_each(?1))",
    "delete from saas_jobs_unique where id in (select unhex(value) from json_each(?1))",
    "delete from saas_jobs where id in (select unhex(value) from json_each(?1))",
];

const BATCHES: &str = "
    delete from saas_jobs_done where rowid in (
        select d.rowid from saas_jobs_done d where d.finished_at < ?1
            and not exists (select 1 from saas_jobs_lease l where l.lease_id = d.lease_id)
        limit 1000
    )";

impl Retains for Sqlite {
    fn clear(
        conn: &mut SqliteConnection,
        after: Uuid,
        done: Uuid,
        dead: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, Cleared> {
        Box::pin(async move {
            let query = sqlx::query(OLD).persistent(named(how)).bind(after).bind(done);
            let old = query.bind(micros(dead)).fetch_all(&mut *conn).await?;
            let query = sqlx::query_scalar(LEASES).persistent(named(how));
            let leases: Vec<Vec<u8>> = query.fetch_all(&mut *conn).await?;
            let held: HashSet<Uuid> = leases.iter().flat_map(|ids| unpack_ids(ids)).collect();
            let mut ended = Vec::new();
            let mut last = None;
            for row in &old {
                let id: Uuid = row.try_get(0)?;
                if row.try_get(1)? && !held.contains(&id) {
                    ended.push(id.simple().to_string());
                }
                last = Some(id);
            }
            let ids = serde_json::json!(ended);
            for statement in GONE.iter().filter(|_| !ended.is_empty()) {
                let query = sqlx::query(*statement).persistent(named(how)).bind(&ids);
                query.execute(&mut *conn).await?;
            }
            Ok(Cleared { jobs: ended.len() as u64, next: last.filter(|_| old.len() == 1000) })
        })
    }

    fn clear_batches(
        conn: &mut SqliteConnection,
        before: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, u64> {
        Box::pin(async move {
            let query = sqlx::query(BATCHES).persistent(named(how)).bind(micros(before));
            Ok(query.execute(conn).await?.rows_affected())
        })
    }
}
