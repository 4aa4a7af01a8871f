use chrono::{DateTime, NaiveDate, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::{Binds, Reads, Statements, Stores};
use saas_core::{Entity, Id, SoftDelete, TenantId, Timestamps, Version};
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Isolation, Options, Registry, TenantBackend, TenantDb};
use saas_testkit as testkit;
use sqlx::{FromRow, Pool, Postgres, Sqlite};

#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "customers", tenant)]
pub(crate) struct Customer {
    pub(crate) id: Id<Customer>,
    pub(crate) tenant_id: TenantId,
    #[entity(unique)]
    pub(crate) email: String,
    pub(crate) born_on: Option<NaiveDate>,
    #[entity(version)]
    pub(crate) version: Version,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    pub(crate) timestamps: Timestamps,
    #[entity(soft_delete)]
    #[sqlx(flatten)]
    pub(crate) deletion: SoftDelete,
}

/// Holds none of what its attributes promise: the statements keep it.
#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "notes", tenant, soft_delete, timestamps, version)]
pub(crate) struct Note {
    pub(crate) id: Id<Note>,
    #[entity(references = Customer)]
    pub(crate) customer_id: Id<Customer>,
    pub(crate) body: String,
}

#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "plans", global)]
pub(crate) struct Plan {
    pub(crate) id: Id<Plan>,
    pub(crate) name: String,
}

/// Points to a tenant's row and to a global one, or to neither.
#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "tasks", tenant, unique(title, place))]
pub(crate) struct Task {
    pub(crate) id: Id<Task>,
    pub(crate) title: String,
    pub(crate) place: i32,
    #[entity(references = Note)]
    pub(crate) note_id: Option<Id<Note>>,
    #[entity(references = Plan)]
    pub(crate) plan_id: Option<Id<Plan>>,
}

impl Task {
    pub(crate) fn new(title: &str, place: i32) -> Self {
        let title = title.to_owned();
        Self { id: Id::new(), title, place, note_id: None, plan_id: None }
    }
}

impl Customer {
    pub(crate) fn new(tenant: TenantId, email: &str) -> Self {
        let now: DateTime<Utc> = "2026-01-02T03:04:05.000006Z".parse().unwrap();
        Self {
            id: Id::new(),
            tenant_id: tenant,
            email: email.to_owned(),
            born_on: None,
            version: Version::FIRST,
            timestamps: Timestamps { created_at: now, updated_at: now },
            deletion: SoftDelete::LIVE,
        }
    }
}

impl Note {
    pub(crate) fn on(customer: Id<Customer>, body: &str) -> Self {
        Self { id: Id::new(), customer_id: customer, body: body.to_owned() }
    }
}

/// What the suite asks of a database.
pub(crate) trait Db:
    TenantBackend
    + Stores<Customer>
    + Stores<Note>
    + Stores<Plan>
    + Stores<Task>
    + Binds<Id<Customer>>
    + Binds<Id<Task>>
    + Binds<Option<Id<Note>>>
    + Reads<(String, String)>
    + Reads<(String, Option<String>)>
    + Reads<(String, Option<String>, Option<String>)>
{
}
impl Db for Postgres {}
impl Db for Sqlite {}

pub(crate) fn registry() -> Registry {
    Registry::new().register::<Customer>().register::<Note>().register::<Plan>().register::<Task>()
}

/// A database and what must outlive it.
pub(crate) struct Fixture<DB: TenantBackend> {
    pub(crate) db: TenantDb<DB>,
    _file: Option<testkit::Sqlite>,
}

impl<DB: TenantBackend> Fixture<DB> {
    pub(crate) fn of(db: TenantDb<DB>, file: Option<testkit::Sqlite>) -> Self {
        Self { db, _file: file }
    }
}

/// A new tenant, with a place of its own where the model of isolation asks for one.
pub(crate) async fn tenant<DB: Db>(db: &TenantDb<DB>) -> TenantId {
    match db.isolation() {
        Isolation::Schema => crate::homes::provisioned().await,
        _ => TenantId::new(),
    }
}

/// A global row that the tenant's may reference: in a database of its own it needs a copy of it.
pub(crate) async fn plan<DB: Db>(db: &TenantDb<DB>, tenant: TenantId, name: &str) -> Plan {
    let plan = Plan { id: Id::new(), name: name.to_owned() };
    let mut tx = db.global().await.unwrap();
    tx.insert(&plan).await.unwrap();
    tx.commit().await.unwrap();
    if db.isolation() == Isolation::Database {
        let mut tx = db.tenant(tenant).await.unwrap();
        let mut copy = sqlx::QueryBuilder::<DB>::new("insert into plans (id, name) values (");
        <DB as Binds<uuid::Uuid>>::push_bind(&mut copy, &plan.id.uuid());
        copy.push(", ");
        <DB as Binds<String>>::push_bind(&mut copy, &plan.name);
        copy.push(")");
        DB::execute(tx.connection(), copy, Statements::Unnamed).await.unwrap();
        tx.commit().await.unwrap();
    }
    plan
}

pub(crate) async fn sqlite() -> Fixture<Sqlite> {
    let file = testkit::sqlite().await;
    saas_tenancy::migrate::<Sqlite>(&mut *file.pool.acquire().await.unwrap()).await.unwrap();
    let script = wall::script(&registry(), &Roles::new("nobody"), Dialect::Sqlite).unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&file.pool).await.unwrap();
    let db = TenantDb::connect(file.pool.clone(), registry()).await.unwrap();
    Fixture { db, _file: Some(file) }
}

/// Whom the application steps into to read across tenants.
pub(crate) const ACROSS: &str = "saas_across";

pub(crate) async fn prepared(pg: &testkit::Postgres) {
    let mut owner = pg.owner.acquire().await.unwrap();
    saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
    let roles = Roles::new(&pg.app_role).across(ACROSS);
    let script = wall::script(&registry(), &roles, Dialect::Postgres).unwrap();
    pg.set_up(&(roles.create() + &script)).await;
}

pub(crate) async fn over(pool: Pool<Postgres>, options: Options) -> Fixture<Postgres> {
    let db = TenantDb::connect_with(pool, registry(), options).await.unwrap();
    Fixture { db, _file: None }
}

pub(crate) async fn postgres() -> Fixture<Postgres> {
    let pg = testkit::postgres("t_tenancy").await;
    prepared(&pg).await;
    over(pg.app, Options::new().across_role(ACROSS)).await
}

pub(crate) async fn pgbouncer() -> Fixture<Postgres> {
    let pg = testkit::pgbouncer("t_tenancy").await;
    prepared(&pg).await;
    over(pg.app, Options::new().across_role(ACROSS).pooler_safe(true)).await
}

pub(crate) use crate::homes::{files, schemas, schemas_pgbouncer};
