use std::fmt;

use sha2::{Digest, Sha384};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqlStr};

use crate::{Error, Result};

/// The migrations of one tenant's tables, oldest first. A step that was released is never edited.
///
/// A step is SQL without the names of schemas, and without a `begin` or `commit` of its own: a
/// tenant's pending steps run in one transaction.
///
/// ```
/// use saas_tenancy::Steps;
///
/// let steps = Steps::new([
///     "create table notes (tenant_id uuid, id uuid, body text, primary key (tenant_id, id))",
///     "alter table notes add column read_at timestamptz",
/// ]);
/// assert_eq!(steps.latest(), 2);
/// ```
#[derive(Clone)]
pub struct Steps {
    all: Vec<Step>,
}

#[derive(Clone)]
pub(super) struct Step {
    pub(super) version: i64,
    pub(super) sql: SqlStr,
    /// Of this step and all before it, so that one checksum speaks for a whole history.
    pub(super) checksum: Vec<u8>,
}

/// Where a tenant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) version: i64,
    pub(super) checksum: Vec<u8>,
}

impl Steps {
    /// These steps, numbered from 1.
    pub fn new(steps: impl IntoIterator<Item = impl SqlSafeStr>) -> Self {
        let numbered = (1..).zip(steps.into_iter().map(SqlSafeStr::into_sql_str));
        Self::chained(numbered.map(|(version, sql)| {
            Migration::new(version, "".into(), MigrationType::Simple, sql, false)
        }))
    }

    /// The steps of sqlx's migrator, what `sqlx::migrate!` makes for instance; what leads back is
    /// left out. Its own table of versions is not used.
    ///
    /// # Errors
    /// [`Error::UnfitMigration`] if one must run outside a transaction or has no number above zero.
    pub fn of(migrator: &Migrator) -> Result<Self> {
        let up = || migrator.iter().filter(|step| step.migration_type.is_up_migration());
        let unfit = |version, problem| Err(Error::UnfitMigration { version, problem });
        for step in up() {
            if step.no_tx || migrator.no_tx {
                return unfit(step.version, "says `no-transaction`, so it could be half applied");
            }
            if step.version < 1 {
                return unfit(step.version, "must have a number above zero");
            }
        }
        Ok(Self::chained(up().cloned()))
    }

    fn chained(migrations: impl Iterator<Item = Migration>) -> Self {
        let mut all: Vec<Step> = Vec::new();
        for Migration { version, sql, checksum, .. } in migrations {
            let before = all.last().map_or(&[][..], |step| &step.checksum);
            let checksum = chain(before, &checksum);
            all.push(Step { version, sql, checksum });
        }
        Self { all }
    }

    /// The version that they lead to; zero if there are none.
    pub fn latest(&self) -> i64 {
        self.all.last().map_or(0, |step| step.version)
    }

    /// What is still to be applied to a tenant that stands there.
    pub(super) fn after(&self, standing: &Standing) -> Result<&[Step], (i64, &'static str)> {
        let Standing { version, checksum } = standing;
        if *version == 0 {
            return Ok(&self.all);
        }
        match self.all.iter().position(|step| step.version == *version) {
            None => Err((*version, "is not known here")),
            Some(index) if self.all[index].checksum != *checksum => {
                Err((*version, "or one before it has changed since"))
            }
            Some(index) => Ok(&self.all[index + 1..]),
        }
    }
}

/// The checksum of a step and of all before it.
fn chain(before: &[u8], step: &[u8]) -> Vec<u8> {
    Sha384::new().chain_update(before).chain_update(step).finalize().to_vec()
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions = self.all.iter().map(|step| step.version);
        f.debug_struct("Steps").field("versions", &versions.collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(steps: &Steps, version: i64) -> Standing {
        let step = steps.all.iter().find(|step| step.version == version).unwrap();
        Standing { version, checksum: step.checksum.clone() }
    }

    fn versions(steps: &[Step]) -> Vec<i64> {
        steps.iter().map(|step| step.version).collect()
    }

    #[test]
    fn what_is_pending_follows_where_a_tenant_stands() {
        let steps = Steps::new(["one", "two", "three"]);
        let fresh = Standing { version: 0, checksum: Vec::new() };
        assert_eq!(versions(steps.after(&fresh).unwrap_or_default()), [1, 2, 3]);
        assert_eq!(versions(steps.after(&standing(&steps, 2)).unwrap_or_default()), [3]);
        assert!(steps.after(&standing(&steps, 3)).is_ok_and(<[Step]>::is_empty));
    }

    #[test]
    fn a_history_that_was_rewritten_anywhere_is_refused() {
        let applied = standing(&Steps::new(["one", "two", "three"]), 3);
        for rewritten in [["one", "two", "3"], ["1", "two", "three"], ["two", "one", "three"]] {
            let refused = Steps::new(rewritten).after(&applied).err();
            assert_eq!(refused, Some((3, "or one before it has changed since")));
        }
        let older = Steps::new(["one", "two"]);
        assert_eq!(older.after(&applied).err(), Some((3, "is not known here")));
        let longer = Steps::new(["one", "two", "three", "four"]);
        assert_eq!(versions(longer.after(&applied).unwrap_or_default()), [4]);
    }

    #[test]
    fn sqlx_migrations_are_taken_without_what_leads_back() {
        let step = |version, kind, no_tx| {
            let sql = SqlStr::from_static("select 1");
            Migration::new(version, "".into(), kind, sql, no_tx)
        };
        use MigrationType::{ReversibleDown, ReversibleUp, Simple};
        let fit = [
            step(20260101, ReversibleUp, false),
            step(20260101, ReversibleDown, false),
            step(20260202, Simple, false),
        ];
        let steps = Steps::of(&Migrator::with_migrations(fit.to_vec())).unwrap();
        assert_eq!(versions(&steps.all), [20260101, 20260202]);
        for unfit in [step(1, Simple, true), step(0, Simple, false)] {
            let refused = Steps::of(&Migrator::with_migrations(vec![unfit])).unwrap_err();
            assert!(matches!(refused, Error::UnfitMigration { .. }));
        }
    }
}
