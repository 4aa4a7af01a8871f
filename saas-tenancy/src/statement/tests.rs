//! The text of each verb: the same for any tenant and any values, with the tenant in it and, where
//! it goes by id, the id.
#![allow(clippy::unwrap_used)] // A test that cannot go on ends.

mod texts;

use chrono::Utc;
use saas_core::sql::{Binds, Fragment, Writes};
use saas_core::{DeletionId, Entity, Id, TenantId, Version};
use sqlx::{Postgres, QueryBuilder, Sqlite};

use self::texts::TEXTS;
use super::cascade::{Cascade, Taking};
use super::insert::{push_arrays, push_insert};
use super::path::{Reference, Root};
use super::restore::Returning;
use super::run::{Count, Exists};
use super::which::Which;
use super::{purge, restore, soft_delete, soft_delete_all};
use crate::{Options, TenantBackend, TenantDb, TenantTx};

#[derive(Entity, sqlx::FromRow)]
#[entity(table = "customers", tenant, soft_delete, version)]
struct Customer {
    id: Id<Customer>,
    #[entity(unique)]
    email: String,
}

#[derive(Entity, sqlx::FromRow)]
#[entity(table = "notes", tenant, soft_delete)]
struct Note {
    id: Id<Note>,
    #[entity(references = Customer)]
    customer_id: Id<Customer>,
}

#[derive(Entity, sqlx::FromRow)]
#[entity(table = "crm.tasks", tenant, soft_delete, timestamps)]
struct Task {
    id: Id<Task>,
    #[entity(references = Note)]
    note_id: Option<Id<Note>>,
}

trait Db: TenantBackend + Writes<Customer> + Binds<Id<Customer>> {}
impl Db for Postgres {}
impl Db for Sqlite {}

type Texts = Vec<(&'static str, String)>;

fn text<DB: Db>(query: &QueryBuilder<DB>) -> String {
    query.sql().as_str().to_owned()
}

fn fragment<DB: Db>(fragment: &dyn Fragment<DB>) -> String {
    let mut query = QueryBuilder::new("");
    fragment.push_to(&mut query);
    text(&query)
}

/// Some value that no other statement has.
fn any() -> String {
    Id::<Note>::new().to_string()
}

/// What reads.
fn reads<DB: Db>(tx: &TenantTx<DB>) -> Texts {
    let select = tx.select::<Customer>().by_id(Id::new()).filter(Customer::EMAIL.eq(any()));
    let few = tx.select::<Customer>().limit(3);
    let inner = tx.select::<Task>().join(Task::NOTE_ID).join(Note::CUSTOMER_ID);
    let inner = inner.filter(Customer::EMAIL.eq(any()));
    let outer =
        tx.select::<Note>().left_join(Note::CUSTOMER_ID).columns((Note::ID, Customer::EMAIL));
    vec![
        ("select", fragment(&select)),
        ("count", fragment(&Count(&select))),
        ("count of a few", fragment(&Count(&few))),
        ("exists", fragment(&Exists(&select))),
        ("exists in a join", fragment(&Exists(&inner))),
        ("outer join", fragment(&outer)),
    ]
}

/// What writes rows that are there or not.
fn writes<DB: Db>(tx: &mut TenantTx<DB>) -> Texts {
    let (whose, now, id) = (Some(tx.tenant()), Utc::now(), Id::<Customer>::new());
    let row = Customer { id: Id::new(), email: any() };
    let insert = push_insert::<DB, Customer>(std::slice::from_ref(&row), whose, now);
    let update = tx.update(id).set(Customer::EMAIL, any()).if_version(Version::new(3));
    let update = update.statement(whose, now);
    let update_all = tx.update_all::<Customer>().set(Customer::EMAIL, any());
    let update_all = update_all.filter(Customer::ID.eq(id)).statement(whose, now);
    let delete = tx.delete(id).statement(whose);
    let delete_all = tx.delete_all::<Customer>().filter(Customer::ID.eq(id)).statement(whose);
    let upsert = tx.upsert(&row).statement(whose, now);
    let upsert_on = tx.upsert(&row).on(Customer::EMAIL).statement(whose, now);
    vec![
        ("insert", text(&insert)),
        ("update", text(&update)),
        ("update_all", text(&update_all)),
        ("delete", text(&delete)),
        ("delete_all", text(&delete_all)),
        ("upsert", text(&upsert)),
        ("upsert on", text(&upsert_on)),
    ]
}

/// What takes rows away for a while, back, and for good.
fn deletions<DB: Db>(tenant: TenantId) -> Texts {
    let (tenant, now, id) = (Some(tenant), Utc::now(), Id::<Customer>::new());
    let taking = Taking { tenant, deletion: DeletionId::new(), now };
    let mut which = Which::<DB>::nothing();
    which.filter(Customer::EMAIL.eq(any()));
    let (one, many) = (taking.root(Some(id)), taking.root::<Customer>(None));
    let children = || Cascade::<DB>::along(None, Note::CUSTOMER_ID);
    let grandchildren = Cascade::<DB>::along(Some(&children()), Task::NOTE_ID);
    let some = children().only_if(Note::CUSTOMER_ID.ne(Id::new()));
    let root = Root { tenant, table: Customer::TABLE, row: Some(id.uuid()), taken_by: None };
    let back = Returning { root, deletion: DeletionId::new(), now };
    let (note, task) = (Reference::of(Note::CUSTOMER_ID), Reference::of(Task::NOTE_ID));
    let batch = purge::Batch { before: now, limit: 7 };
    let children_of = purge::purge_branch::<DB, Note, Customer>;
    let grandchildren_of = purge::purge_branch::<DB, Task, Customer>;
    vec![
        ("soft_delete", text(&soft_delete::statement::<DB, _>(&taking, id))),
        ("soft_delete_all", text(&soft_delete_all::statement::<DB, Customer>(&taking, &which))),
        ("cascade of one", text(&children().statement(&taking, &one))),
        ("cascade of many", text(&children().statement(&taking, &many))),
        ("cascade_if", text(&some.statement(&taking, &one))),
        ("then of one", text(&grandchildren.statement(&taking, &one))),
        ("then of many", text(&grandchildren.statement(&taking, &many))),
        ("found", text(&restore::found::<DB, _>(tenant, id)).replace(LOCK, "")),
        ("restore", text(&restore::statement::<DB, Note>(&back, &[note]))),
        ("restore then", text(&restore::statement::<DB, Task>(&back, &[note, task]))),
        ("purge", text(&purge::statement::<DB, Customer>(tenant, &batch))),
        ("purge of children", text(&children_of(&[note], tenant, &batch))),
        ("purge of grandchildren", text(&grandchildren_of(&[note, task], tenant, &batch))),
    ]
}

/// Only PostgreSQL locks rows.
const LOCK: &str = " for update of \"customers\"";

/// Every verb's text, for a tenant and values of its own at each call.
async fn texts<DB: Db>(db: &TenantDb<DB>) -> Texts {
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let mut all = reads(&tx);
    all.extend(writes(&mut tx));
    all.extend(deletions::<DB>(tx.tenant()));
    all
}

#[tokio::test]
async fn a_statements_text_is_the_same_for_every_tenant_and_value_on_postgres() {
    let pool = saas_testkit::postgres("t_tenancy").await.app;
    let db = TenantDb::connect_unverified(pool, Options::new());
    for _ in 0..2 {
        let said = texts(&db).await;
        assert_eq!(said.len(), TEXTS.len());
        for (said, (verb, text)) in said.iter().zip(TEXTS) {
            assert_eq!((said.0, said.1.as_str()), (*verb, *text));
        }
    }
}

#[tokio::test]
async fn sqlite_gets_the_same_texts_with_its_own_placeholders() {
    let file = saas_testkit::sqlite().await;
    let db = TenantDb::connect_unverified(file.pool.clone(), Options::new());
    for _ in 0..2 {
        for (said, (verb, text)) in texts(&db).await.iter().zip(TEXTS) {
            let text = (1..=9)
                .fold((*text).to_owned(), |text, place| text.replace(&format!("${place}"), "?"));
            assert_eq!(said, &(*verb, text));
        }
    }
}

#[test]
fn a_bulk_insert_has_one_text_for_any_number_of_rows() {
    let text = |count: usize| {
        let row = |number: usize| Customer { id: Id::new(), email: number.to_string() };
        let rows: Vec<_> = (0..count).map(row).collect();
        let query = push_arrays::<Postgres, _>(&rows, Some(TenantId::new()), Utc::now());
        query.sql().as_str().to_owned()
    };
    assert_eq!(text(2), text(1000));
    assert_eq!(
        text(2),
        r#"insert into "customers" ("id", "email", "tenant_id", "version") select listed.*, $1, $2 from unnest($3::uuid[], $4::text[]) listed"#
    );
}

/// Text stored by a type that PostgreSQL does not know as text.
#[derive(Clone, Copy)]
struct Mood;

impl sqlx::Type<Postgres> for Mood {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        sqlx::postgres::PgTypeInfo::with_name("mood")
    }
}

impl sqlx::Encode<'_, Postgres> for Mood {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        buffer.extend_from_slice(b"fine");
        Ok(sqlx::encode::IsNull::No)
    }
}

#[derive(Entity)]
#[entity(table = "moods", tenant)]
struct Feeling {
    id: Id<Feeling>,
    #[entity(kind = "text")]
    mood: Mood,
}

#[test]
fn a_column_type_of_the_databases_own_is_written_value_by_value() {
    assert!(Postgres::takes_arrays::<Customer>());
    assert!(!Postgres::takes_arrays::<Feeling>());
}
