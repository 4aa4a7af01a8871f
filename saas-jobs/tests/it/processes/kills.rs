//! Workers, PostgreSQL and PgBouncer killed by SIGKILL in a loop, under load and with the lease of
//! production.
//!
//! `SAAS_SOAK_SECONDS` says for how long, of these tests and of those that pause. Figures go to
//! standard error. nextest ends what takes five minutes, so:
//! `SAAS_SOAK_SECONDS=300 dev/services run postgres pgbouncer -- cargo test -p saas-jobs
//! --all-features --test it -- kills --nocapture`

mod load;
mod toll;

use std::cell::Cell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use saas_core::sql::Statements;
use saas_core::{Clock, SystemClock};
use saas_jobs::Backend;
use saas_testkit::{Server, pgbouncer_of_its_own, postgres_of_its_own};
use sqlx::{Connection, QueryBuilder};

use self::load::Load;
use self::toll::{Toll, held_by};
use super::child::Process;
use super::ledger::{Event, Ledger};
use super::{Ground, soak, until};
use crate::site::{self, Site};

/// Within which a killed worker's jobs begin again.
const RESCUE: TimeDelta = TimeDelta::seconds(15);

/// What lies between two kills: from half a second to two and a half. If it were less, what the dead
/// hold would be more than the living can make up for.
fn pause(turn: usize) -> Duration {
    Duration::from_millis(500 + (turn as u64 * 7919) % 2000)
}

/// One worker is spared, two take turns in being killed. With servers, every other turn is one of
/// theirs, and every fourth one's together with a worker's.
async fn kill<DB: Backend>(
    ground: &Ground<'_, DB>,
    servers: &mut [Server],
) -> (Toll, [Process; 3]) {
    let (spared, mut victims) = (ground.start(), [ground.start(), ground.start()]);
    let mut toll = Toll::new(spared.id());
    let (begun, length) = (Instant::now(), soak().unwrap_or(Duration::from_secs(15)));
    for turn in 0_usize.. {
        if begun.elapsed() > length {
            break;
        }
        tokio::time::sleep(pause(turn)).await;
        let server = match servers.len() {
            0 => None,
            servers => (turn % 2 == 1).then_some(turn / 2 % servers),
        };
        let down = SystemClock.now();
        if let Some(server) = server {
            servers[server].kill();
        }
        let killed = (server.is_none() || turn % 4 == 3).then(|| {
            let victim = std::mem::replace(&mut victims[turn / 2 % 2], ground.start());
            let name = victim.name();
            victim.kill();
            (SystemClock.now(), name)
        });
        if let Some(server) = server {
            tokio::time::sleep(pause(turn) / 4).await;
            servers[server].start().await;
            until("the database answers", async || answers(ground).await.is_ok()).await;
            toll.outages.push(down..SystemClock.now());
        }
        if let Some((at, name)) = killed {
            // Nobody may take them yet, so there is time until what was under way has arrived.
            tokio::time::sleep(Duration::from_millis(100)).await;
            toll.kills.push((at, held_by(ground, &name).await));
        }
    }
    let mut ledger = Ledger::open(ground.folder.path());
    until("the worker that was spared has come back", async || {
        let back = toll.outages.last().map_or(DateTime::UNIX_EPOCH, |outage| outage.end);
        let mut entries = ledger.read().iter();
        entries.any(|entry| entry.process == spared.id() && entry.at > back)
    })
    .await;
    let [first, second] = victims;
    (toll, [spared, first, second])
}

/// Through a pooler that is up already, too.
async fn answers<DB: Backend>(ground: &Ground<'_, DB>) -> Result<u64, sqlx::Error> {
    let mut conn = DB::Connection::connect(&ground.orders.url).await?;
    DB::execute(&mut conn, QueryBuilder::new("select 1"), Statements::Unnamed).await
}

async fn nothing_is_lost_and_nothing_doubled<DB: Backend>(site: &Site<DB>, servers: &mut [Server]) {
    let mut ground = Ground::new(site);
    let over = Cell::new(false);
    let killing = async {
        let killed = kill(&ground, servers).await;
        over.set(true);
        killed
    };
    let (load, (toll, crew)) = tokio::join!(Load::until(&ground, &over), killing);
    let jobs = load.exist_if_their_transaction_committed(&ground).await;
    ground.until_done(&jobs).await;
    load.had_each_effect_once(&ground, &jobs).await;
    let (entries, known) = (ground.ledger.read(), HashSet::<_>::from_iter(&jobs));
    let unknown = entries.iter().find(|entry| !known.contains(&entry.job));
    assert!(unknown.is_none(), "a job began whose transaction did not commit: {unknown:?}");
    let begun = entries.iter().filter(|entry| entry.event == Event::Begun).copied();
    let begun: Vec<_> = begun.collect();
    toll.report(&load, jobs.len(), &begun);
    let rescue = toll.longest_rescue(&begun);
    assert!(rescue > TimeDelta::zero(), "no worker was killed that held a job");
    assert!(rescue < RESCUE, "{rescue}");
    assert!(toll.longest_return(&begun) < RESCUE);
    for worker in crew {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_killed_workers_lose_and_double_nothing_on_sqlite() {
    let site = site::sqlite(false).await;
    nothing_is_lost_and_nothing_doubled(&site, &mut []).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_workers_and_postgres_killed_lose_and_double_nothing() {
    let (db, server) = postgres_of_its_own().await;
    let site = site::of_its_own(db, Statements::Named).await;
    nothing_is_lost_and_nothing_doubled(&site, &mut [server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_workers_postgres_and_pgbouncer_killed_lose_and_double_nothing() {
    let (direct, server) = postgres_of_its_own().await;
    let (db, pooler) = pgbouncer_of_its_own(&server, &direct).await;
    let site = site::of_its_own(db, Statements::Unnamed).await;
    nothing_is_lost_and_nothing_doubled(&site, &mut [pooler, server]).await;
}
