//! What is enqueued again and again.

mod at_once;
mod defined;

use std::time::Duration;

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_jobs::{Backend, JobState, Missed, Options, Schedule, StoredSchedule, Worker};

use crate::jobs::{Act, App};
use crate::site::Site;

on_every_database! {
    true:
        clocks_that_change_cost_no_run_and_make_none_twice,
        missed_runs_are_made_up_for_as_the_schedule_says,
        a_run_is_stored_as_the_options_say,
        what_cannot_be_read_is_left_alone;
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn cron(name: &str, expression: &str) -> Schedule {
    Schedule::cron(name.to_owned(), expression.to_owned()).unwrap()
}

/// Defines a schedule at run time whose jobs do nothing, in the test's queue.
async fn schedule<DB: Backend>(site: &Site<DB>, schedule: Schedule, options: Options) {
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let schedule = schedule.options(options);
    site.queue.schedule(&mut tx, schedule, Act::Done).await.unwrap();
    tx.commit().await.unwrap();
}

async fn stored<DB: Backend>(site: &Site<DB>) -> Vec<StoredSchedule> {
    let mut tx = site.pool.begin().await.unwrap();
    site.queue.schedules(&mut tx, None, None, 100).await.unwrap()
}

fn worker<DB: Backend>(site: &Site<DB>, app: &App<DB>) -> Worker<DB, App<DB>> {
    site.worker(app).register::<Act>()
}

/// When the runs of a tenant were due, in the order in which they ran.
fn due<DB: Backend>(app: &App<DB>, of: Option<TenantId>) -> Vec<DateTime<Utc>> {
    let runs = app.runs().into_iter().filter(|(_, _, tenant)| *tenant == of);
    runs.map(|(id, ..)| id.created_at().unwrap()).collect()
}

/// Hour by hour through the nights in which clocks change.
async fn clocks_that_change_cost_no_run_and_make_none_twice<DB: Backend>(site: &Site<DB>) {
    // When the zone's midnight is, and when runs at its 01:30 and 02:30 are due.
    const HOURS: usize = 4;
    let nights = [
        ("America/New_York", "2026-03-08T05:00:00Z", "06:30", "07:00"),
        ("America/New_York", "2026-11-01T04:00:00Z", "05:30", "07:30"),
        ("Australia/Sydney", "2026-04-04T13:00:00Z", "14:30", "15:30"),
        ("Australia/Sydney", "2026-10-03T14:00:00Z", "15:30", "16:00"),
    ];
    for (zone, midnight, half_past_one, half_past_two) in nights {
        let app = App::new(&site.pool, &site.queue);
        let midnight = at(midnight);
        site.clock.set(midnight);
        let tenants: [_; 3] = std::array::from_fn(|_| TenantId::new());
        let expressions = ["30 1 * * *", "30 2 * * *", "30 * * * *"];
        for (tenant, expression) in tenants.iter().zip(expressions) {
            let name = format!("{zone} {midnight} {expression}");
            let cron = cron(&name, expression).zone(zone).unwrap();
            schedule(site, cron, site.options().tenant(*tenant)).await;
        }
        for _ in 0..HOURS * 2 {
            site.clock.advance(Duration::from_secs(1800));
            worker(site, &app).drain().await.unwrap();
        }
        let day = midnight.date_naive();
        let once = |time: &str| vec![at(&format!("{day}T{time}:00Z"))];
        assert_eq!(due(&app, Some(tenants[0])), once(half_past_one), "01:30 in {zone}, {day}");
        assert_eq!(due(&app, Some(tenants[1])), once(half_past_two), "02:30 in {zone}, {day}");
        assert_eq!(due(&app, Some(tenants[2])).len(), HOURS, "each hour in {zone}, {day}");
    }
}

async fn missed_runs_are_made_up_for_as_the_schedule_says<DB: Backend>(site: &Site<DB>) {
    site.clock.set(at("2026-01-01T00:00:00Z"));
    let app = App::new(&site.pool, &site.queue);
    let policies = [Missed::Skip, Missed::Coalesce, Missed::CatchUp(2), Missed::CatchUp(9)];
    let tenants: [_; 4] = std::array::from_fn(|_| TenantId::new());
    for (missed, tenant) in policies.into_iter().zip(tenants) {
        let cron = cron(&format!("{missed:?}"), "0 9 * * *").missed(missed);
        schedule(site, cron, site.options().tenant(tenant)).await;
    }
    let drain = || worker(site, &app).drain();
    assert_eq!(drain().await.unwrap().done, 0);
    // Three mornings without a worker.
    site.clock.set(at("2026-01-03T12:00:00Z"));
    assert_eq!(drain().await.unwrap().done, 6);
    let mornings = |days: &[u32]| -> Vec<_> {
        days.iter().map(|day| at(&format!("2026-01-0{day}T09:00:00Z"))).collect()
    };
    for (tenant, days) in tenants.into_iter().zip([&[][..], &[3], &[2, 3], &[1, 2, 3]]) {
        assert_eq!(due(&app, Some(tenant)), mornings(days));
    }
    // A leader that is a little late has missed nothing.
    site.clock.set(at("2026-01-04T09:00:59Z"));
    assert_eq!(drain().await.unwrap().done, 4);
    assert_eq!(due(&app, Some(tenants[0])), mornings(&[4]));
    for schedule in stored(site).await {
        assert_eq!(schedule.last_at, Some(at("2026-01-04T09:00:00Z")));
        assert_eq!(schedule.next_at, Some(at("2026-01-05T09:00:00Z")));
    }
}

async fn a_run_is_stored_as_the_options_say<DB: Backend>(site: &Site<DB>) {
    site.clock.set(at("2026-01-01T00:00:00Z"));
    let app = App::new(&site.pool, &site.queue);
    let tenant = TenantId::new();
    let options = site.options().tenant(tenant).priority(4).max_attempts(3);
    // A start of its own is not used.
    let options = options.limit(site.name.clone()).delay(Duration::from_secs(3600));
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let every = cron("all said", "* * * * *").options(options);
    site.queue.schedule(&mut tx, every, Act::Fail).await.unwrap();
    tx.commit().await.unwrap();
    site.clock.advance(Duration::from_secs(60));
    let limit = saas_jobs::Limit::new(site.name.clone()).at_once(1);
    assert_eq!(worker(site, &app).limit(limit).drain().await.unwrap().failed, 1);
    let [(id, attempt, of)] = app.runs()[..] else { panic!("there was not one run") };
    assert_eq!((attempt, of), (1, Some(tenant)));
    let status = site.job(id).await;
    assert_eq!((status.queue, status.max_attempts), (site.name.clone(), 3));
    assert_eq!((status.state, status.kind.as_str()), (JobState::Scheduled, "act"));
    let schedule = stored(site).await.remove(0);
    assert_eq!((schedule.kind.as_str(), schedule.version, schedule.priority), ("act", 1, 4));
    assert_eq!((schedule.args.as_str(), schedule.limit), ("\"Fail\"", Some(site.name.clone())));
}

async fn what_cannot_be_read_is_left_alone<DB: Backend>(site: &Site<DB>) {
    site.clock.set(at("2026-01-01T00:00:00Z"));
    let app = App::new(&site.pool, &site.queue);
    schedule(site, cron("a of the future", "* * * * *"), site.options()).await;
    schedule(site, cron("b", "* * * * *"), site.options()).await;
    let sql = if DB::DIALECT == saas_core::schema::Dialect::Postgres {
        "update saas.jobs_cron set expression = 'when it rains' where name = "
    } else {
        "update saas_jobs_cron set expression = 'when it rains' where name = "
    };
    assert_eq!(site.run(sql, Some("a of the future".into())).await, 1);
    for _ in 0..2 {
        site.clock.advance(Duration::from_secs(60));
        assert_eq!(worker(site, &app).drain().await.unwrap().done, 1);
    }
    // It is still due, for somebody who can.
    assert_eq!(stored(site).await[0].next_at, Some(at("2026-01-01T00:01:00Z")));
}
