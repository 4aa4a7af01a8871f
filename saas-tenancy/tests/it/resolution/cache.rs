//! What the directory said, kept within bounds and forgotten when told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_core::future::BoxFuture;
use saas_tenancy::resolve::{Cached, Directory, DirectoryError, Entry, Key, Standing};

use super::{ACME, Three};

#[tokio::test]
async fn what_many_ask_for_at_once_is_looked_up_once_and_forgotten_when_told() {
    let directory = Arc::new(Three::default());
    let hour = Duration::from_secs(3600);
    let cached = Arc::new(Cached::new(Arc::clone(&directory)).keep(hour, hour));
    let (acme, nobody) = (Key::Slug("acme".into()), Key::Slug("nobody".into()));
    let finds: Vec<_> = (0..64)
        .map(|number| {
            let cached = Arc::clone(&cached);
            let key = if number % 2 == 0 { acme.clone() } else { nobody.clone() };
            tokio::spawn(async move { cached.find(&key).await.unwrap() })
        })
        .collect();
    for (number, found) in finds.into_iter().enumerate() {
        assert_eq!(found.await.unwrap().is_some(), number % 2 == 0);
    }
    assert_eq!(directory.asked.load(Ordering::SeqCst), 2);
    cached.forget();
    cached.find(&acme).await.unwrap();
    cached.find(&nobody).await.unwrap();
    cached.find(&acme).await.unwrap();
    assert_eq!(directory.asked.load(Ordering::SeqCst), 4);
}

/// Answers when it is let, what it saw when it was asked.
struct Slow(tokio::sync::Semaphore, std::sync::Mutex<Standing>);

impl Directory for Slow {
    fn find<'d>(&'d self, _: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
        let standing = *self.1.lock().unwrap();
        Box::pin(async move {
            self.0.acquire().await?.forget();
            Ok(Some(Entry { tenant: ACME, standing }))
        })
    }
}

#[tokio::test]
async fn a_look_up_under_way_when_a_tenant_is_suspended_is_not_remembered() {
    let slow = Slow(tokio::sync::Semaphore::new(0), std::sync::Mutex::new(Standing::Active));
    let directory = Arc::new(slow);
    let hour = Duration::from_secs(3600);
    let cached = Arc::new(Cached::new(Arc::clone(&directory)).keep(hour, hour));
    let key = Key::Slug("acme".into());
    let early = tokio::spawn({
        let (cached, key) = (Arc::clone(&cached), key.clone());
        async move { cached.find(&key).await.unwrap().unwrap().standing }
    });
    // On this one thread the task runs until it waits for the directory.
    tokio::task::yield_now().await;
    *directory.1.lock().unwrap() = Standing::Suspended;
    cached.forget();
    directory.0.add_permits(2);
    assert_eq!(early.await.unwrap(), Standing::Active);
    let late = cached.find(&key).await.unwrap().unwrap();
    assert_eq!(late.standing, Standing::Suspended);
}

#[tokio::test]
async fn a_failure_is_not_remembered_and_an_entry_runs_out() {
    let directory = Arc::new(Three::default());
    let cached = Cached::new(Arc::clone(&directory)).keep(Duration::ZERO, Duration::ZERO);
    let broken = Key::Slug("broken".into());
    for asked in 1..=3 {
        let error = cached.find(&broken).await.unwrap_err();
        assert!(error.to_string().contains("is full"));
        assert_eq!(directory.asked.load(Ordering::SeqCst), asked);
    }
    for asked in 4..=6 {
        cached.find(&Key::Slug("acme".into())).await.unwrap();
        assert_eq!(directory.asked.load(Ordering::SeqCst), asked);
    }
}

#[tokio::test]
async fn a_flood_of_names_that_nobody_has_stays_within_bounds_and_leaves_the_known_ones() {
    let directory = Arc::new(Three::default());
    let hour = Duration::from_secs(3600);
    let cached = Cached::new(Arc::clone(&directory)).keep(hour, hour).capacity(100);
    let acme = Key::Slug("acme".into());
    for number in 0..5000 {
        cached.find(&Key::Slug(format!("nobody-{number}"))).await.unwrap();
        if number % 10 == 0 {
            cached.find(&acme).await.unwrap();
        }
    }
    let known = directory.asked.load(Ordering::SeqCst) - 5000;
    assert!(known < 25, "the known name was looked up {known} times of 500");
}
