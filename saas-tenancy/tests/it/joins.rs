//! What a tenant may rely on when a select holds several tables.

use saas_core::TenantId;
use saas_tenancy::{Direction, Error, TenantDb};

use crate::fixture::{self, Customer, Db, Note, Plan, Task};
use crate::suite::suite;

/// One tenant's rows: two customers with a note each, a task on the first note and a loose one.
struct Desk {
    tenant: TenantId,
    customers: [Customer; 2],
    notes: [Note; 2],
    plan: Plan,
}

async fn desk<DB: Db>(db: &TenantDb<DB>, mark: &str) -> Desk {
    let tenant = fixture::tenant(db).await;
    let plan = fixture::plan(db, tenant, &format!("plan of {mark}")).await;
    let customers = ["a", "b"].map(|name| Customer::new(tenant, &format!("{name}@{mark}")));
    let notes = [0, 1].map(|at| Note::on(customers[at].id, &format!("note {at} of {mark}")));
    let mut bound = Task::new("bound", 1);
    (bound.note_id, bound.plan_id) = (Some(notes[0].id), Some(plan.id));
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert_all(&customers).await.unwrap();
    tx.insert_all(&notes).await.unwrap();
    tx.insert_all(&[bound, Task::new("loose", 2)]).await.unwrap();
    tx.commit().await.unwrap();
    Desk { tenant, customers, notes, plan }
}

pub(crate) async fn a_join_filters_by_the_parent_and_reads_whole_rows<DB: Db>(db: TenantDb<DB>) {
    let (mine, _) = (desk(&db, "mine").await, desk(&db, "other").await);
    let mut tx = db.tenant(mine.tenant).await.unwrap();
    let notes = tx.select::<Note>().join(Note::CUSTOMER_ID).filter(Customer::EMAIL.eq("b@mine"));
    assert_eq!(notes.all(&mut tx).await.unwrap(), [mine.notes[1].clone()]);
    let notes = tx.select::<Note>().join(Note::CUSTOMER_ID);
    let notes = notes.order_by(Customer::EMAIL, Direction::Desc);
    assert_eq!(notes.all(&mut tx).await.unwrap(), [mine.notes[1].clone(), mine.notes[0].clone()]);
    assert_eq!(
        tx.select::<Note>().join(Note::CUSTOMER_ID).count(&mut tx).await.unwrap(),
        2,
        "the other tenant's notes do not count"
    );
}

pub(crate) async fn columns_of_all_joined_tables_come_as_tuples<DB: Db>(db: TenantDb<DB>) {
    let mine = desk(&db, "mine").await;
    let select = || {
        let select = db.read(mine.tenant).select::<Note>().join(Note::CUSTOMER_ID);
        select.order_by(Note::BODY, Direction::Asc)
    };
    let expected = [("note 0 of mine", "a@mine"), ("note 1 of mine", "b@mine")]
        .map(|(body, email)| (body.to_owned(), email.to_owned()));
    let columns = (Note::BODY, Customer::EMAIL);
    assert_eq!(select().columns(columns).all().await.unwrap(), expected);
    let mut tx = db.tenant(mine.tenant).await.unwrap();
    let select = tx.select::<Note>().join(Note::CUSTOMER_ID).order_by(Note::BODY, Direction::Asc);
    assert_eq!(select.columns(columns).all(&mut tx).await.unwrap(), expected);
}

pub(crate) async fn an_outer_join_keeps_rows_without_a_parent<DB: Db>(db: TenantDb<DB>) {
    let mine = desk(&db, "mine").await;
    let mut tx = db.tenant(mine.tenant).await.unwrap();
    let tasks = tx.select::<Task>().left_join(Task::NOTE_ID).left_join(Task::PLAN_ID);
    let tasks = tasks.order_by(Task::PLACE, Direction::Asc);
    let rows = tasks.columns((Task::TITLE, Note::BODY, Plan::NAME)).all(&mut tx).await.unwrap();
    let (note, plan) = (Some("note 0 of mine".to_owned()), Some(mine.plan.name));
    assert_eq!(rows, [("bound".to_owned(), note, plan), ("loose".to_owned(), None, None)]);
    let inner = tx.select::<Task>().join(Task::NOTE_ID);
    assert_eq!(inner.all(&mut tx).await.unwrap().len(), 1);
}

pub(crate) async fn joins_go_on_from_a_joined_table<DB: Db>(db: TenantDb<DB>) {
    let mine = desk(&db, "mine").await;
    let tasks = db.read(mine.tenant).select::<Task>().join(Task::NOTE_ID).join(Note::CUSTOMER_ID);
    let row = tasks.columns((Task::TITLE, Customer::EMAIL)).one().await.unwrap();
    assert_eq!(row, ("bound".to_owned(), "a@mine".to_owned()));
}

pub(crate) async fn a_deleted_parent_is_no_parent<DB: Db>(db: TenantDb<DB>) {
    let mine = desk(&db, "mine").await;
    let mut tx = db.tenant(mine.tenant).await.unwrap();
    tx.soft_delete(mine.customers[0].id).await.unwrap();
    let inner = tx.select::<Note>().join(Note::CUSTOMER_ID);
    assert_eq!(inner.all(&mut tx).await.unwrap(), [mine.notes[1].clone()]);
    let outer = tx.select::<Note>().left_join(Note::CUSTOMER_ID);
    let outer = outer.order_by(Note::BODY, Direction::Asc).columns((Note::BODY, Customer::EMAIL));
    let emails: Vec<_> =
        outer.all(&mut tx).await.unwrap().into_iter().map(|(_, email)| email).collect();
    assert_eq!(emails, [None, Some("b@mine".to_owned())]);
}

/// The foreign key forbids it; were it not there, the join itself would still not reach it. Shown by
/// the text, which says the tenant for each table.
pub(crate) async fn each_joined_table_is_scoped_by_its_own_tenant<DB: Db>(db: TenantDb<DB>) {
    use saas_core::sql::Fragment;
    let tenant = fixture::tenant(&db).await;
    let select = db.read(tenant).select::<Task>().left_join(Task::NOTE_ID).join(Note::CUSTOMER_ID);
    let mut query = sqlx::QueryBuilder::<DB>::new("");
    select.push_to(&mut query);
    let sql = query.sql();
    let (from, on) = sql.as_str().split_once(" from ").unwrap();
    assert!(!from.contains("tenant_id"));
    let (on, filter) = on.split_once(" where ").unwrap();
    for scope in [r#"on "notes"."tenant_id" = "#, r#"on "customers"."tenant_id" = "#] {
        assert!(on.contains(scope), "{on}");
    }
    assert!(on.contains(r#""notes"."deleted_at" is null"#), "{on}");
    assert!(on.contains(r#""customers"."deleted_at" is null"#), "{on}");
    assert!(filter.starts_with(r#""tasks"."tenant_id" = "#), "{filter}");
}

pub(crate) async fn a_table_joined_twice_is_an_error<DB: Db>(db: TenantDb<DB>) {
    let twice = db.read(fixture::tenant(&db).await).select::<Note>();
    let twice = twice.join(Note::CUSTOMER_ID).left_join(Note::CUSTOMER_ID);
    let error = twice.all().await.unwrap_err();
    assert!(matches!(error, Error::JoinedTwice { table: "customers" }));
}

suite!(
    a_join_filters_by_the_parent_and_reads_whole_rows,
    columns_of_all_joined_tables_come_as_tuples,
    an_outer_join_keeps_rows_without_a_parent,
    joins_go_on_from_a_joined_table,
    a_deleted_parent_is_no_parent,
    each_joined_table_is_scoped_by_its_own_tenant,
    a_table_joined_twice_is_an_error,
);
