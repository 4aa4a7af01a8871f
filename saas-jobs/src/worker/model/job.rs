//! One job of the model, and what becomes of it after a run.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use saas_core::TenantId;

use super::command::{End, New};
use super::scripted::BACKOFF;
use crate::lane;
use crate::options::after;
use crate::store::{CANCELLED, DEAD};

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) number: u32,
    pub(super) tenant: Option<TenantId>,
    pub(super) lane: i32,
    pub(super) priority: i16,
    pub(super) max: u16,
    pub(super) place: Place,
    /// Failed attempts, and when they were recorded.
    pub(super) errors: BTreeMap<u16, DateTime<Utc>>,
    /// Since which command it is where it is, and where that is.
    pub(super) since: (usize, Option<Place>),
}

/// A job is in one place, by attempts that were counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    Ready(u16),
    Later(u16, DateTime<Utc>),
    Held(u16),
    Done,
    Ended { state: i16, attempt: u16, at: DateTime<Utc> },
}

impl Job {
    pub(super) fn new(
        number: u32,
        tenant: Option<TenantId>,
        new: &New,
        now: DateTime<Utc>,
    ) -> Self {
        let place = match new.delay {
            0 => Place::Ready(0),
            seconds => Place::Later(0, later(now, seconds)),
        };
        let (lane, priority) = (tenant.map_or(0, lane::of), i16::from(new.priority));
        Self {
            number,
            tenant,
            lane,
            priority,
            max: new.max_attempts,
            place,
            errors: BTreeMap::new(),
            since: (0, None),
        }
    }

    /// Attempts that were counted, if it waits.
    pub(super) fn waits(&self) -> Option<u16> {
        match self.place {
            Place::Ready(attempt) | Place::Later(attempt, _) => Some(attempt),
            _ => None,
        }
    }

    pub(super) fn is_unended(&self) -> bool {
        self.waits().is_some() || matches!(self.place, Place::Held(_))
    }

    /// What becomes of it after a run, and the attempt that failed.
    pub(super) fn after(&self, before: u16, end: End, now: DateTime<Utc>) -> (Place, Option<u16>) {
        let attempt = before + 1;
        let fails = |wait| match attempt >= self.max {
            true => (Place::Ended { state: DEAD, attempt, at: now }, Some(attempt)),
            false => (Place::Later(attempt, later(now, wait)), Some(attempt)),
        };
        match end {
            End::Done => (Place::Done, None),
            End::Fail | End::Panic => fails(BACKOFF << before),
            End::RetryIn(seconds) => fails(seconds),
            End::Snooze(seconds) => (Place::Later(before, later(now, seconds)), None),
            End::Cancel => (Place::Ended { state: CANCELLED, attempt, at: now }, None),
            End::Dead => (Place::Ended { state: DEAD, attempt, at: now }, Some(attempt)),
        }
    }

    /// The same after one that nobody ended.
    pub(super) fn abandoned(&self, before: u16, now: DateTime<Utc>) -> (Place, Option<u16>) {
        let attempt = before + 1;
        match attempt >= self.max {
            true => (Place::Ended { state: DEAD, attempt, at: now }, Some(attempt)),
            false => (Place::Ready(attempt), Some(attempt)),
        }
    }
}

pub(super) fn later(now: DateTime<Utc>, seconds: u64) -> DateTime<Utc> {
    after(now, Duration::from_secs(seconds))
}
