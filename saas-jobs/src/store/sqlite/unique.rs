use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{holds, micros, moment, named, put_waiting, take_waiting};
use crate::store::{Answer, Holder, Key, Replacement, Uniques};

const TAKE: &str = "
    insert into saas_jobs_unique (kind, tenant_id, key, id, taken_at) values (?1, ?2, ?3, ?4, ?5)
    on conflict do nothing";

// Differs: who asks holds the only write lock, so one statement sees all there is.
const HOLDER: &str = concat!(
    "select u.id, u.taken_at,
        exists (select 1 from saas_jobs_later l where l.id = u.id)
            or exists (select 1 from saas_jobs j join saas_jobs_ready r on r.queue = j.queue
                and r.lane = coalesce(j.lane, 0) and r.priority = j.priority and r.id = j.id
                where j.id = u.id),
        exists (select 1 from saas_jobs_lease l where ",
    holds!("l.ids", "u.id"),
    " and not exists (select 1 from saas_jobs_done d where d.lease_id = l.lease_id and ",
    holds!("d.ids", "u.id"),
    "))
    from saas_jobs_unique u where u.kind = ?1 and u.tenant_id = ?2 and u.key = ?3"
);

const PASS: &str = "
    update saas_jobs_unique set id = ?4, taken_at = ?5
    where kind = ?1 and tenant_id = ?2 and key = ?3";

const BODY: &str = "update saas_jobs set version = ?2, args = ?3 where id = ?1";

impl Uniques for Sqlite {
    fn take_key<'c>(
        conn: &'c mut SqliteConnection,
        key: &'c Key<'c>,
        id: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(TAKE).persistent(named(how)).bind(key.kind);
            let query = query.bind(key.tenant.unwrap_or_default()).bind(key.key);
            let query = query.bind(id).bind(micros(now));
            Ok(query.execute(conn).await?.rows_affected() == 1)
        })
    }

    fn holder<'c>(
        conn: &'c mut SqliteConnection,
        key: &'c Key<'c>,
        how: Statements,
    ) -> Answer<'c, Option<Holder>> {
        Box::pin(async move {
            let query = sqlx::query(HOLDER).persistent(named(how)).bind(key.kind);
            let query = query.bind(key.tenant.unwrap_or_default()).bind(key.key);
            let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
            Ok(Some(Holder {
                id: row.try_get(0)?,
                taken_at: moment(row.try_get(1)?)?,
                waits: row.try_get(2)?,
                runs: row.try_get(3)?,
            }))
        })
    }

    fn pass_key<'c>(
        conn: &'c mut SqliteConnection,
        key: &'c Key<'c>,
        id: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(PASS).persistent(named(how)).bind(key.kind);
            let query = query.bind(key.tenant.unwrap_or_default()).bind(key.key);
            query.bind(id).bind(micros(now)).execute(conn).await?;
            Ok(())
        })
    }

    fn replace<'c>(
        conn: &'c mut SqliteConnection,
        replacement: &'c Replacement<'c>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let id = replacement.id;
            let Some(attempt) = take_waiting(conn, id, how).await? else { return Ok(false) };
            let query = sqlx::query(BODY).persistent(named(how)).bind(id);
            let query = query.bind(replacement.version).bind(replacement.args);
            query.execute(&mut *conn).await?;
            put_waiting(conn, id, attempt, replacement.run_at, how).await?;
            Ok(true)
        })
    }
}
