//! What the statements should tell and change: one tenant's rows in memory.

use std::collections::BTreeMap;

use saas_core::{Deleted, Id, Version};
use saas_tenancy::ErrorKind;

use super::verb::{Told, Verb};
use crate::fixture::{Customer, Note};

/// By which statement a row was deleted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone(usize);

/// The database knows deletions by other names: as seen from outside all are alike.
impl PartialEq for Gone {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
pub(super) const SOME_DELETION: Gone = Gone(0);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    email: String,
    version: i64,
    gone: Option<Gone>,
}

impl Row {
    pub(super) fn of(email: String, version: Version, deleted: bool) -> Self {
        Self { email, version: version.get(), gone: deleted.then_some(SOME_DELETION) }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) customers: BTreeMap<Id<Customer>, Row>,
    pub(super) notes: BTreeMap<Id<Note>, (Id<Customer>, Option<Gone>)>,
}

fn missing() -> Told {
    Told::Error(ErrorKind::NotFound, "no such row in customers".to_owned())
}
fn taken() -> Told {
    Told::Error(ErrorKind::Conflict, "a unique value is taken in customers".to_owned())
}
fn stale() -> Told {
    let words = "the row in customers is not at the expected version";
    Told::Error(ErrorKind::Conflict, words.to_owned())
}
fn broken(table: &str) -> Told {
    let words = format!("a reference from or to {table} does not hold");
    Told::Error(ErrorKind::InvalidInput, words)
}

impl Rows {
    pub(super) fn ids(&self) -> impl Iterator<Item = Id<Customer>> + '_ {
        self.customers.keys().copied()
    }

    fn live(&self) -> impl Iterator<Item = Id<Customer>> + '_ {
        self.ids().filter(|id| self.is_live(*id))
    }

    fn is_live(&self, id: Id<Customer>) -> bool {
        self.customers.get(&id).is_some_and(|row| row.gone.is_none())
    }

    fn holder(&self, email: &str) -> Option<Id<Customer>> {
        self.live().find(|id| self.customers[id].email == email)
    }

    fn insert(&mut self, id: Id<Customer>, email: &str) -> Option<Told> {
        if self.customers.contains_key(&id) || self.holder(email).is_some() {
            return Some(taken());
        }
        self.customers.insert(id, Row { email: email.to_owned(), version: 1, gone: None });
        None
    }

    /// Changes a row that is there.
    fn change(&mut self, id: Id<Customer>, email: &str, gone: Option<Gone>) -> Told {
        if gone.is_none() && self.holder(email).is_some_and(|holder| holder != id) {
            return taken();
        }
        let Some(row) = self.customers.get_mut(&id) else { return missing() };
        *row = Row { email: email.to_owned(), version: row.version + 1, gone };
        Told::Row(id, row.version)
    }

    fn soft_delete(&mut self, id: Id<Customer>, step: usize) -> u64 {
        let email = self.customers[&id].email.clone();
        self.change(id, &email, Some(Gone(step)));
        let notes = self.notes.values_mut();
        let own = notes.filter(|(customer, gone)| *customer == id && gone.is_none());
        1 + own.map(|(_, gone)| *gone = Some(Gone(step))).count() as u64
    }

    fn restore(&mut self, id: Id<Customer>) -> Told {
        let Some(Row { email, gone, .. }) = self.customers.get(&id).cloned() else {
            return missing();
        };
        let Some(Gone(step)) = gone else { return Told::Count(0) };
        if let Told::Error(kind, words) = self.change(id, &email, None) {
            return Told::Error(kind, words);
        }
        let notes = self.notes.values_mut();
        let own = notes.filter(|(customer, gone)| {
            *customer == id && gone.is_some_and(|Gone(note)| note == step)
        });
        Told::Count(1 + own.map(|(_, gone)| *gone = None).count() as u64)
    }

    fn delete(&mut self, id: Id<Customer>) -> Told {
        if self.notes.values().any(|(customer, _)| *customer == id) {
            return broken("customers");
        }
        self.customers.remove(&id);
        Told::Count(1)
    }

    fn purge(&mut self) -> Told {
        let gone = |id: &Id<Customer>| self.customers[id].gone.is_some();
        if self.notes.values().any(|(customer, deleted)| deleted.is_none() && gone(customer)) {
            return broken("customers");
        }
        let before = self.customers.len() + self.notes.len();
        self.customers.retain(|_, row| row.gone.is_none());
        self.notes.retain(|_, (customer, _)| self.customers.contains_key(customer));
        Told::Count((before - self.customers.len() - self.notes.len()) as u64)
    }

    fn upsert(&mut self, id: Id<Customer>, email: &str, there: Option<Id<Customer>>) -> Told {
        match there {
            Some(there) if self.is_live(there) => self.change(there, email, None),
            Some(_) => missing(),
            None => self.insert(id, email).unwrap_or(Told::Row(id, 1)),
        }
    }

    /// Does the statement and says what it tells.
    pub(super) fn expect(&mut self, verb: &Verb, step: usize) -> Told {
        let count = |rows: usize| Told::Count(rows as u64);
        match verb {
            Verb::List => Told::Ids(self.live().collect()),
            Verb::ById(id) => Told::Ids(self.live().filter(|live| live == id).collect()),
            Verb::Exists(id) => Told::Count(self.is_live(*id).into()),
            Verb::Count(Deleted::Without) => count(self.live().count()),
            Verb::Count(Deleted::With) => count(self.customers.len()),
            Verb::Count(Deleted::Only) => count(self.customers.len() - self.live().count()),
            Verb::Joined => {
                let live = self.notes.values().filter(|(_, gone)| gone.is_none());
                count(live.filter(|(customer, _)| self.is_live(*customer)).count())
            }
            Verb::Insert(id, email) => self.insert(*id, email).unwrap_or(Told::Count(1)),
            Verb::InsertAll(rows) => {
                let error = rows.iter().find_map(|(id, email)| self.insert(*id, email));
                error.unwrap_or(Told::Count(2))
            }
            Verb::Note(_, customer) if !self.customers.contains_key(customer) => broken("notes"),
            Verb::Note(id, customer) => {
                self.notes.insert(*id, (*customer, None));
                Told::Count(1)
            }
            Verb::Upsert(id, email) => {
                let there = self.customers.contains_key(id).then_some(*id);
                self.upsert(*id, email, there)
            }
            Verb::UpsertByEmail(id, email) => self.upsert(*id, email, self.holder(email)),
            Verb::UpdateAll(id, _) if !self.is_live(*id) => Told::Count(0),
            Verb::UpdateAll(id, email) => match self.change(*id, email, None) {
                Told::Row(..) => Told::Count(1),
                error => error,
            },
            Verb::Update(id, _)
            | Verb::UpdateIf(id, ..)
            | Verb::Delete(id)
            | Verb::SoftDelete(id)
                if !self.is_live(*id) =>
            {
                missing()
            }
            Verb::UpdateIf(id, _, version) if self.customers[id].version != *version => stale(),
            Verb::Update(id, email) | Verb::UpdateIf(id, email, _) => self.change(*id, email, None),
            Verb::Delete(id) => self.delete(*id),
            Verb::DeleteAll(email) => {
                let holder = self.holder(email);
                holder.map_or(Told::Count(0), |id| self.delete(id))
            }
            Verb::DeleteNotes => {
                let before = self.notes.len();
                self.notes.retain(|_, (_, gone)| gone.is_some());
                count(before - self.notes.len())
            }
            Verb::SoftDelete(id) => Told::Count(self.soft_delete(*id, step)),
            Verb::SoftDeleteAll(email) => {
                let holder = self.holder(email);
                Told::Count(holder.map_or(0, |id| self.soft_delete(id, step)))
            }
            Verb::Restore(id) => self.restore(*id),
            Verb::Purge => self.purge(),
        }
    }
}
