//! The records themselves, without a lock.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::Fingerprint;
use crate::store::{Attempt, Lease};

/// What a record takes besides its reply, in trees whose nodes are two thirds full.
const PLACE: usize = 400;

/// How many expired records every claim that writes takes away, so that they do not pile up where
/// nobody sweeps: more than it adds.
const TIDIED: u32 = 2;

type Name = (Uuid, [u8; 32]);

/// Trees, since a table of hashes stands still while it grows.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) max_records: usize,
    pub(super) max_bytes: usize,
    by_name: BTreeMap<Name, Entry>,
    /// From when on each is absent: what may go is in front.
    by_end: BTreeSet<(DateTime<Utc>, Name)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    token: Uuid,
    attempt: u32,
    claimed_at: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// `None` while it runs.
    kept: Option<Kept>,
}

/// An outcome in its stored form, which holds on to no larger buffer.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) status: u16,
    pub(super) reply: Option<Bytes>,
}

pub(super) enum Put {
    Won(u32),
    Found(Fingerprint, Option<Kept>),
}

#[derive(Debug, thiserror::Error)]
#[error("the memory store is full: {records} records, {bytes} bytes, none of them expired")]
pub(super) struct Full {
    records: usize,
    bytes: usize,
}

impl Records {
    pub(super) fn bounded(max_records: usize, max_bytes: usize) -> Self {
        let (by_name, by_end) = (BTreeMap::new(), BTreeSet::new());
        Self { max_records, max_bytes, by_name, by_end, bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&mut self, attempt: &Attempt, kept: Option<Kept>) -> Result<Put, Full> {
        let (name, now) = (name(&attempt.lease), attempt.now);
        let number = match self.by_name.get(&name) {
            Some(old) if !old.yields_to(attempt) => {
                return Ok(Put::Found(old.fingerprint, old.kept.clone()));
            }
            Some(old) if old.expires_at > now => {
                old.attempt.saturating_add((old.token != attempt.lease.token).into())
            }
            _ => 1,
        };
        self.sweep(now, TIDIED);
        // What is there already gives its place.
        if !self.by_name.contains_key(&name) && !self.make_room(now, 1, PLACE) {
            return Err(Full { records: self.len(), bytes: self.bytes });
        }
        self.remove(&name);
        let entry = Entry {
            fingerprint: attempt.fingerprint,
            token: attempt.lease.token,
            attempt: number,
            claimed_at: now,
            lease_until: attempt.lease_until,
            expires_at: attempt.expires_at,
            kept: None,
        };
        self.bytes += entry.size();
        self.by_end.insert((entry.end(), name));
        self.by_name.insert(name, entry);
        if let Some(kept) = kept {
            self.complete(&attempt.lease, kept);
        }
        Ok(Put::Won(number))
    }

    pub(super) fn complete(&mut self, lease: &Lease, mut kept: Kept) -> bool {
        // The moment of its claim, for it is told no later one.
        let Some(now) = self.held(lease).map(|entry| entry.claimed_at) else { return false };
        if !self.make_room(now, 0, kept.size()) {
            kept.reply = None;
        }
        self.change(lease, |entry| entry.kept = Some(kept))
    }

    pub(super) fn release(&mut self, lease: &Lease) -> bool {
        self.held(lease).is_some() && self.remove(&name(lease))
    }

    pub(super) fn renew(&mut self, lease: &Lease, until: DateTime<Utc>) -> bool {
        self.change(lease, |entry| entry.lease_until = until)
    }

    pub(super) fn sweep(&mut self, now: DateTime<Utc>, limit: u32) -> u64 {
        let mut swept = 0;
        while swept < u64::from(limit) && self.sweep_one(now) {
            swept += 1;
        }
        swept
    }

    fn sweep_one(&mut self, now: DateTime<Utc>) -> bool {
        match self.by_end.first() {
            Some(&(end, name)) if end <= now => self.remove(&name),
            _ => false,
        }
    }

    fn make_room(&mut self, now: DateTime<Utc>, records: usize, bytes: usize) -> bool {
        while self.len() + records > self.max_records || self.bytes + bytes > self.max_bytes {
            if !self.sweep_one(now) {
                return false;
            }
        }
        true
    }

    fn held(&self, lease: &Lease) -> Option<&Entry> {
        self.by_name.get(&name(lease)).filter(|entry| entry.is_held_by(lease))
    }

    fn change(&mut self, lease: &Lease, change: impl FnOnce(&mut Entry)) -> bool {
        let name = name(lease);
        let Some(entry) = self.by_name.get_mut(&name).filter(|entry| entry.is_held_by(lease))
        else {
            return false;
        };
        self.by_end.remove(&(entry.end(), name));
        self.bytes -= entry.size();
        change(entry);
        self.bytes += entry.size();
        self.by_end.insert((entry.end(), name));
        true
    }

    fn remove(&mut self, name: &Name) -> bool {
        let Some(entry) = self.by_name.remove(name) else { return false };
        self.by_end.remove(&(entry.end(), *name));
        self.bytes -= entry.size();
        true
    }
}

impl Entry {
    /// From when on it is absent.
    fn end(&self) -> DateTime<Utc> {
        match self.kept {
            Some(_) => self.expires_at,
            None => self.expires_at.max(self.lease_until),
        }
    }

    fn is_held_by(&self, lease: &Lease) -> bool {
        self.kept.is_none() && self.token == lease.token
    }

    fn yields_to(&self, attempt: &Attempt) -> bool {
        let lapsed = self.lease_until <= attempt.now && self.fingerprint == attempt.fingerprint;
        self.end() <= attempt.now
            || self.is_held_by(&attempt.lease)
            || self.kept.is_none() && lapsed
    }

    fn size(&self) -> usize {
        PLACE + self.kept.as_ref().map_or(0, Kept::size)
    }
}

impl Kept {
    fn size(&self) -> usize {
        self.reply.as_ref().map_or(0, Bytes::len)
    }
}

fn name(lease: &Lease) -> Name {
    (lease.id.tenant(), *lease.id.digest())
}
