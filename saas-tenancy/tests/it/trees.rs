//! What a soft deletion takes along, a restore brings back and a purge removes, three tables deep.

use chrono::{TimeDelta, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::Stores;
use saas_core::{Entity, Id, TenantId};
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Error, Registry, TenantBackend, TenantDb, TenantTx};
use sqlx::{FromRow, Postgres, Sqlite};

#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "trees", tenant, soft_delete)]
struct Tree {
    id: Id<Tree>,
}

/// Grows on a tree or on another branch.
#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "branches", tenant, soft_delete)]
struct Branch {
    id: Id<Branch>,
    #[entity(references = Tree)]
    tree_id: Option<Id<Tree>>,
    #[entity(references = Branch)]
    parent_id: Option<Id<Branch>>,
}

#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "leaves", tenant, soft_delete)]
struct Leaf {
    id: Id<Leaf>,
    #[entity(references = Branch)]
    branch_id: Id<Branch>,
}

trait Db: TenantBackend + Stores<Tree> + Stores<Branch> + Stores<Leaf> {}
impl Db for Postgres {}
impl Db for Sqlite {}

fn registry() -> Registry {
    Registry::new().register::<Tree>().register::<Branch>().register::<Leaf>()
}

impl Branch {
    fn on(tree: &Tree) -> Self {
        Self { id: Id::new(), tree_id: Some(tree.id), parent_id: None }
    }

    fn beyond(branch: &Branch) -> Self {
        Self { id: Id::new(), tree_id: None, parent_id: Some(branch.id) }
    }
}

/// A tree with a branch and two leaves on it, uncommitted.
async fn grown<DB: Db>(tx: &mut TenantTx<DB>) -> (Tree, Branch, [Leaf; 2]) {
    let tree = Tree { id: Id::new() };
    let branch = Branch::on(&tree);
    let leaves = [(); 2].map(|()| Leaf { id: Id::new(), branch_id: branch.id });
    tx.insert(&tree).await.unwrap();
    tx.insert(&branch).await.unwrap();
    tx.insert_all(&leaves).await.unwrap();
    (tree, branch, leaves)
}

/// How many trees, branches and leaves live.
async fn living<DB: Db>(tx: &mut TenantTx<DB>) -> [u64; 3] {
    [
        tx.select::<Tree>().count(tx).await.unwrap(),
        tx.select::<Branch>().count(tx).await.unwrap(),
        tx.select::<Leaf>().count(tx).await.unwrap(),
    ]
}

async fn a_whole_tree_goes_and_comes_back_without_what_was_gone_before<DB: Db>(db: &TenantDb<DB>) {
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let ((tree, _, [gone, _]), _) = (grown(&mut tx).await, grown(&mut tx).await);
    tx.soft_delete(gone.id).await.unwrap();
    let deletion = tx.soft_delete(tree.id).cascade(Branch::TREE_ID).then(Leaf::BRANCH_ID);
    assert_eq!(deletion.await.unwrap().rows, 3);
    assert_eq!(living(&mut tx).await, [1, 1, 2], "the other tree stands");
    let restored = tx.restore(tree.id).cascade(Branch::TREE_ID).then(Leaf::BRANCH_ID);
    assert_eq!(restored.await.unwrap().rows, 3);
    assert_eq!(living(&mut tx).await, [2, 2, 3], "the leaf that was gone before stays so");
}

async fn of_trees_deleted_at_once_each_brings_its_own_back<DB: Db>(db: &TenantDb<DB>) {
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let ((tree, _, leaves), _) = (grown(&mut tx).await, grown(&mut tx).await);
    let all = tx.soft_delete_all::<Tree>().every_row();
    let deletion = all.cascade(Branch::TREE_ID).then(Leaf::BRANCH_ID).await.unwrap();
    assert_eq!((deletion.rows, living(&mut tx).await), (8, [0, 0, 0]));
    let restored = tx.restore(tree.id).cascade(Branch::TREE_ID).then(Leaf::BRANCH_ID);
    assert_eq!(restored.await.unwrap().rows, 4);
    let mut found = tx.select::<Leaf>().all(&mut tx).await.unwrap();
    found.sort_by_key(|leaf| leaf.id);
    assert_eq!(found, leaves);
}

async fn rows_of_one_table_go_as_deep_as_is_said<DB: Db>(db: &TenantDb<DB>) {
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let (_, first, _) = grown(&mut tx).await;
    let second = Branch::beyond(&first);
    let third = Branch::beyond(&second);
    for branch in [&second, &third] {
        tx.insert(branch).await.unwrap();
    }
    tx.insert(&Leaf { id: Id::new(), branch_id: third.id }).await.unwrap();
    let one = tx.soft_delete(first.id).cascade(Branch::PARENT_ID).await.unwrap();
    assert_eq!((one.rows, living(&mut tx).await), (2, [1, 1, 3]));
    tx.restore(first.id).cascade(Branch::PARENT_ID).await.unwrap();
    let deep = tx.soft_delete(first.id).cascade(Branch::PARENT_ID).then(Branch::PARENT_ID);
    let deep = deep.then(Leaf::BRANCH_ID).await.unwrap();
    assert_eq!((deep.rows, living(&mut tx).await), (4, [1, 0, 2]), "the path is what is said");
    let back = tx.restore(first.id).cascade(Branch::PARENT_ID).then(Branch::PARENT_ID);
    let back = back.then(Leaf::BRANCH_ID).await.unwrap();
    assert_eq!((back.rows, living(&mut tx).await), (4, [1, 3, 3]));
}

async fn a_purge_removes_leaves_then_branches_then_trees_and_no_others<DB: Db>(db: &TenantDb<DB>) {
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let ((first, _, [gone, _]), (second, ..)) = (grown(&mut tx).await, grown(&mut tx).await);
    let (_, bough, _) = grown(&mut tx).await;
    // Neither on a tree of the batch nor deleted with one.
    tx.soft_delete(bough.id).cascade(Leaf::BRANCH_ID).await.unwrap();
    tx.soft_delete(gone.id).await.unwrap();
    for tree in [first, second] {
        let deletion = tx.soft_delete(tree.id).cascade(Branch::TREE_ID).then(Leaf::BRANCH_ID);
        deletion.await.unwrap();
    }
    let before = Utc::now() + TimeDelta::hours(1);
    let mut purged = Vec::new();
    for _ in 0..3 {
        let purge = tx.purge::<Tree>(before).limit(1);
        let done = purge.cascade(Branch::TREE_ID).then(Leaf::BRANCH_ID).await.unwrap();
        purged.push((done.rows, done.children));
    }
    // The first tree's leaf that was gone before goes as well.
    assert_eq!(purged, [(1, 3), (1, 3), (0, 0)]);
    assert_eq!(living(&mut tx).await, [1, 0, 0]);
    assert_eq!(tx.restore(bough.id).cascade(Leaf::BRANCH_ID).await.unwrap().rows, 3);
}

async fn a_purge_that_leaves_out_a_level_fails<DB: Db>(db: &TenantDb<DB>) {
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let (tree, ..) = grown(&mut tx).await;
    let deletion = tx.soft_delete(tree.id).cascade(Branch::TREE_ID).then(Leaf::BRANCH_ID);
    deletion.await.unwrap();
    let purge = tx.purge::<Tree>(Utc::now() + TimeDelta::hours(1));
    let error = purge.cascade(Branch::TREE_ID).await.unwrap_err();
    assert!(matches!(error, Error::BrokenReference { table: "branches", .. }), "{error}");
}

async fn postgres() -> TenantDb<Postgres> {
    let pg = saas_testkit::postgres("t_tenancy_trees").await;
    saas_tenancy::migrate::<Postgres>(&mut pg.owner.acquire().await.unwrap()).await.unwrap();
    let roles = Roles::new(&pg.app_role);
    let script = wall::script(&registry(), &roles, Dialect::Postgres).unwrap();
    pg.set_up(&(roles.create() + &script)).await;
    TenantDb::connect(pg.app, registry()).await.unwrap()
}

async fn sqlite() -> (TenantDb<Sqlite>, saas_testkit::Sqlite) {
    let file = saas_testkit::sqlite().await;
    saas_tenancy::migrate::<Sqlite>(&mut *file.pool.acquire().await.unwrap()).await.unwrap();
    let script = wall::script(&registry(), &Roles::new("nobody"), Dialect::Sqlite).unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&file.pool).await.unwrap();
    (TenantDb::connect(file.pool.clone(), registry()).await.unwrap(), file)
}

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::postgres().await).await;
            })*
        }
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let (db, _file) = super::sqlite().await;
                super::$name(&db).await;
            })*
        }
    };
}

on_both!(
    a_whole_tree_goes_and_comes_back_without_what_was_gone_before,
    of_trees_deleted_at_once_each_brings_its_own_back,
    rows_of_one_table_go_as_deep_as_is_said,
    a_purge_removes_leaves_then_branches_then_trees_and_no_others,
    a_purge_that_leaves_out_a_level_fails,
);
