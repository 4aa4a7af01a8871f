//! Each refusal against a database broken in exactly that way: what is named, and that the remedy
//! mends it.
//!
//! A database is broken, looked at and mended within one transaction that is rolled back, so one
//! database serves for all and each case takes milliseconds.

mod accepted;
mod around;
mod connecting;
mod keys;
mod own;
mod policies;
mod roles;
mod tables;

use saas_tenancy::{Finding, Remedy};
use sqlx::{Connection, Executor, PgConnection};

use crate::walled::{findings, run, walled};

struct Case {
    name: &'static str,
    /// Run by a superuser.
    broken: &'static str,
    /// What the finding says, in this order: the object, then a word of the problem or the remedy.
    says: [&'static str; 2],
    mended: Mended,
}

#[derive(PartialEq)]
enum Mended {
    /// By running the remedies.
    BySql,
    /// Elsewhere, as the words say.
    InWords,
}

const fn case(
    name: &'static str,
    broken: &'static str,
    says: [&'static str; 2],
    mended: Mended,
) -> Case {
    Case { name, broken, says, mended }
}

/// A tenant's table that is partitioned, in the place of `notes`.
const PARTITIONED: &str = "
    drop table notes cascade;
    create table notes (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))
        partition by hash (tenant_id);
    alter table notes enable row level security;
    create policy p on notes using (tenant_id = (select saas.tenant_id()))
        with check (tenant_id = (select saas.tenant_id()));
    create table notes_0 partition of notes for values with (modulus 1, remainder 0);";

/// What is wrong with what was said of each case.
async fn wrong(cases: &[Case]) -> Vec<String> {
    let (_pg, mut conn) = walled("t_tenancy_refusals").await;
    // The cases lock the same tables and roles, in orders of their own.
    conn.execute("select pg_advisory_lock(4715)").await.unwrap();
    assert_eq!(findings(&mut conn.begin().await.unwrap()).await, []);
    let mut wrong = Vec::new();
    for case in cases {
        let mut tx = conn.begin().await.unwrap();
        run(&mut tx, &case.broken.replace("PARTITIONED", PARTITIONED)).await;
        let found = findings(&mut tx).await;
        let said: Vec<_> = found.iter().map(ToString::to_string).collect();
        if !said.iter().any(|text| case.says.iter().all(|word| text.contains(word))) {
            wrong.push(format!("{}: not said: {:?}\n{said:#?}", case.name, case.says));
        }
        if case.mended == Mended::BySql {
            wrong.extend(not_mended(&mut tx, case, &found).await);
        }
        tx.rollback().await.unwrap();
    }
    wrong
}

/// Runs the remedies and looks again.
async fn not_mended(conn: &mut PgConnection, case: &Case, found: &[Finding]) -> Vec<String> {
    let mut wrong = Vec::new();
    for finding in found {
        match &finding.remedy {
            Remedy::Sql(sql) => run(conn, sql).await,
            other => wrong.push(format!("{}: not SQL: {other}", case.name)),
        }
    }
    let left = findings(conn).await;
    if !left.is_empty() {
        wrong.push(format!("{}: not mended: {left:#?}", case.name));
    }
    wrong
}

async fn names_object_and_remedy_and_the_remedy_mends_it(cases: &[Case]) {
    let wrong = wrong(cases).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_role_that_gets_around_the_wall_is_refused_and_mended() {
    names_object_and_remedy_and_the_remedy_mends_it(roles::CASES).await;
}

#[tokio::test]
async fn a_table_without_its_wall_is_refused_and_mended() {
    names_object_and_remedy_and_the_remedy_mends_it(tables::CASES).await;
}

#[tokio::test]
async fn a_policy_that_lets_others_through_is_refused_and_mended() {
    names_object_and_remedy_and_the_remedy_mends_it(policies::CASES).await;
}

#[tokio::test]
async fn a_key_that_tells_is_refused_and_mended() {
    names_object_and_remedy_and_the_remedy_mends_it(keys::CASES).await;
}

#[tokio::test]
async fn a_way_around_is_refused_and_mended() {
    names_object_and_remedy_and_the_remedy_mends_it(around::CASES).await;
}

#[tokio::test]
async fn this_crates_own_objects_are_refused_when_changed_and_mended() {
    names_object_and_remedy_and_the_remedy_mends_it(own::CASES).await;
}
