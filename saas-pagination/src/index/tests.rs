use saas_core::{Entity, Id, TenantId};

use super::*;
use crate::{Nulls, Operator::*};

#[derive(Entity)]
#[entity(table = "invoices", tenant, soft_delete)]
struct Invoice {
    id: Id<Invoice>,
    tenant_id: TenantId,
    status: String,
    due_on: Option<chrono::NaiveDate>,
    total: i64,
}

fn total() -> Key<Invoice> {
    Key::new(Invoice::TOTAL, |i| i.total)
}

fn due() -> Key<Invoice> {
    Key::new(Invoice::DUE_ON, |i| i.due_on)
}

fn invoices() -> List<Invoice> {
    List::of_entity().default_sort("total").sort_by("total", [total()])
}

struct Post {
    id: i64,
    title: String,
    author: i64,
}

fn posts() -> List<Post> {
    List::new("posts", "id", |p: &Post| p.id).sort("title", "title", |p| p.title.clone())
}

/// The statements, each without its digest and the words that are the same in all.
fn ddl<R>(list: &List<R>, indexes: &Indexes) -> Vec<String> {
    let ddl = list.index_ddl(indexes).unwrap();
    let line = |line: &str| {
        let (name, on) = line.strip_prefix("create index \"")?.split_once('"')?;
        let (name, digest) = name.rsplit_once('_')?;
        assert_eq!(digest.len(), 8);
        Some(format!("{name}{}", on.strip_suffix(';')?))
    };
    ddl.lines().map(|one| line(one).unwrap()).collect()
}

#[test]
fn an_entitys_table_tenant_and_soft_delete_are_known() {
    assert_eq!(
        invoices().index_ddl(&Indexes::default()).unwrap(),
        "create index \"invoices_total_id_d3848088\" on \"invoices\" (\"tenant_id\", \"total\", \"id\") where \"deleted_at\" is null;\n"
    );
}

#[test]
fn other_tables_are_described() {
    let indexes = Indexes::default().table("blog.posts").equal(["author"]).only("not hidden");
    assert_eq!(
        ddl(&posts(), &indexes),
        [
            r#"posts_title_id on "blog"."posts" ("author", "title", "id") where not hidden"#,
            r#"posts_id on "blog"."posts" ("author", "id") where not hidden"#,
        ]
    );
    assert_eq!(
        ddl(&posts(), &Indexes::default()),
        [r#"posts_title_id on "posts" ("title", "id")"#]
    );
}

#[test]
fn one_index_serves_both_directions_and_every_placement_of_nulls() {
    let list = invoices()
        .sort_by("falling", [total().descending()])
        .sort_by("due", [due()])
        .sort_by("due_first", [due().nulls(Nulls::First)])
        .sort_by("mixed", [due().descending(), total()])
        .sort_by("mirrored", [due(), total().descending()]);
    assert_eq!(
        ddl(&list, &Indexes::default().only("true")),
        [
            r#"invoices_total_id on "invoices" ("tenant_id", "total", "id") where true"#,
            r#"invoices_due_on_id on "invoices" ("tenant_id", "due_on", "id") where true"#,
            r#"invoices_due_on_total_id on "invoices" ("tenant_id", "due_on" desc, "total", "id") where true"#,
        ]
    );
}

#[test]
fn what_is_compared_for_equality_comes_first_and_orders_nothing() {
    let list = invoices()
        .sort("status", Invoice::STATUS, |i| i.status.clone())
        .filter("status", Invoice::STATUS, [Eq])
        .filter_expression("day", "date(due_on)", |day: String| day, [Eq, In]);
    let indexes = Indexes::default().filtered_by(["status"]).filtered_by(["day", "status"]);
    assert_eq!(
        ddl(&list, &indexes.only("true")),
        [
            r#"invoices_total_id on "invoices" ("tenant_id", "total", "id") where true"#,
            // Serves the sort by status and the sort by id under a status.
            r#"invoices_status_id on "invoices" ("tenant_id", "status", "id") where true"#,
            r#"invoices_status_total_id on "invoices" ("tenant_id", "status", "total", "id") where true"#,
            r#"invoices_day_status_total_id on "invoices" ("tenant_id", (date(due_on)), "status", "total", "id") where true"#,
            r#"invoices_day_status_id on "invoices" ("tenant_id", (date(due_on)), "status", "id") where true"#,
        ]
    );
}

#[test]
fn nulls_behind_another_key_are_placed_where_postgres_would_not_have_them() {
    let list = List::of_entity()
        .sort_by("total", [total(), due()])
        .sort_by("due_on", [due().nulls(Nulls::First), total()]);
    let plain = [
        r#"invoices_total_due_on_id on "invoices" ("tenant_id", "total", "due_on", "id") where true"#,
        r#"invoices_due_on_total_id on "invoices" ("tenant_id", "due_on", "total", "id") where true"#,
    ];
    assert_eq!(ddl(&list, &Indexes::default().only("true")), plain);
    let reversed = r#"invoices_total_due_on_id on "invoices" ("tenant_id", "total" desc, "due_on" desc nulls last, "id" desc) where true"#;
    let postgres = ddl(&list, &Indexes::default().only("true").postgres());
    assert_eq!(postgres, [plain[0], reversed, plain[1]]);
}

#[test]
fn the_tiebreaker_alone_has_its_index_already() {
    let list = List::new("posts", "id", |p: &Post| p.id).sort("id", "id", |p| p.id);
    assert_eq!(list.index_ddl(&Indexes::default()).unwrap(), "");
}

#[test]
fn names_are_bounded_unique_and_the_same_each_time() {
    let long = "a_column_whose_name_is_as_long_as_postgres_lets_it_be_áááááá";
    let list = posts()
        .sort("long", long, |p| p.author)
        .sort_by(
            "longer",
            [Key::new(long, |p: &Post| p.author), Key::new("title", |p: &Post| p.title.clone())],
        )
        .sort("odd", "a\"b", |p| p.author);
    let names = || -> Vec<String> {
        let ddl = list.index_ddl(&Indexes::default()).unwrap();
        ddl.lines().map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
    };
    let mut all = names();
    assert_eq!(all, names());
    assert!(all.iter().all(|name| name.len() <= 63), "{all:?}");
    assert!(all.iter().any(|name| name.starts_with("posts_ab_id_")), "{all:?}");
    all.dedup();
    assert_eq!(all.len(), 4);
}

#[test]
fn a_filter_that_is_not_offered_by_eq_is_named() {
    let list = posts().filter::<String>("title", "title", [In]);
    for name in ["title", "body"] {
        let error = list.index_ddl(&Indexes::default().filtered_by([name])).unwrap_err();
        let Error::Declaration { mistake, .. } = error else { panic!("{error:?}") };
        assert_eq!(mistake, format!("no filter `{name}` compares by `eq`"));
    }
}
