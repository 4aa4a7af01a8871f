//! Schedules come, change, pause and go.

use super::*;

on_every_database! {
    true:
        a_schedule_in_code_is_stored_when_a_worker_starts,
        a_schedule_that_is_defined_again_keeps_its_time_and_its_pause,
        a_schedule_that_left_the_code_stays_unless_it_is_pruned,
        a_pause_is_no_outage,
        a_schedule_that_the_database_refuses_holds_up_no_other,
        a_schedule_exists_if_the_callers_transaction_commits,
        schedules_are_listed_by_name_and_tenant,
        what_cannot_be_stored_is_refused;
}

async fn a_schedule_in_code_is_stored_when_a_worker_starts<DB: Backend>(site: &Site<DB>) {
    site.clock.set(at("2026-01-01T00:00:00Z"));
    let app = App::new(&site.pool, &site.queue);
    let drain = || {
        let daily = cron("daily", "0 9 * * *").zone("Asia/Kolkata").unwrap();
        worker(site, &app).schedule(daily.options(site.options()), Act::Done).drain()
    };
    assert_eq!(drain().await.unwrap().done, 0);
    let schedule = stored(site).await.remove(0);
    assert!(schedule.in_code && !schedule.paused);
    assert_eq!((schedule.zone.as_str(), schedule.last_at), ("Asia/Kolkata", None));
    let nine = at("2026-01-01T03:30:00Z");
    assert_eq!(schedule.next_at, Some(nine));
    site.clock.set(nine);
    assert_eq!(drain().await.unwrap().done, 1);
    assert_eq!(drain().await.unwrap().done, 0);
    assert_eq!(due(&app, None), [nine]);
}

async fn a_schedule_that_is_defined_again_keeps_its_time_and_its_pause<DB: Backend>(
    site: &Site<DB>,
) {
    site.clock.set(at("2026-01-01T00:00:00Z"));
    schedule(site, cron("x", "0 9 * * *"), site.options()).await;
    // Due, and not fired yet: another priority must not lose the run.
    site.clock.set(at("2026-01-01T10:00:00Z"));
    schedule(site, cron("x", "0 9 * * *"), site.options().priority(1)).await;
    let now = stored(site).await.remove(0);
    assert_eq!((now.next_at, now.priority), (Some(at("2026-01-01T09:00:00Z")), 1));
    schedule(site, cron("x", "0 8 * * *"), site.options()).await;
    assert_eq!(stored(site).await[0].next_at, Some(at("2026-01-02T08:00:00Z")));
    let elsewhere = cron("x", "0 8 * * *").zone("Australia/Sydney").unwrap();
    schedule(site, elsewhere, site.options()).await;
    assert_eq!(stored(site).await[0].next_at, Some(at("2026-01-01T21:00:00Z")));
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    assert!(site.queue.pause_schedule(&mut tx, "x").await.unwrap());
    tx.commit().await.unwrap();
    schedule(site, cron("x", "* * * * *"), site.options()).await;
    let paused = stored(site).await.remove(0);
    assert_eq!((paused.paused, paused.next_at), (true, None));
}

async fn a_schedule_that_left_the_code_stays_unless_it_is_pruned<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let names = async || -> Vec<_> {
        stored(site).await.into_iter().map(|schedule| schedule.name).collect()
    };
    schedule(site, cron("of a user", "0 9 * * *"), site.options()).await;
    let both = worker(site, &app)
        .schedule(cron("new", "0 9 * * *"), Act::Done)
        .schedule(cron("old", "0 9 * * *"), Act::Done);
    both.drain().await.unwrap();
    let one = || worker(site, &app).schedule(cron("new", "0 9 * * *"), Act::Done);
    one().drain().await.unwrap();
    assert_eq!(names().await, ["new", "of a user", "old"]);
    one().prune_schedules().drain().await.unwrap();
    assert_eq!(names().await, ["new", "of a user"]);
}

async fn a_pause_is_no_outage<DB: Backend>(site: &Site<DB>) {
    site.clock.set(at("2026-01-01T00:00:00Z"));
    let app = App::new(&site.pool, &site.queue);
    let hourly = cron("hourly", "0 * * * *").missed(Missed::CatchUp(100));
    schedule(site, hourly, site.options()).await;
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    assert!(!site.queue.resume_schedule(&mut tx, "hourly").await.unwrap(), "it is not paused");
    assert!(site.queue.pause_schedule(&mut tx, "hourly").await.unwrap());
    assert!(!site.queue.pause_schedule(&mut tx, "daily").await.unwrap(), "there is none");
    assert!(!site.queue.resume_schedule(&mut tx, "daily").await.unwrap(), "there is none");
    tx.commit().await.unwrap();
    site.clock.set(at("2026-01-01T05:30:00Z"));
    assert_eq!(worker(site, &app).drain().await.unwrap().done, 0);
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    assert!(site.queue.resume_schedule(&mut tx, "hourly").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(worker(site, &app).drain().await.unwrap().done, 0);
    site.clock.set(at("2026-01-01T06:00:00Z"));
    assert_eq!(worker(site, &app).drain().await.unwrap().done, 1);
    assert_eq!(due(&app, None), [at("2026-01-01T06:00:00Z")]);
}

async fn a_schedule_that_the_database_refuses_holds_up_no_other<DB: Backend>(site: &Site<DB>) {
    site.define(
        "create function refuse() returns trigger language plpgsql as $$
            begin raise exception 'refused'; end $$;
        create trigger refuse before insert on saas.jobs
            for each row when (new.priority = 4) execute function refuse()",
        "create trigger refuse before insert on saas_jobs when new.priority = 4
            begin select raise(abort, 'refused'); end",
    )
    .await;
    site.clock.set(at("2026-01-01T00:00:00Z"));
    for (name, priority) in [("first", 2), ("refused", 4), ("third", 2)] {
        schedule(site, cron(name, "0 9 * * *"), site.options().priority(priority)).await;
    }
    site.clock.set(at("2026-01-01T09:00:00Z"));
    let app = App::new(&site.pool, &site.queue);
    assert_eq!(worker(site, &app).drain().await.unwrap().done, 2);
    let due: Vec<_> =
        stored(site).await.into_iter().map(|known| (known.name, known.last_at)).collect();
    let fired = Some(at("2026-01-01T09:00:00Z"));
    let expected = [("first", fired), ("refused", None), ("third", fired)];
    assert_eq!(due, expected.map(|(name, last)| (name.to_owned(), last)));
    site.define("drop trigger refuse on saas.jobs", "drop trigger refuse").await;
    assert_eq!(worker(site, &app).drain().await.unwrap().done, 1);
}

async fn a_schedule_exists_if_the_callers_transaction_commits<DB: Backend>(site: &Site<DB>) {
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    site.queue.schedule(&mut tx, cron("x", "@daily"), Act::Done).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(stored(site).await, []);
    schedule(site, cron("x", "@daily"), site.options()).await;
    for expected in [true, false] {
        let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
        assert_eq!(site.queue.unschedule(&mut tx, "x").await.unwrap(), expected);
        tx.commit().await.unwrap();
    }
    assert_eq!(stored(site).await, []);
}

async fn schedules_are_listed_by_name_and_tenant<DB: Backend>(site: &Site<DB>) {
    let (ours, theirs) = (TenantId::new(), TenantId::new());
    for (name, tenant) in [("a", Some(ours)), ("b", Some(theirs)), ("c", Some(ours)), ("d", None)] {
        let options = tenant.map_or(site.options(), |tenant| site.options().tenant(tenant));
        schedule(site, cron(name, "@hourly"), options).await;
    }
    let names = async |tenant, after, most| -> Vec<_> {
        let mut tx = site.pool.begin().await.unwrap();
        let schedules = site.queue.schedules(&mut tx, tenant, after, most).await.unwrap();
        schedules.into_iter().map(|schedule| schedule.name).collect()
    };
    assert_eq!(names(None, None, 3).await, ["a", "b", "c"]);
    assert_eq!(names(None, Some("c"), 3).await, ["d"]);
    assert_eq!(names(Some(ours), None, 9).await, ["a", "c"]);
    assert_eq!(names(Some(ours), Some("a"), 9).await, ["c"]);
}

async fn what_cannot_be_stored_is_refused<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let twice = worker(site, &app)
        .schedule(cron("x", "@daily"), Act::Done)
        .schedule(cron("x", "@hourly"), Act::Done);
    let error = twice.run_until(std::future::pending()).await.unwrap_err();
    let expected = "the schedule `x` is refused: the worker has another of this name";
    assert_eq!(error.to_string(), expected);
    assert_eq!(stored(site).await, []);
}
