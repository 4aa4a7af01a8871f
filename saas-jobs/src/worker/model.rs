//! Any sequence of what applications, workers and crashes do, against a simple model.
//!
//! The workers are this crate's own, driven step by step by a clock that is turned: they claim,
//! start handlers, hear of their ends, record them, give signs of life, promote, rescue, crash and
//! stop in any order, with transactions left open in between. After each step the answer must be
//! the model's, and after each sequence the whole database. A sequence that fails is cut down to the
//! least that does.
//!
//! `PROPTEST_CASES` multiplies: four sequences for each, so 1,024 by default.

mod book;
mod check;
mod claims;
mod command;
mod ends;
mod job;
mod lines;
mod member;
mod people;
mod play;
mod running;
mod runs;
mod scripted;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRunner};
use sqlx::Pool;
use sqlx::postgres::PgPoolOptions;
use tokio::runtime::Runtime;

use self::command::{Command, commands};
use self::play::{Play, Played, Tally};
use crate::{Backend, Queue};

/// How long one command may take: one that waits for a lock waits for ever here.
const PATIENCE: Duration = Duration::from_secs(10);

const EFFECTS: &str = "create table effects (job text not null, note text not null)";

/// What must have come about in any long run, or it shows nothing.
const TOLD: [&str; 24] = [
    "a claim from lanes in turn",
    "a claim from lanes that are looked for",
    "a claim from lanes that have just found jobs",
    "a claim from marks on",
    "a claim from one lane",
    "a completion that cannot commit",
    "a completion that commits",
    "a crash of a worker at work",
    "a dead letter redriven",
    "a free key",
    "a job cancelled",
    "a job given back unbegun",
    "a job that cannot be cancelled",
    "a job that is replaced",
    "a key that is held",
    "a rescue",
    "a run abandoned by a worker that stops",
    "a run whose lease is lost",
    "a step",
    "a step that cannot commit",
    "a step that was taken before",
    "a worker that learns that it was taken for dead",
    "an outcome that comes too late",
    "jobs cleared",
];

async fn play<DB: Backend>(
    pool: &Pool<DB>,
    queue: &Queue<DB>,
    seen: &mut Tally,
    commands: &[Command],
) -> Played {
    let mut tx = pool.begin_with(DB::BEGIN).await?;
    lines::empty::<DB>(&mut tx, queue.statements).await?;
    tx.commit().await?;
    let mut play = Play::begin(pool, queue, seen).await?;
    for (at, command) in commands.iter().enumerate() {
        let stepped = bounded(PATIENCE, play.step(command)).await;
        stepped.map_err(|error| TestCaseError::fail(format!("command {at}: {error}")))?;
    }
    play.compare().await?;
    bounded(6 * PATIENCE, play.finish()).await
}

async fn bounded(time: Duration, played: impl Future<Output = Played>) -> Played {
    let ended = tokio::time::timeout(time, played).await;
    ended.unwrap_or_else(|_| Err(TestCaseError::fail("it never ends")))
}

/// Plays so many sequences for each of proptest's cases, in quarters.
fn plays<DB: Backend>(runtime: &Runtime, pool: &Pool<DB>, queue: &Queue<DB>, quarters: u32) {
    let config = Config::default();
    let cases = config.cases * quarters;
    let (failure_persistence, max_shrink_time) = (None, 60_000);
    // The quick one: each choice has a generator of its own.
    let rng_algorithm = RngAlgorithm::XorShift;
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence,
        max_shrink_time,
        rng_algorithm,
        ..config
    });
    let seen = RefCell::new(Tally::new());
    let play =
        |commands: &[_]| runtime.block_on(play(pool, queue, &mut seen.borrow_mut(), commands));
    match runner.run(&commands(), |commands| play(&commands)) {
        Ok(()) => {}
        Err(TestError::Fail(_, commands)) => {
            let (reason, commands) = fewest(commands, |commands| play(commands).err());
            let commands: Vec<_> = commands.iter().map(|command| format!("{command:?}")).collect();
            panic!("{reason}\nby these commands:\n{}", commands.join("\n"));
        }
        Err(error) => panic!("{error}"),
    }
    let seen = seen.into_inner();
    println!("{cases} sequences: {seen:#?}");
    if cases >= 1000 {
        let unseen: Vec<_> = TOLD.iter().filter(|what| !seen.contains_key(*what)).collect();
        assert!(unseen.is_empty(), "nothing is shown of {unseen:?}");
    }
}

/// Takes commands away as long as the others fail; proptest does so only before it makes them simpler.
fn fewest(
    mut commands: Vec<Command>,
    fails: impl Fn(&[Command]) -> Option<TestCaseError>,
) -> (String, Vec<Command>) {
    let begun = Instant::now();
    let mut reason = fails(&commands);
    let mut at = 0;
    while at < commands.len() && begun.elapsed() < Duration::from_secs(60) {
        let mut fewer = commands.clone();
        fewer.remove(at);
        match fails(&fewer) {
            Some(error) => (reason, commands, at) = (Some(error), fewer, 0),
            None => at += 1,
        }
    }
    let reason = reason.map_or("not this time".to_owned(), |error| error.to_string());
    (reason, commands)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn sqlite_does_what_the_model_does_in_any_slow_sequence() {
    let runtime = runtime();
    let db = runtime.block_on(async {
        let db = saas_testkit::sqlite().await;
        let mut conn = db.pool.acquire().await.unwrap();
        crate::migrate::<sqlx::Sqlite>(&mut conn).await.unwrap();
        sqlx::query(EFFECTS).execute(&mut *conn).await.unwrap();
        drop(conn);
        db
    });
    plays(&runtime, &db.pool, &Queue::<sqlx::Sqlite>::new(), 4);
}

/// Tables of the test's own, and connections that are not tried before each use.
async fn prepare(db: saas_testkit::Postgres) -> sqlx::PgPool {
    let mut conn = db.owner.acquire().await.unwrap();
    crate::migrate::<sqlx::Postgres>(&mut conn).await.unwrap();
    crate::grant(&mut conn, &db.app_role).await.unwrap();
    sqlx::query(EFFECTS).execute(&mut *conn).await.unwrap();
    sqlx::query("grant all on effects to public").execute(&mut *conn).await.unwrap();
    let options = PgPoolOptions::new().max_connections(8).test_before_acquire(false);
    options.connect_lazy_with(db.app_options)
}

#[test]
fn postgres_does_what_the_model_does_in_any_slow_sequence() {
    let runtime = runtime();
    let pool = runtime.block_on(async {
        let mut db = saas_testkit::postgres_fresh().await;
        // Who waits for a lock here waits for itself.
        db.app_options = db.app_options.options([("lock_timeout", "500ms")]);
        prepare(db).await
    });
    plays(&runtime, &pool, &Queue::<sqlx::Postgres>::new(), 4);
}

#[test]
fn pgbouncer_does_what_the_model_does_in_any_slow_sequence() {
    let runtime = runtime();
    let name = format!("fresh_{}", uuid::Uuid::now_v7().simple());
    let pool = runtime.block_on(async { prepare(saas_testkit::pgbouncer(&name).await).await });
    plays(&runtime, &pool, &Queue::<sqlx::Postgres>::new().unnamed(), 1);
}
