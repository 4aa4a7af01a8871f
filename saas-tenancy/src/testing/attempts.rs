//! The attempts, one file per family.

mod catalog;
mod insert;
mod join;
pub(super) mod plain;
mod raw;
mod read;
mod soft;
mod upsert;
mod write;

use futures_core::future::BoxFuture;
use saas_core::TenantOwned;
use saas_core::schema::Dialect;
use saas_core::sql::Stores;

pub(super) use join::Joined;

use super::Attempt;
use super::outcome::{Outcome, Tries};
use super::stage::Stage;
use super::subject::Entry;
use crate::TenantBackend;

/// More than a tenant of the kit has; a list that leaks need not be read to its end.
const MOST: u32 = 1000;

/// Makes one attempt on one entity.
pub(super) fn make<'a, DB, E>(
    entry: &'a Entry<DB, E>,
    attempt: Attempt,
    stage: &'a Stage<'_, DB>,
) -> BoxFuture<'a, Tries>
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    use super::subject::Subject;
    let table = Subject::<DB>::table(entry);
    match attempt {
        Attempt::List => Box::pin(read::list::<DB, E>(stage)),
        Attempt::ById => Box::pin(read::by_id::<DB, E>(stage)),
        Attempt::Count => Box::pin(read::count::<DB, E>(stage)),
        Attempt::Join => Box::pin(join::join(entry, stage)),
        Attempt::Update => Box::pin(write::update(entry, stage)),
        Attempt::UpdateAll => Box::pin(write::update_all(entry, stage)),
        Attempt::Delete => Box::pin(write::delete::<DB, E>(stage)),
        Attempt::DeleteAll => Box::pin(write::delete_all::<DB, E>(stage)),
        Attempt::ListDeleted | Attempt::SoftDelete | Attempt::Restore | Attempt::Purge
            if !E::SOFT_DELETES =>
        {
            not_applicable("the entity is not soft-deleted")
        }
        Attempt::ListDeleted => Box::pin(soft::list::<DB, E>(stage)),
        Attempt::SoftDelete => Box::pin(soft::delete::<DB, E>(stage)),
        Attempt::Restore => Box::pin(soft::restore::<DB, E>(stage)),
        Attempt::Purge => Box::pin(soft::purge::<DB, E>(stage)),
        Attempt::UpsertById => Box::pin(upsert::by_id(entry, stage)),
        Attempt::UpsertByValues => Box::pin(upsert::by_values(entry, stage)),
        Attempt::InsertTenant => Box::pin(insert::tenant(entry, stage)),
        Attempt::InsertId => Box::pin(insert::id(entry, stage)),
        Attempt::InsertValues => Box::pin(insert::values(entry, stage)),
        Attempt::Reference => Box::pin(insert::reference(entry, stage)),
        Attempt::RawInsertNobodys => Box::pin(raw::insert_nobodys(entry, stage)),
        Attempt::RawGive => Box::pin(raw::give(table, stage)),
        Attempt::RawTake => Box::pin(raw::take(table, stage)),
        _ if DB::DIALECT == Dialect::Sqlite => not_applicable("SQLite does not wall raw SQL"),
        Attempt::RawSelect => Box::pin(raw::select(table, stage)),
        Attempt::RawUpdate => Box::pin(raw::update(table, stage)),
        Attempt::RawDelete => Box::pin(raw::delete(table, stage)),
        Attempt::RawInsert => Box::pin(raw::insert(entry, stage)),
        Attempt::PlainFresh => Box::pin(plain::fresh(table, stage)),
        Attempt::PlainCommitted => Box::pin(plain::committed(table, stage)),
        Attempt::PlainRolledBack => Box::pin(plain::rolled_back(table, stage)),
        Attempt::PlainDropped => Box::pin(plain::dropped(entry, stage)),
        Attempt::PlainAborted => Box::pin(plain::aborted(table, stage)),
        Attempt::Partitions => Box::pin(catalog::partitions(table, stage)),
        Attempt::Views => Box::pin(catalog::views(table, stage)),
    }
}

fn not_applicable<'a>(why: &'static str) -> BoxFuture<'a, Tries> {
    Box::pin(async move { Ok(Outcome::not_applicable(why)) })
}
