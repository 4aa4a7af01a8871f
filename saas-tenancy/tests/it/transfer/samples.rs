//! Tables that hold everything there is to hold, and databases with them.

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use saas_core::schema::Dialect;
use saas_core::sql::{Binds, Stores};
use saas_core::{Deleted, Entity, Id, TenantId};
use saas_tenancy::transfer::Transfer;
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Options, Registry, TenantBackend, TenantDb};
use saas_testkit as testkit;
use serde_json::Value;
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite};

/// Points to its own table, or to nothing.
#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "folders", tenant, soft_delete)]
pub(super) struct Folder {
    pub(super) id: Id<Folder>,
    #[entity(unique)]
    pub(super) name: String,
    #[entity(references = Folder)]
    pub(super) parent_id: Option<Id<Folder>>,
}

/// Always points to its own table.
#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "links", tenant)]
pub(super) struct Link {
    pub(super) id: Id<Link>,
    #[entity(references = Link)]
    pub(super) next_id: Id<Link>,
}

/// A value of every kind, and none of each.
#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "samples", tenant)]
pub(super) struct Sample {
    pub(super) id: Id<Sample>,
    #[entity(references = Folder)]
    pub(super) folder_id: Id<Folder>,
    pub(super) text: String,
    pub(super) small: Option<i16>,
    pub(super) int: Option<i32>,
    pub(super) big: i64,
    pub(super) float: Option<f64>,
    pub(super) yes: Option<bool>,
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) on_day: Option<NaiveDate>,
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) json: Option<Value>,
    pub(super) always_json: Value,
}

pub(super) trait Db:
    TenantBackend
    + Stores<Folder>
    + Stores<Link>
    + Stores<Sample>
    + Binds<Option<Id<Folder>>>
    + Binds<Id<Link>>
{
}
impl Db for Postgres {}
impl Db for Sqlite {}

/// Children first, so that the order is not the one of registration.
pub(super) fn registry() -> Registry {
    Registry::new().register::<Sample>().register::<Folder>().register::<Link>()
}

/// A database and what must outlive it.
pub(super) struct Site<DB: TenantBackend> {
    pub(super) db: TenantDb<DB>,
    pub(super) transfer: Transfer<DB>,
    /// For a process of its own.
    pub(super) url: String,
    _file: Option<testkit::Sqlite>,
}

impl<DB: Db> Site<DB> {
    fn of(db: TenantDb<DB>, url: String, file: Option<testkit::Sqlite>) -> Self {
        // Few, so that there are many batches.
        let transfer = Transfer::new(&db, &registry()).unwrap().batch(7);
        Self { db, transfer, url, _file: file }
    }
}

pub(super) async fn sqlite() -> Site<Sqlite> {
    let file = testkit::sqlite().await;
    saas_tenancy::migrate::<Sqlite>(&mut *file.pool.acquire().await.unwrap()).await.unwrap();
    let script = wall::script(&registry(), &Roles::new("nobody"), Dialect::Sqlite).unwrap();
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&file.pool).await.unwrap();
    let db = TenantDb::connect(file.pool.clone(), registry()).await.unwrap();
    Site::of(db, file.path.to_str().unwrap().to_owned(), Some(file))
}

const NAME: &str = "t_tenancy_transfer";

pub(super) async fn owned() -> testkit::Postgres {
    let pg = testkit::postgres(NAME).await;
    let mut owner = pg.owner.acquire().await.unwrap();
    saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
    let roles = Roles::new(&pg.app_role);
    let script = wall::script(&registry(), &roles, Dialect::Postgres).unwrap();
    pg.set_up(&(roles.create() + &script)).await;
    pg
}

pub(super) async fn postgres() -> Site<Postgres> {
    let pg = owned().await;
    let url = sqlx::ConnectOptions::to_url_lossy(&pg.app_options).to_string();
    Site::of(TenantDb::connect(pg.app, registry()).await.unwrap(), url, None)
}

pub(super) async fn pgbouncer() -> Site<Postgres> {
    owned().await;
    let pg = testkit::pgbouncer(NAME).await;
    let options = Options::new().pooler_safe(true);
    let db = TenantDb::connect_with(pg.app, registry(), options).await.unwrap();
    Site::of(db, String::new(), None)
}

/// What a tenant has.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) folders: Vec<Folder>,
    pub(super) links: Vec<Link>,
    pub(super) samples: Vec<Sample>,
}

impl Rows {
    pub(super) fn count(&self) -> usize {
        self.folders.len() + self.links.len() + self.samples.len()
    }

    /// Whether they are the same, that which is no number being equal to itself.
    pub(super) fn told(&self) -> String {
        format!("{self:?}")
    }

    /// Writes them, every second folder as deleted. Rows that point to their own table go in first and
    /// are pointed afterwards, as the database demands.
    pub(super) async fn insert<DB: Db>(&self, db: &TenantDb<DB>, tenant: TenantId) {
        let mut tx = db.tenant(tenant).await.unwrap();
        for folder in &self.folders {
            tx.insert(&Folder { parent_id: None, ..folder.clone() }).await.unwrap();
        }
        for link in &self.links {
            tx.insert(&Link { id: link.id, next_id: link.id }).await.unwrap();
        }
        for folder in &self.folders {
            if let Some(parent) = folder.parent_id {
                tx.update(folder.id).set(Folder::PARENT_ID, parent).await.unwrap();
            }
        }
        for link in &self.links {
            tx.update(link.id).set(Link::NEXT_ID, link.next_id).await.unwrap();
        }
        tx.insert_all(&self.samples).await.unwrap();
        for folder in self.folders.iter().step_by(2) {
            tx.soft_delete(folder.id).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// All that the tenant has, the deleted as well.
    pub(super) async fn read<DB: Db>(db: &TenantDb<DB>, tenant: TenantId) -> Self {
        use saas_tenancy::Direction::Asc;
        let mut tx = db.tenant(tenant).await.unwrap();
        let folders = tx.select::<Folder>().deleted(Deleted::With).order_by(Folder::ID, Asc);
        let links = tx.select::<Link>().order_by(Link::ID, Asc);
        let samples = tx.select::<Sample>().order_by(Sample::ID, Asc);
        Self {
            folders: folders.stream(&mut tx).try_collect().await.unwrap(),
            links: links.stream(&mut tx).try_collect().await.unwrap(),
            samples: samples.stream(&mut tx).try_collect().await.unwrap(),
        }
    }
}

/// The whole export.
pub(super) async fn exported<DB: Db>(site: &Site<DB>, tenant: TenantId) -> Vec<String> {
    site.transfer.export(tenant).try_collect().await.unwrap()
}

/// Lines as something that hands them over.
pub(super) fn lines(
    lines: &[String],
) -> impl futures_util::Stream<Item = Result<String, std::io::Error>> + Send + use<> {
    stream::iter(lines.to_vec()).map(Ok)
}

/// Small ones of every kind, in numbers that take several batches.
pub(super) fn some() -> Rows {
    let folders: Vec<_> = (0..20).map(|_| Id::<Folder>::new()).collect();
    let links: Vec<_> = (0..16).map(|_| Id::<Link>::new()).collect();
    Rows {
        // A chain in which the parent comes later, and one that points to itself.
        folders: (0..20)
            .map(|at| Folder {
                id: folders[at],
                name: format!("folder \"{at}\"\n"),
                parent_id: (at != 10).then(|| folders[(at + 1).min(19)]),
            })
            .collect(),
        // One circle.
        links: (0..16).map(|at| Link { id: links[at], next_id: links[(at + 1) % 16] }).collect(),
        samples: (0..40)
            .map(|at| Sample {
                id: Id::new(),
                folder_id: folders[at % 20],
                text: "ä\\\"\n\u{1f980}".repeat(at % 3),
                small: (at % 2 == 0).then_some(i16::MIN),
                int: (at % 3 == 0).then_some(i32::MAX),
                big: i64::MIN + at as i64,
                float: (at % 4 != 0).then_some(0.1 + 0.2 * at as f64),
                yes: (at % 3 != 0).then_some(at % 2 == 0),
                at: (at % 2 == 1).then(|| "2026-01-02T03:04:05.000006Z".parse().unwrap()),
                on_day: (at % 5 != 0).then(|| "1990-02-28".parse().unwrap()),
                bytes: (at % 2 == 0).then(|| vec![at as u8; at]),
                json: (at % 3 != 0).then(|| serde_json::json!({ "at": at, "none": null })),
                always_json: if at % 2 == 0 { Value::Null } else { serde_json::json!(["x", 1.5]) },
            })
            .collect(),
    }
}

/// One test for each database.
macro_rules! on_each {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::samples::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::samples::postgres().await).await;
            })*
        }
        mod pgbouncer {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::samples::pgbouncer().await).await;
            })*
        }
    };
}
pub(super) use on_each;
