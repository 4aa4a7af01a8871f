use chrono::{DateTime, NaiveDate, Utc};
use saas_core::schema::{self, Dialect};
use saas_core::sql::Stores;
use saas_core::{Entity, Id, SoftDelete, TenantId, Timestamps, Version};
use saas_tenancy::{Options, Registry, TenantBackend, TenantDb, wall};
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
pub(crate) trait Db: TenantBackend + Stores<Customer> + Stores<Note> + Stores<Plan> {}
impl<DB: TenantBackend + Stores<Customer> + Stores<Note> + Stores<Plan>> Db for DB {}

pub(crate) fn registry() -> Registry {
    Registry::new().register::<Customer>().register::<Note>().register::<Plan>()
}

fn tables(dialect: Dialect) -> String {
    schema::table::<Customer>(dialect)
        + &schema::table::<Note>(dialect)
        + &schema::table::<Plan>(dialect)
}

/// A database and what must outlive it.
pub(crate) struct Fixture<DB: TenantBackend> {
    pub(crate) db: TenantDb<DB>,
    _file: Option<testkit::Sqlite>,
}

pub(crate) async fn sqlite() -> Fixture<Sqlite> {
    let file = testkit::sqlite().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(tables(Dialect::Sqlite))).execute(&file.pool).await.unwrap();
    let db = TenantDb::connect(file.pool.clone(), registry()).await.unwrap();
    Fixture { db, _file: Some(file) }
}

pub(crate) async fn prepared(pg: &testkit::Postgres) {
    let mut owner = pg.owner.acquire().await.unwrap();
    saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
    let role = &pg.app_role;
    let plans = format!("grant select, insert on plans to \"{role}\";");
    let script = tables(Dialect::Postgres)
        + &wall::postgres::<Customer>(role)
        + &wall::postgres::<Note>(role)
        + &plans
        + &format!(
            "grant usage on schema saas to \"{role}\"; grant execute on function saas.tenant_id() to \"{role}\";"
        );
    pg.set_up(&script).await;
}

pub(crate) async fn over(pool: Pool<Postgres>, options: Options) -> Fixture<Postgres> {
    let db = TenantDb::connect_with(pool, registry(), options).await.unwrap();
    Fixture { db, _file: None }
}

pub(crate) async fn postgres() -> Fixture<Postgres> {
    let pg = testkit::postgres("t_tenancy").await;
    prepared(&pg).await;
    over(pg.app, Options::new()).await
}

pub(crate) async fn pgbouncer() -> Fixture<Postgres> {
    let pg = testkit::pgbouncer("t_tenancy").await;
    prepared(&pg).await;
    over(pg.app, Options::new().pooler_safe(true)).await
}
