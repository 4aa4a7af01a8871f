//! What the catalog says reads the entity's table. Whether it shows another's rows is seen by writing
//! some: what a tenant without rows is shown must stay the same.

use saas_core::sql::Reads;

use super::super::KitError;
use super::super::outcome::{Outcome, Tries, is_out_of_reach};
use super::super::sql;
use super::super::stage::Stage;
use crate::registry::Table;
use crate::{Error, TenantBackend};

pub(super) async fn partitions<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    read_through(table, stage, &['r', 'p', 'f'], "it has none that the role may read").await
}

pub(super) async fn views<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    read_through(table, stage, &['v', 'm'], "none reads it that the role may read").await
}

async fn read_through<DB: TenantBackend>(
    table: &Table,
    stage: &Stage<'_, DB>,
    kinds: &[char],
    without: &str,
) -> Tries {
    let mut names = Vec::new();
    for found in readers(table, stage).await? {
        let mut letters = found.chars();
        let kind = letters.next().unwrap_or_default();
        if kinds.contains(&kind) {
            names.push((kind, letters.as_str().to_owned()));
        }
    }
    if names.is_empty() {
        return Ok(Outcome::not_applicable(without));
    }
    // No policy binds it, and what it shows changes only when it is refreshed.
    if let Some((_, name)) = names.iter().find(|(kind, _)| *kind == 'm') {
        return Ok(Outcome::Leaked(format!("materialized view {name} holds everybody's rows")));
    }
    // Twice, for what changes by itself, or by others' doing, may do so at that very moment.
    let mut outcome = Outcome::Held;
    for _ in 0..2 {
        let before = shown(stage, &names).await?;
        let quiet = shown(stage, &names).await?;
        stage.house.fill(stage.house.tenant().await).await?;
        let after = shown(stage, &names).await?;
        let first = |old: &[Option<String>], new: &[Option<String>]| {
            let mut pairs = names.iter().zip(old.iter().zip(new));
            pairs.find(|(_, (old, new))| old != new).map(|((_, name), _)| name)
        };
        outcome = match (first(&before, &quiet), first(&quiet, &after)) {
            (Some(name), _) => {
                Outcome::NotApplicable(format!("{name} changes while nobody writes"))
            }
            (None, Some(name)) => Outcome::Leaked(format!("{name} shows the other's rows")),
            (None, None) => return Ok(Outcome::Held),
        };
    }
    Ok(outcome)
}

async fn readers<DB: TenantBackend>(
    table: &Table,
    stage: &Stage<'_, DB>,
) -> Result<Vec<String>, KitError> {
    let mut tx = stage.house.db.tenant(stage.stranger).await?;
    let rows = tx.fetch_all(sql::readers(table)).await?;
    rows.iter().map(|row| Ok(<DB as Reads<(String,)>>::read(row)?.0)).collect()
}

/// What each of them shows a tenant without rows; nothing where it refuses.
async fn shown<DB: TenantBackend>(
    stage: &Stage<'_, DB>,
    names: &[(char, String)],
) -> Result<Vec<Option<String>>, KitError> {
    let mut all = Vec::with_capacity(names.len());
    for (_, name) in names {
        let mut tx = stage.house.db.tenant(stage.stranger).await?;
        all.push(match tx.fetch_optional(sql::shown(name)).await.map_err(Error::from) {
            Ok(Some(row)) => Some(<DB as Reads<(String,)>>::read(&row)?.0),
            Err(error) if is_out_of_reach(&error) => return Err(error.into()),
            _ => None,
        });
    }
    Ok(all)
}
