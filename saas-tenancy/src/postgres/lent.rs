//! Takes a connection back from SQL by hand.
//!
//! What that has left is taken back by the message that ends the transaction: it costs no round trip,
//! and behind a pooler it reaches the server's connection that the transaction was on, where to close
//! ours would clean nothing.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::TryStreamExt;
use saas_core::TenantId;
use sqlx::postgres::{PgPool, PgRow, Postgres};
use sqlx::{Database, Either, PgConnection, QueryBuilder, Row};
use sqlx_core::transaction::TransactionManager;

use super::literal;
use crate::lent::{Lent, Returned, Session};
use crate::{Error, Result};

type Transactions = <Postgres as Database>::TransactionManager;

/// Settings that whoever comes next must not find changed. Others are set once, if at all.
const SETTINGS: [&str; 14] = [
    "app.tenant_id",
    "app.transaction",
    "role",
    "search_path",
    "row_security",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_transaction_deferrable",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "synchronous_commit",
    "TimeZone",
];

const VALUES: &str = "
    select coalesce(current_setting('app.tenant_id', true), ''),
           coalesce(current_setting('app.transaction', true), ''), current_setting('role'),
           current_setting('search_path'), current_setting('row_security'),
           current_setting('default_transaction_isolation'),
           current_setting('default_transaction_read_only'),
           current_setting('default_transaction_deferrable'), current_setting('statement_timeout'),
           current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
           current_setting('idle_session_timeout'), current_setting('synchronous_commit'),
           current_setting('TimeZone')";

/// Begins the transaction in which what is left is taken back: as what is left says by default, one
/// could wait for others to end.
const CLEARING: &str = "begin isolation level read committed";

/// Opens a transaction, and marks it until it ends: in one that SQL by hand has begun since, the setting
/// is empty. So it can be the same each time.
pub(crate) const BEGIN: &str = "begin; select set_config('app.transaction', 'lent', true)";

/// None of this is anybody's to keep.
const LEFTOVERS: &str =
    "close all; unlisten *; discard temp; select pg_catalog.pg_advisory_unlock_all()";

/// The same for a tenant, in one message. A UUID prints as hexadecimal digits and hyphens, so it cannot
/// end the literal.
pub(crate) fn begin(tenant: TenantId) -> String {
    format!("{BEGIN}, set_config('app.tenant_id', '{tenant}', true)")
}

/// What sessions are like, and how they come to be so again: as a session starts, but for what hooks of
/// the pool have set. One message, so that a pooler does not tear it apart.
pub(super) async fn session(pool: &PgPool) -> Result<Session, sqlx::Error> {
    let look = format!("begin; {VALUES}; {}; {VALUES}; rollback", reset());
    let look = QueryBuilder::<Postgres>::new(look).into_sql();
    let rows = sqlx::raw_sql(look).fetch_all(pool).await?;
    let [now, start] = &rows[..] else { return Err(sqlx::Error::RowNotFound) };
    let (values, starts) = (values(now)?, values(start)?);
    let restore = SETTINGS.iter().zip(values.iter().zip(&starts)).map(|(name, (value, start))| {
        if value == start {
            return format!("reset {name}");
        }
        format!("select pg_catalog.set_config('{name}', {}, false)", literal(value))
    });
    let restore = restore.collect::<Vec<_>>().join("; ");
    Ok(Session { values, restore })
}

/// Ends the transaction for good, if it still is the one that was lent.
pub(super) async fn commit(conn: &mut PgConnection, lent: &Lent) -> Result<Returned> {
    if Transactions::get_transaction_depth(conn) != 1 {
        return Err(Error::Escaped);
    }
    // What is asked first cannot be answered in a transaction that was aborted; there `commit` alone
    // would answer with a rollback and no error.
    let end = format!("{}; commit", still(lent.tenant));
    finish(conn, &end, 1, lent).await.map_err(|(done, source)| {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (done, code.as_deref()) {
            (0, Some("22P02")) => Error::Escaped,
            _ => source.into(),
        }
    })
}

/// Undoes it.
pub(super) async fn rollback(
    conn: &mut PgConnection,
    lent: &Lent,
) -> Result<Returned, sqlx::Error> {
    if Transactions::get_transaction_depth(conn) != 1 {
        return Ok(Returned { left: vec![], reusable: abandon(conn, lent) });
    }
    finish(conn, "rollback", 0, lent).await.map_err(|(_, error)| error)
}

/// The same without waiting: queued, and sent before anybody gets the connection again; whether anybody
/// may.
///
/// A rollback itself takes back nearly everything. So it does no harm that behind a pooler the second
/// message may come to another connection of the server.
pub(super) fn abandon(conn: &mut PgConnection, lent: &Lent) -> bool {
    for _ in 0..Transactions::get_transaction_depth(conn) {
        Transactions::start_rollback(conn);
    }
    // Polled once, which queues the message, and given up. It ends in no transaction, which sqlx calls a
    // failure to begin and does not count.
    let sql = format!("{CLEARING}; {}; {LEFTOVERS}; commit", restore(lent));
    let sql = QueryBuilder::<Postgres>::new(sql).into_sql();
    let queued = pin!(Transactions::begin(conn, Some(sql)));
    match queued.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending | Poll::Ready(Err(sqlx::Error::BeginFailed)) => true,
        Poll::Ready(_) => false,
    }
}

/// An error in the server unless the transaction still is the one that was opened, and this tenant's.
fn still(tenant: Option<TenantId>) -> String {
    // The tenant that SQL by hand sets in a transaction of nobody's ends with it.
    let (tenant, is) = match tenant {
        Some(tenant) => (tenant.to_string(), "current_setting('app.tenant_id', true)"),
        None => (String::new(), "''"),
    };
    format!(
        "select ('not the one that was lent but: ' || nullif(\
         concat(current_setting('app.transaction', true), ' ', {is}), 'lent {tenant}'))::uuid"
    )
}

fn restore(lent: &Lent) -> String {
    lent.session.as_ref().map_or_else(reset, |session| session.restore.clone())
}

fn reset() -> String {
    SETTINGS.map(|name| format!("reset {name}")).join("; ")
}

/// Says `end` and takes back what is left. An error comes with how many statements succeeded; `before`
/// of them precede the one that ends the transaction.
///
/// What is left is taken back in a transaction of its own. The one that is begun last is the one that
/// sqlx believes to be open; its rollback goes out with whatever is sent next.
async fn finish(
    conn: &mut PgConnection,
    end: &str,
    before: usize,
    lent: &Lent,
) -> Result<Returned, (usize, sqlx::Error)> {
    let restore = restore(lent);
    let sql = format!("{end}; {CLEARING}; {VALUES}; {restore}; {LEFTOVERS}; commit; begin");
    let sql = QueryBuilder::<Postgres>::new(sql).into_sql();
    let (mut done, mut rows) = (0, Vec::new());
    let mut answers = sqlx::raw_sql(sql).fetch_many(&mut *conn);
    let failed = loop {
        match answers.try_next().await {
            Ok(Some(Either::Left(_))) => done += 1,
            Ok(Some(Either::Right(row))) => rows.push(row),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    drop(answers);
    match failed {
        Some(error) if done <= before => Err((done, error)),
        Some(error) => {
            tracing::warn!(%error, "what SQL by hand left on a connection could not be taken back");
            Ok(Returned { left: vec![], reusable: false })
        }
        None => {
            Transactions::start_rollback(conn);
            // What was asked before is a row as well.
            let found = rows.get(before).and_then(|row| values(row).ok());
            let known = lent.session.as_ref().map(|session| &session.values);
            let left = known.zip(found).map(|(known, found)| differing(known, &found));
            Ok(Returned { left: left.unwrap_or_default(), reusable: true })
        }
    }
}

fn values(row: &PgRow) -> Result<Vec<String>, sqlx::Error> {
    (0..SETTINGS.len()).map(|at| row.try_get(at)).collect()
}

fn differing(known: &[String], found: &[String]) -> Vec<String> {
    let settings = SETTINGS.iter().zip(known.iter().zip(found));
    let differ = settings.filter(|(_, (known, found))| known != found);
    differ.map(|(name, _)| (*name).to_owned()).collect()
}
