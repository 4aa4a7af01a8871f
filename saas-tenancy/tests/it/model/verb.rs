//! The statements, drawn at random and run.

use chrono::{TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;
use saas_core::{Deleted, Id, TenantId, Version};
use saas_tenancy::{Direction, ErrorKind, Result, TenantTx};

use crate::fixture::{Customer, Db, Note};

/// Few, so that they collide.
const EMAILS: usize = 12;

type CustomerId = Id<Customer>;

#[derive(Debug, Clone)]
pub(super) enum Verb {
    List,
    ById(CustomerId),
    Exists(CustomerId),
    Count(Deleted),
    Joined,
    Insert(CustomerId, String),
    InsertAll([(CustomerId, String); 2]),
    Note(Id<Note>, CustomerId),
    Upsert(CustomerId, String),
    UpsertByEmail(CustomerId, String),
    Update(CustomerId, String),
    UpdateIf(CustomerId, String, i64),
    UpdateAll(CustomerId, String),
    Delete(CustomerId),
    DeleteAll(String),
    DeleteNotes,
    SoftDelete(CustomerId),
    SoftDeleteAll(String),
    Restore(CustomerId),
    Purge,
}

/// What a statement told its caller: nothing that could name a row it may not see.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Ids(Vec<CustomerId>),
    Count(u64),
    Row(CustomerId, i64),
    /// Its kind and its words.
    Error(ErrorKind, String),
}

impl Told {
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::Error(..))
    }
}

impl Verb {
    pub(super) fn draw(rng: &mut StdRng, ids: &[CustomerId]) -> Self {
        let id = super::any(rng, ids);
        let [email, other] = std::array::from_fn(|_| format!("{}@x", rng.random_range(0..EMAILS)));
        let deleted = [Deleted::Without, Deleted::With, Deleted::Only][rng.random_range(0..3)];
        match rng.random_range(0..26) {
            0 => Self::List,
            1 => Self::ById(id),
            2 => Self::Exists(id),
            3 => Self::Count(deleted),
            4 => Self::Joined,
            5..=7 => Self::Insert(Id::new(), email),
            8 => Self::InsertAll([(Id::new(), email), (Id::new(), other)]),
            9..=11 => Self::Note(Id::new(), id),
            12 => Self::Upsert(id, email),
            13 => Self::UpsertByEmail(id, email),
            14 => Self::Update(id, email),
            15 => Self::UpdateIf(id, email, rng.random_range(1..3)),
            16 => Self::UpdateAll(id, email),
            17 => Self::Delete(id),
            18 => Self::DeleteAll(email),
            19 => Self::DeleteNotes,
            20 | 21 => Self::SoftDelete(id),
            22 => Self::SoftDeleteAll(email),
            23 | 24 => Self::Restore(id),
            _ => Self::Purge,
        }
    }
}

pub(super) async fn told<DB: Db>(tx: &mut TenantTx<DB>, verb: &Verb) -> Told {
    run(tx, verb).await.unwrap_or_else(|error| Told::Error(error.kind(), error.to_string()))
}

async fn run<DB: Db>(tx: &mut TenantTx<DB>, verb: &Verb) -> Result<Told> {
    let tenant = tx.tenant();
    let all = || tx_select(tx);
    let told = match verb {
        Verb::List => {
            let rows = all().order_by(Customer::ID, Direction::Asc).all(tx).await?;
            Told::Ids(rows.iter().map(|row| row.id).collect())
        }
        Verb::ById(id) => {
            let row = all().by_id(*id).optional(tx).await?;
            Told::Ids(row.iter().map(|row| row.id).collect())
        }
        Verb::Exists(id) => Told::Count(all().by_id(*id).exists(tx).await?.into()),
        Verb::Count(deleted) => Told::Count(all().deleted(*deleted).count(tx).await?),
        Verb::Joined => Told::Count(tx.select::<Note>().join(Note::CUSTOMER_ID).count(tx).await?),
        Verb::Insert(id, email) => {
            tx.insert(&customer(tenant, *id, email)).await?;
            Told::Count(1)
        }
        Verb::InsertAll(rows) => {
            let rows = rows.each_ref().map(|(id, email)| customer(tenant, *id, email));
            tx.insert_all(&rows).await?;
            Told::Count(2)
        }
        Verb::Note(id, customer) => {
            tx.insert(&Note { id: *id, ..Note::on(*customer, "note") }).await?;
            Told::Count(1)
        }
        Verb::Upsert(id, email) => row(&tx.upsert(&customer(tenant, *id, email)).await?),
        Verb::UpsertByEmail(id, email) => {
            row(&tx.upsert(&customer(tenant, *id, email)).on(Customer::EMAIL).await?)
        }
        Verb::Update(id, email) => {
            let version = tx.update(*id).set(Customer::EMAIL, email.as_str()).await?.version;
            Told::Row(*id, version.map_or(0, Version::get))
        }
        Verb::UpdateIf(id, email, version) => {
            let update = tx.update(*id).set(Customer::EMAIL, email.as_str());
            let version = update.if_version(Version::new(*version)).await?.version;
            Told::Row(*id, version.map_or(0, Version::get))
        }
        Verb::UpdateAll(id, email) => {
            let update = tx.update_all::<Customer>().filter(Customer::ID.eq(*id));
            Told::Count(update.set(Customer::EMAIL, email.as_str()).await?)
        }
        Verb::Delete(id) => {
            tx.delete(*id).await?;
            Told::Count(1)
        }
        Verb::DeleteAll(email) => {
            let delete = tx.delete_all::<Customer>();
            Told::Count(delete.filter(Customer::EMAIL.eq(email.as_str())).await?)
        }
        Verb::DeleteNotes => Told::Count(tx.delete_all::<Note>().every_row().await?),
        Verb::SoftDelete(id) => {
            Told::Count(tx.soft_delete(*id).cascade(Note::CUSTOMER_ID).await?.rows)
        }
        Verb::SoftDeleteAll(email) => {
            let delete = tx.soft_delete_all::<Customer>();
            let delete = delete.filter(Customer::EMAIL.eq(email.as_str()));
            Told::Count(delete.cascade(Note::CUSTOMER_ID).await?.rows)
        }
        Verb::Restore(id) => Told::Count(tx.restore(*id).cascade(Note::CUSTOMER_ID).await?.rows),
        Verb::Purge => {
            let purge = tx.purge::<Customer>(Utc::now() + TimeDelta::hours(1));
            let purged = purge.cascade(Note::CUSTOMER_ID).await?;
            Told::Count(purged.rows + purged.children)
        }
    };
    Ok(told)
}

fn tx_select<DB: Db>(tx: &TenantTx<DB>) -> saas_tenancy::Select<DB, Customer> {
    tx.select::<Customer>()
}

fn customer(tenant: TenantId, id: CustomerId, email: &str) -> Customer {
    Customer { id, ..Customer::new(tenant, email) }
}

fn row(upserted: &saas_tenancy::Upserted<Customer>) -> Told {
    Told::Row(upserted.id, upserted.version.map_or(0, Version::get))
}
