use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_idempotency::{Attempt, Claimed, Error, Lease, Outcome, Store};

use super::Orders;
use crate::crash::Point;

/// A store whose process ends before or after a call.
#[derive(Debug)]
pub(super) struct Deadly {
    sound: Arc<dyn Store>,
    orders: Orders,
}

impl Deadly {
    pub(super) fn new(sound: Arc<dyn Store>, orders: Orders) -> Self {
        Self { sound, orders }
    }
}

impl Store for Deadly {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        Box::pin(async move {
            self.orders.reach(Point::BeforeClaim);
            let claimed = self.sound.claim(attempt).await;
            self.orders.reach(Point::AfterClaim);
            claimed
        })
    }

    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.orders.reach(Point::BeforeRecord);
            let completed = self.sound.complete(lease, outcome).await;
            self.orders.reach(Point::AfterRecord);
            completed
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        self.sound.release(lease)
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.sound.renew(lease, until)
    }

    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        self.sound.record(attempt, outcome)
    }

    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        self.sound.sweep(now, limit)
    }
}
