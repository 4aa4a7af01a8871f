//! Several workers, of which one leads.

use std::collections::BTreeMap;

use sqlx::Pool;
use sqlx::pool::PoolOptions;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;

on_every_database! {
    true:
        however_many_fire_at_once_each_run_is_there_once,
        when_the_leader_dies_another_takes_over_within_its_term,
        a_worker_that_stops_lets_another_lead_at_once;
}

/// Workers that fire and run nothing: their queue is another.
struct Schedulers {
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
}

impl Schedulers {
    fn start<DB: Backend>(site: &Site<DB>, count: usize) -> Self {
        let stop = watch::Sender::new(false);
        let workers = (0..count).map(|_| {
            let mut stopped = stop.subscribe();
            let worker = scheduler(site, site.pool.clone());
            tokio::spawn(async move {
                let stopped = async {
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                worker.run_until(stopped).await.unwrap();
            })
        });
        Self { workers: workers.collect(), stop }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        for worker in self.workers {
            worker.await.unwrap();
        }
    }
}

fn scheduler<DB: Backend>(site: &Site<DB>, pool: Pool<DB>) -> Worker<DB, App<DB>> {
    let app = App::new(&pool, &site.queue);
    Worker::new(pool, site.queue.clone(), app)
        .queue("another")
        .concurrency(1)
        .lease(Duration::from_millis(1200))
}

/// How many leaders there are in this term.
async fn leaders<DB: Backend>(site: &Site<DB>, first_term: bool) -> u64 {
    let sql = match (DB::DIALECT == saas_core::schema::Dialect::Postgres, first_term) {
        (true, true) => "update saas.jobs_leader set until = until where term = 1 and duty = ",
        (true, false) => "update saas.jobs_leader set until = until where term > 1 and duty = ",
        (false, true) => "update saas_jobs_leader set until = until where term = 1 and duty = ",
        (false, false) => "update saas_jobs_leader set until = until where term > 1 and duty = ",
    };
    site.run(sql, Some("schedules".to_owned())).await
}

async fn within_ten_seconds(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

async fn however_many_fire_at_once_each_run_is_there_once<DB: Backend>(site: &Site<DB>) {
    let start = at("2026-01-01T00:00:00Z");
    site.clock.set(start);
    let app = App::new(&site.pool, &site.queue);
    let tenants: Vec<_> = (0..5).map(|_| TenantId::new()).collect();
    for (index, tenant) in tenants.iter().enumerate() {
        let every = cron(&format!("schedule {index}"), "*/10 * * * * *");
        let options = site.options().tenant(*tenant);
        schedule(site, every.missed(Missed::CatchUp(1000)), options).await;
    }
    // Each turn of the clock ends the leader's term, so that all of them lead in turn; and drains
    // fire without leading.
    let schedulers = Schedulers::start(site, 3);
    for _ in 0..6 {
        site.clock.advance(Duration::from_secs(60));
        let drain = || async { worker(site, &app).drain().await.unwrap() };
        tokio::join!(drain(), drain(), drain());
    }
    worker(site, &app).drain().await.unwrap();
    schedulers.stop().await;
    let mut runs = BTreeMap::<_, Vec<_>>::new();
    for (id, _, tenant) in app.runs() {
        runs.entry(tenant).or_default().push(id.created_at().unwrap());
    }
    let expected: Vec<_> = (1..=36).map(|n| start + chrono::TimeDelta::seconds(10 * n)).collect();
    assert_eq!(runs.len(), tenants.len());
    for mut times in runs.into_values() {
        times.sort_unstable();
        assert_eq!(times, expected);
    }
}

async fn when_the_leader_dies_another_takes_over_within_its_term<DB: Backend>(site: &Site<DB>) {
    let start = at("2026-01-01T00:00:00Z");
    site.clock.set(start);
    // In a runtime of its own, which ends without any goodbye.
    let doomed =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let pool = {
        // Its connections must die with it.
        let _inside = doomed.enter();
        let options = site.pool.connect_options().as_ref().clone();
        PoolOptions::new().max_connections(2).connect_lazy_with(options)
    };
    doomed.spawn(scheduler(site, pool).run_until(std::future::pending()));
    within_ten_seconds("nobody leads", async || leaders(site, true).await == 1).await;
    doomed.shutdown_background();
    schedule(site, cron("x", "* * * * * *").missed(Missed::Coalesce), site.options()).await;
    let schedulers = Schedulers::start(site, 2);
    // Its term ends, and not a microsecond more.
    site.clock.advance(Duration::from_millis(1200));
    within_ten_seconds("nobody took over", async || {
        stored(site).await[0].last_at == Some(at("2026-01-01T00:00:01Z"))
    })
    .await;
    assert_eq!((leaders(site, true).await, leaders(site, false).await), (0, 1));
    schedulers.stop().await;
}

async fn a_worker_that_stops_lets_another_lead_at_once<DB: Backend>(site: &Site<DB>) {
    site.clock.set(at("2026-01-01T00:00:00Z"));
    let first = Schedulers::start(site, 1);
    within_ten_seconds("nobody leads", async || leaders(site, true).await == 1).await;
    let second = Schedulers::start(site, 1);
    first.stop().await;
    // The clock stands still: no term ends by itself.
    schedule(site, cron("x", "@daily"), site.options()).await;
    within_ten_seconds("nobody leads again", async || leaders(site, true).await == 1).await;
    second.stop().await;
    assert_eq!((leaders(site, true).await, leaders(site, false).await), (0, 0));
}
