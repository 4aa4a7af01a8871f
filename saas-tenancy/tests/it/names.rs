//! Tables that are called like something the statements themselves name, and names that are long.

use futures_util::TryStreamExt;
use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_tenancy::transfer::Transfer;
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Registry, TenantBackend, TenantDb};
use saas_testkit as testkit;
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

/// An entity of that name, and every statement on it.
macro_rules! named {
    ($($module:ident $table:literal),* $(,)?) => {
        $(mod $module {
            use chrono::Utc;
            use saas_core::sql::{Binds, Stores};
            use saas_core::{Deleted, Entity, Id, TenantId, Version};
            use saas_tenancy::{Error, TenantBackend, TenantDb};

            #[derive(Debug, Clone, PartialEq, Entity, sqlx::FromRow)]
            #[entity(table = $table, tenant, soft_delete, version, timestamps)]
            pub(super) struct Row {
                pub(super) id: Id<Row>,
                #[entity(unique)]
                pub(super) a_text_that_is_unique: String,
                #[entity(unique)]
                pub(super) a_text_that_is_unique_too: String,
                #[entity(references = Row)]
                pub(super) parent_id: Option<Id<Row>>,
            }

            impl Row {
                fn new(text: &str, parent: Option<&Row>) -> Self {
                    Self {
                        id: Id::new(),
                        a_text_that_is_unique: text.to_owned(),
                        a_text_that_is_unique_too: text.to_owned(),
                        parent_id: parent.map(|parent| parent.id),
                    }
                }
            }

            pub(super) async fn every_statement<DB>(db: &TenantDb<DB>, tenant: TenantId)
            where
                DB: TenantBackend + Stores<Row> + Binds<Option<Id<Row>>>,
            {
                let mut tx = db.tenant(tenant).await.unwrap();
                let root = Row::new("root", None);
                let (leaf, twig) = (Row::new("leaf", Some(&root)), Row::new("twig", Some(&root)));
                tx.insert(&root).await.unwrap();
                tx.insert_all(&[leaf.clone(), twig.clone()]).await.unwrap();
                let again = Row { a_text_that_is_unique_too: "new".into(), ..root.clone() };
                let upserted = tx.upsert(&again).await.unwrap();
                assert_eq!((upserted.id, upserted.version), (root.id, Some(Version::new(2))));
                let twin = Row { id: Id::new(), ..again.clone() };
                let upserted = tx.upsert(&twin).on(Row::A_TEXT_THAT_IS_UNIQUE).await.unwrap();
                assert_eq!((upserted.id, upserted.version), (root.id, Some(Version::new(3))));
                let other = Row { a_text_that_is_unique: "other".into(), ..twin.clone() };
                let upserted = tx.upsert(&other).on(Row::A_TEXT_THAT_IS_UNIQUE_TOO).await.unwrap();
                assert_eq!(upserted.id, root.id, "each key has an index of its own");
                tx.update(leaf.id).set(Row::PARENT_ID, twig.id).await.unwrap();
                assert_eq!(tx.select::<Row>().limit(2).count(&mut tx).await.unwrap(), 2);
                assert!(tx.select::<Row>().by_id(leaf.id).exists(&mut tx).await.unwrap());
                let tree = tx.soft_delete(root.id).cascade(Row::PARENT_ID).then(Row::PARENT_ID);
                assert_eq!(tree.await.unwrap().rows, 3);
                let revived = tx.upsert(&root).await;
                assert!(matches!(revived, Err(Error::NotFound { table: $table })), "{revived:?}");
                let tree = tx.restore(root.id).cascade(Row::PARENT_ID).then(Row::PARENT_ID);
                assert_eq!(tree.await.unwrap().rows, 3);
                let gone = Row::new("gone", None);
                tx.insert(&gone).await.unwrap();
                tx.soft_delete(gone.id).await.unwrap();
                let late = Utc::now() + std::time::Duration::from_secs(60);
                assert_eq!(tx.purge::<Row>(late).await.unwrap().rows, 1);
                tx.soft_delete(leaf.id).await.unwrap();
                tx.commit().await.unwrap();
                let rows = db.read(tenant).select::<Row>().all().await.unwrap();
                assert_eq!(rows.len(), 2);
                let deleted = db.read(tenant).select::<Row>().deleted(Deleted::Only);
                assert_eq!(deleted.one().await.unwrap().id, leaf.id);
            }
        })*

        fn registry() -> Registry {
            Registry::new()$(.register::<$module::Row>())*
        }

        async fn of_every_name<DB>(db: &TenantDb<DB>, tenant: TenantId)
        where
            DB: TenantBackend,
            $(DB: saas_core::sql::Stores<$module::Row>
                + saas_core::sql::Binds<Option<saas_core::Id<$module::Row>>>,)*
        {
            $($module::every_statement(db, tenant).await;)*
        }
    };
}

named!(
    excluded "excluded",
    stored "stored",
    listed "listed",
    counted "counted",
    rows "rows",
    s "s",
    q "q",
    t "t",
    tenant "tenant",
    long "a_table_whose_name_has_all_of_the_sixty_three_letters_it_may_ha",
);

async fn sqlite() -> (TenantDb<Sqlite>, testkit::Sqlite) {
    let file = testkit::sqlite().await;
    saas_tenancy::migrate::<Sqlite>(&mut *file.pool.acquire().await.unwrap()).await.unwrap();
    let script = wall::script(&registry(), &Roles::new("nobody"), Dialect::Sqlite).unwrap();
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&file.pool).await.unwrap();
    (TenantDb::connect(file.pool.clone(), registry()).await.unwrap(), file)
}

async fn postgres() -> TenantDb<Postgres> {
    let pg = testkit::postgres("t_tenancy_names").await;
    saas_tenancy::migrate::<Postgres>(&mut pg.owner.acquire().await.unwrap()).await.unwrap();
    let roles = Roles::new(&pg.app_role);
    let script = wall::script(&registry(), &roles, Dialect::Postgres).unwrap();
    pg.set_up(&(roles.create() + &script)).await;
    TenantDb::connect(pg.app, registry()).await.unwrap()
}

/// Rows that reference their own table are written first and pointed to each other afterwards.
async fn exported_and_back<DB: TenantBackend>(db: &TenantDb<DB>, tenant: TenantId) {
    let transfer = Transfer::new(db, &registry()).unwrap();
    let lines = async || transfer.export(tenant).try_collect::<Vec<String>>().await.unwrap();
    let before = lines().await;
    let gone = transfer.erase(tenant).await.unwrap();
    assert_ne!(lines().await, before);
    let given = before.iter().map(|line| Ok::<_, std::io::Error>(line.clone()));
    let back = transfer.import(tenant, futures_util::stream::iter(given)).await.unwrap();
    assert_eq!(back, gone);
    assert_eq!(lines().await, before);
}

#[tokio::test]
async fn every_statement_runs_on_a_table_of_any_name_on_sqlite() {
    let ((db, _file), tenant) = (sqlite().await, TenantId::new());
    of_every_name(&db, tenant).await;
    exported_and_back(&db, tenant).await;
}

#[tokio::test]
async fn every_statement_runs_on_a_table_of_any_name_on_postgres() {
    let (db, tenant) = (postgres().await, TenantId::new());
    of_every_name(&db, tenant).await;
    exported_and_back(&db, tenant).await;
}
