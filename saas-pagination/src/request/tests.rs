use chrono::NaiveDate;
use saas_core::sql::Statements;
use saas_core::{Entity, Id, Problem, TenantId};
use sqlx::QueryBuilder;

use super::*;
use crate::{List, Operator::*};

#[derive(Entity)]
#[entity(table = "invoices", tenant)]
struct Invoice {
    id: Id<Invoice>,
    status: String,
    due_on: Option<NaiveDate>,
    total: i64,
}

fn list() -> List<Invoice> {
    List::of_entity()
        .sort("due_on", Invoice::DUE_ON, |i| i.due_on)
        .sort("total", Invoice::TOTAL, |i| i.total)
        .default_sort("-total")
        .filter("status", Invoice::STATUS, [Eq, In])
        .filter("due_on", Invoice::DUE_ON, [Is, Gte])
        .filter("total", Invoice::TOTAL, [Gte, Lt])
        .filter_expression("note", "lower(note)", |note: String| note.to_lowercase(), [Eq])
        .ignore("include")
}

fn cursors() -> Cursors {
    Cursors::new([1; 32]).unwrap()
}

fn tenant() -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(7))
}

fn refused(query: &str) -> (String, Invalid) {
    match list().request(query, &cursors(), tenant()).map(|_| ()) {
        Err(Error::Parameter { name, reason }) => (name, reason),
        other => panic!("{query}: {other:?}"),
    }
}

fn invoice() -> Invoice {
    Invoice { id: Id::new(), status: "open".into(), due_on: None, total: 3 }
}

#[test]
fn limits_are_defaulted_and_clamped() {
    let list = list();
    let limit = |query| list.request(query, &cursors(), tenant()).unwrap().limit();
    assert_eq!(limit(""), 25);
    assert_eq!(limit("limit=0"), 25);
    assert_eq!(limit("limit=000"), 25);
    assert_eq!(limit("limit=7"), 7);
    assert_eq!(limit("limit=101"), 100);
    assert_eq!(limit("limit=99999999999999999999999999"), 100);
}

#[test]
fn whatever_is_wrong_is_named() {
    let expected = |text: &str| Invalid::Value { expected: text.to_owned() };
    for garbage in ["-1", "%2B5", "1.5", "", "ten", "1e3", "0x10", "%20%205"] {
        let (name, reason) = refused(&format!("limit={garbage}"));
        assert_eq!((name.as_str(), reason), ("limit", expected("a whole number from 0")));
    }
    assert_eq!(refused("limit=1&limit=1"), ("limit".into(), Invalid::Repeated));
    let repeated = || Invalid::RepeatedFilter { instead: "status[in]=a,b".into() };
    assert_eq!(refused("status=a&status=b"), ("status".into(), repeated()));
    assert_eq!(refused("status=a&status[eq]=a"), ("status[eq]".into(), repeated()));
    assert_eq!(refused("total[gte]=1&total[gte]=2"), ("total[gte]".into(), Invalid::Repeated));
    assert_eq!(refused("page=2"), ("page".into(), Invalid::Unknown));
    assert_eq!(refused("=2"), (String::new(), Invalid::Unknown));
    assert_eq!(refused("Status=a"), ("Status".into(), Invalid::Unknown));
    assert_eq!(refused("after=x&before=y"), ("before".into(), Invalid::AfterAndBefore));
    let sorts = expected("one of due_on, -due_on, total, -total");
    for sort in ["id", "", "--total", "total;drop table", "+total"] {
        assert_eq!(refused(&format!("sort={sort}")), ("sort".into(), sorts.clone()));
    }
    assert_eq!(refused("total[gte]=x"), ("total[gte]".into(), expected("a whole number")));
    assert_eq!(refused("due_on[gte]=2026-2-1").1, expected("a date such as 2026-01-31"));
    assert_eq!(refused("due_on[is]=nil").1, expected("`null` or `not_null`"));
    assert_eq!(refused("status=a%00b"), ("status".into(), Invalid::Text));
    assert_eq!(refused("status=%ff"), ("status".into(), Invalid::Text));
    let allowed = Invalid::Operator { allowed: "total[lt], total[gte]".into() };
    for name in ["total", "total[gt]", "total[]", "total[gte][lt]", "total[GTE]"] {
        assert_eq!(refused(&format!("{name}=1")), (name.into(), allowed.clone()));
    }
    for name in ["total[gte", "total]", "[gte]", "total[gte]x"] {
        assert_eq!(refused(&format!("{name}=1")), (name.into(), Invalid::Unknown));
    }
    let many = vec!["a"; 51].join(",");
    assert_eq!(refused(&format!("status[in]={many}")).1, Invalid::TooMany { max: 50 });
    let long = "a".repeat(1001);
    assert_eq!(refused(&format!("status={long}")).1, Invalid::TooLong { max: 1000 });
    assert_eq!(refused(&format!("{long}=1")).0.len(), 64);
    assert!(matches!(refused("after=").1, Invalid::Cursor(_)));
    assert!(matches!(refused("before=x").1, Invalid::Cursor(_)));
}

#[test]
fn the_problem_document_names_the_field() {
    let error = list().request("total[gte]=x", &cursors(), tenant()).unwrap_err();
    assert_eq!(error.field(), Some("total[gte]"));
    assert_eq!(
        Problem::from(error).to_json(),
        r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"the query string is invalid","errors":[{"field":"total[gte]","detail":"must be a whole number"}]}"#
    );
}

#[test]
fn a_cursor_holds_under_every_spelling_of_the_same_request_and_under_no_other() {
    let list = list();
    let query = "status[in]=open,sent&total[gte]=5";
    let cursor = list.request(query, &cursors(), tenant()).unwrap().cursor(&invoice()).unwrap();
    let opens = |query: &str, scope: TenantId| {
        list.request(&format!("{query}&after={cursor}"), &cursors(), scope).is_ok()
    };
    for same in [
        "total[gte]=5&status[in]=open,sent",
        "total%5Bgte%5D=005&status[in]=sent,open,sent",
        "status[in]=open,sent&total[gte]=5&limit=3&sort=-total&include=lines",
    ] {
        assert!(opens(same, tenant()), "{same}");
    }
    for other in [
        "",
        "status[in]=open&total[gte]=5",
        "status[in]=open,sent&total[lt]=5",
        "status[in]=open,sent&total[gte]=6",
        "status[in]=open,sent&total[gte]=5&sort=total",
        "status[in]=open,sent&total[gte]=5&sort=-due_on",
    ] {
        assert!(!opens(other, tenant()), "{other}");
    }
    assert!(!opens(query, TenantId::from_uuid(uuid::Uuid::from_u128(8))));
}

#[test]
fn an_expression_gets_the_value_in_its_own_form() {
    let list = list();
    let request = list.request("note=Two+Words%21", &cursors(), tenant()).unwrap();
    assert_eq!(request.predicates[0].values, [Value::Text("two words!".into())]);
}

#[test]
fn the_kept_types_are_send() {
    fn is_send<T: Send + Sync>(_: &T) {}
    let list = list();
    is_send(&list);
    is_send(&list.request("", &cursors(), tenant()).unwrap().plan(()));
}

#[test]
fn a_plan_is_prepared_as_its_base_asks() {
    struct Pooled;
    impl<DB: sqlx::Database> Fragment<DB> for Pooled {
        fn push_to(&self, _: &mut QueryBuilder<DB>) {}
        fn statements(&self) -> Statements {
            Statements::Unnamed
        }
    }
    let list = list();
    let plan = list.request("", &cursors(), tenant()).unwrap().plan(Pooled);
    assert_eq!(Fragment::<sqlx::Sqlite>::statements(&plan), Statements::Unnamed);
}

#[test]
fn a_list_without_sorts_knows_no_parameter_of_that_name() {
    let list = List::new("rows", "id", |id: &i64| *id);
    for query in ["sort=id", "sort=-id", "sort="] {
        match list.request(query, &cursors(), ()).map(|_| ()) {
            Err(Error::Parameter { name, reason: Invalid::Unknown }) => assert_eq!(name, "sort"),
            other => panic!("{query}: {other:?}"),
        }
    }
}
