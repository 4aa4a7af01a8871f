//! Limits hold exactly, however many workers claim at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use saas_core::TenantId;
use saas_jobs::{
    Backend, Drained, Job, JobContext, JobResult, JobState, Limit, Outcome, Run, Worker,
};
use serde::{Deserialize, Serialize};

use crate::site::{self, Site};

#[derive(Serialize, Deserialize)]
struct Call {
    millis: u64,
}

impl Job for Call {
    const KIND: &'static str = "call";
}

/// What runs now and what ran at most at once: of all tenants, and of each.
#[derive(Default)]
struct Running {
    now: HashMap<Option<TenantId>, usize>,
    most: HashMap<Option<TenantId>, usize>,
    ended: usize,
}

type Seen = Arc<Mutex<Running>>;

impl Run<Seen> for Call {
    async fn run(self, cx: JobContext<'_, Seen>) -> JobResult {
        // Jobs of no tenant are under no limit here.
        let counted = cx.tenant().map(|tenant| [None, Some(tenant)]);
        {
            let Running { now, most, .. } = &mut *cx.context().lock().unwrap();
            for key in counted.iter().flatten() {
                let running = now.entry(*key).or_default();
                *running += 1;
                let most = most.entry(*key).or_default();
                *most = (*most).max(*running);
            }
        }
        tokio::time::sleep(Duration::from_millis(self.millis)).await;
        let mut running = cx.context().lock().unwrap();
        counted.iter().flatten().for_each(|key| *running.now.entry(*key).or_default() -= 1);
        running.ended += 1;
        Ok(Outcome::done())
    }
}

/// Four workers, five at once and two of each tenant, eight tenants with jobs.
async fn caps_hold<DB: Backend>(site: Site<DB>, jobs_of_each: usize) {
    let name = site.name.clone();
    let tenants: Vec<_> = (0..8).map(|_| TenantId::new()).collect();
    for tenant in &tenants {
        for _ in 0..jobs_of_each {
            let options = site.options().tenant(*tenant).limit(name.clone());
            site.enqueue_with(Call { millis: 15 }, options).await;
        }
    }
    // Beside them, jobs under no limit.
    for _ in 0..20 {
        site.enqueue(Call { millis: 0 }).await;
    }
    let seen = Seen::default();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let workers = (0..4).map(|_| {
        let limit = Limit::new(name.clone()).at_once(5).at_once_per_tenant(2);
        let worker = Worker::new(site.pool.clone(), site.queue.clone(), Arc::clone(&seen))
            .queue(site.name.clone())
            .poll(Duration::from_millis(10), Duration::from_millis(50))
            .limit(limit)
            .register::<Call>();
        let mut stopped = stopped.clone();
        tokio::spawn(worker.run_until(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }))
    });
    let workers: Vec<_> = workers.collect();
    while seen.lock().unwrap().ended < 8 * jobs_of_each + 20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send_replace(true);
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    for tenant in tenants {
        let most = seen.most[&Some(tenant)];
        assert!((1..=2).contains(&most), "{most} of one tenant");
    }
    assert!((3..=5).contains(&seen.most[&None]), "{} at once", seen.most[&None]);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_hold_on_postgres() {
    caps_hold(site::postgres(false).await, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_hold_behind_a_pooler() {
    caps_hold(site::pgbouncer(false).await, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_hold_on_sqlite() {
    caps_hold(site::sqlite(false).await, 8).await;
}

/// Two a minute, by a clock that is turned.
async fn a_rate_lets_so_many_begin<DB: Backend>(site: Site<DB>) {
    let name = site.name.clone();
    for _ in 0..5 {
        site.enqueue_with(Call { millis: 0 }, site.options().limit(name.clone())).await;
    }
    let drain = || {
        let limit = Limit::new(name.clone()).rate(2, Duration::from_secs(60));
        let worker = Worker::new(site.pool.clone(), site.queue.clone(), Seen::default())
            .queue(site.name.clone())
            .limit(limit)
            .register::<Call>();
        async { worker.drain().await.unwrap().done }
    };
    assert_eq!(drain().await, 2);
    site.clock.advance(Duration::from_secs(29));
    assert_eq!(drain().await, 0);
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(drain().await, 1);
    site.clock.advance(Duration::from_secs(600));
    assert_eq!(drain().await, 2, "no more than one period's is saved up");
    site.end().await;
}

#[tokio::test]
async fn a_rate_lets_so_many_begin_on_postgres() {
    a_rate_lets_so_many_begin(site::postgres(true).await).await;
}

#[tokio::test]
async fn a_rate_lets_so_many_begin_on_sqlite() {
    a_rate_lets_so_many_begin(site::sqlite(true).await).await;
}

/// Two a minute of each tenant, and three of all.
async fn a_rate_holds_for_each_tenant<DB: Backend>(site: Site<DB>) {
    let name = site.name.clone();
    let tenants = [TenantId::new(), TenantId::new()];
    let mut jobs = HashMap::new();
    for tenant in tenants {
        for _ in 0..4 {
            let options = site.options().tenant(tenant).limit(name.clone());
            jobs.insert(site.enqueue_with(Call { millis: 0 }, options).await, tenant);
        }
    }
    let mut begun = HashMap::new();
    for round in 1..=2 {
        let minute = Duration::from_secs(60);
        let limit = Limit::new(name.clone()).rate(3, minute).rate_per_tenant(2, minute);
        let worker = Worker::new(site.pool.clone(), site.queue.clone(), Seen::default())
            .queue(site.name.clone())
            .limit(limit)
            .register::<Call>();
        assert_eq!(worker.drain().await.unwrap().done, 3);
        for (id, tenant) in &jobs {
            let done = site.job(*id).await.state == JobState::Done;
            *begun.entry((round, *tenant)).or_insert(0) += usize::from(done);
        }
        site.clock.advance(minute);
    }
    for tenant in tenants {
        assert!((1..=2).contains(&begun[&(1, tenant)]), "{begun:?}");
        assert!(begun[&(2, tenant)] - begun[&(1, tenant)] <= 2, "{begun:?}");
    }
    site.end().await;
}

#[tokio::test]
async fn a_rate_holds_for_each_tenant_on_postgres() {
    a_rate_holds_for_each_tenant(site::postgres(true).await).await;
}

#[tokio::test]
async fn a_rate_holds_for_each_tenant_on_sqlite() {
    a_rate_holds_for_each_tenant(site::sqlite(true).await).await;
}

/// A name that means nothing holds its jobs back until it does.
async fn jobs_wait_for_a_limit_that_nobody_has_told<DB: Backend>(site: Site<DB>) {
    let name = site.name.clone();
    site.enqueue_with(Call { millis: 0 }, site.options().limit(name.clone())).await;
    let drain = || {
        let worker = Worker::new(site.pool.clone(), site.queue.clone(), Seen::default())
            .queue(site.name.clone())
            .register::<Call>();
        async { worker.drain().await.unwrap() }
    };
    assert_eq!(drain().await, Drained::default());
    let mut tx = site.pool.begin().await.unwrap();
    site.queue.set_limit(&mut tx, Limit::new(name.clone()).at_once(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(drain().await.done, 1);
    site.end().await;
}

#[tokio::test]
async fn jobs_wait_for_a_limit_that_nobody_has_told_on_postgres() {
    jobs_wait_for_a_limit_that_nobody_has_told(site::postgres(false).await).await;
}

#[tokio::test]
async fn jobs_wait_for_a_limit_that_nobody_has_told_on_sqlite() {
    jobs_wait_for_a_limit_that_nobody_has_told(site::sqlite(false).await).await;
}
