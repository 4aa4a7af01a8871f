//! A mistake is answered with what to write, at the token that is wrong.

use super::{Declaration, Key, Nulls};

/// A struct with these words on it and on its fields.
fn parse(on_struct: &str, fields: &str) -> syn::Result<Declaration> {
    let text = format!("#[derive(List)] #[list({on_struct})] struct Post {{ {fields} }}");
    Declaration::parse(&syn::parse_str(&text).unwrap())
}

/// Where the error points, and what it says.
fn told(on_struct: &str, fields: &str) -> (String, String) {
    let error = parse(on_struct, fields).map(|_| ()).unwrap_err();
    (error.span().source_text().unwrap(), error.to_string())
}

const ID: &str = "#[list(tiebreaker)] id: i64, title: String";

#[track_caller]
fn points(on_struct: &str, fields: &str, at: &str, says: &str) {
    assert_eq!(told(on_struct, fields), (at.to_owned(), says.to_owned()));
}

#[test]
fn a_list_is_named_and_its_ties_are_broken() {
    points(
        "",
        ID,
        "Post",
        "name the list: write `#[list(resource = \"…\", …)]`, or `entity` if it is one",
    );
    points(
        "resource = \"posts\", entity",
        ID,
        "entity",
        "an entity's list is named by its table: write either `resource` or `entity`",
    );
    points(
        "resource = \"posts\"",
        "id: i64",
        "Post",
        "say which field is unique and never NULL: write `#[list(tiebreaker)]` on it",
    );
    points("entity", ID, "tiebreaker", "an entity's tiebreaker is its id");
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker)] id: i64, #[list(tiebreaker)] no: Option<i64>",
        "tiebreaker",
        "one tiebreaker is enough: it is unique",
    );
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker)] id: Option<i64>",
        "Option<i64>",
        "a tiebreaker is never NULL",
    );
}

#[test]
fn an_unknown_word_is_answered_with_the_known_ones() {
    let unknown = |on_struct, fields: &str, at: &str, known: &str| {
        let (place, message) = told(on_struct, fields);
        assert_eq!(place, at);
        assert!(message.starts_with(&format!("unknown word `{at}`; write one of")), "{message}");
        assert!(message.contains(known), "{message}");
    };
    unknown("resource = \"posts\", default = \"id\"", ID, "default", "`default_sort = \"…\"`");
    unknown("resource = \"posts\"", "#[list(sorted)] id: i64", "sorted", "`sort`");
    unknown("resource = \"posts\"", "#[list(filter(eq, like))] id: i64", "like", "`gte`");
    unknown("resource = \"posts\"", "#[list(sort(null = \"first\"))] id: i64", "null", "`nulls");
    unknown("resource = \"posts\"", "#[list(filter(eq), filter(Eq))] id: i64", "Eq", "`eq`");
}

#[test]
fn a_sort_has_keys_and_they_are_fields() {
    let empty = "a sort has keys: name fields, as in \"-total, created_at\"";
    points("resource = \"posts\", sort(mixed = \"\")", ID, "\"\"", empty);
    points("resource = \"posts\", sort(mixed = \"id,\")", ID, "\"id,\"", empty);
    let usage = "name the sort and its fields: `sort(mixed = \"-total, created_at\")`";
    points("resource = \"posts\", sort()", ID, "sort", usage);
    points("resource = \"posts\", sort", ID, "sort", usage);
    points(
        "resource = \"posts\", sort(mixed = \"-titel, id\")",
        ID,
        "\"-titel, id\"",
        "`titel` is no field of this struct, which has `id`, `title`",
    );
    points(
        "resource = \"posts\", sort(mixed = \"-title null first\")",
        ID,
        "\"-title null first\"",
        "`-title null first` is no key; write `-title` or `-title nulls first`",
    );
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker, sort())] id: i64",
        "sort",
        "write `sort`, or say more between the brackets",
    );
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker, sort(nulls = \"frist\"))] id: i64",
        "\"frist\"",
        "NULLs stand \"first\" or \"last\"",
    );
}

#[test]
fn names_are_distinct_and_fit_into_a_query_string() {
    points(
        "resource = \"posts\", sort(title = \"id\")",
        "#[list(tiebreaker)] id: i64, #[list(sort)] title: String",
        "title",
        "`title` is declared twice",
    );
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker, filter(eq), filter(in))] id: i64",
        "id",
        "`id` is declared twice",
    );
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker, sort(name = \"-id\"))] id: i64",
        "\"-id\"",
        "`-id` cannot be told apart in a query string",
    );
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker)] id: i64, #[list(filter(eq))] limit: i64",
        "limit",
        "the parameter `limit` has another meaning: write `filter(name = \"…\", …)`",
    );
    points(
        "resource = \"posts\"",
        "#[list(tiebreaker, filter())] id: i64",
        "filter",
        "say what it compares by: `filter(eq, in)`",
    );
}

#[test]
fn the_default_sort_is_offered_and_limits_are_in_order() {
    points(
        "resource = \"posts\", default_sort = \"-name\"",
        "#[list(tiebreaker)] id: i64, #[list(sort)] title: String",
        "\"-name\"",
        "no sort is called `name`; offered: `title`",
    );
    let order = "limits go 1 <= default <= max <= 10000";
    points("resource = \"posts\", limits(20, 10)", ID, "20", order);
    points("resource = \"posts\", limits(0, 10)", ID, "0", order);
    points("resource = \"posts\", limits(20, 10_001)", ID, "10_001", order);
    let usage = "write the default and the maximum: `limits(25, 100)`";
    points("resource = \"posts\", limits(20)", ID, "limits", usage);
    points("resource = \"posts\", limits = 20", ID, "limits", usage);
}

#[test]
fn a_column_is_called_what_sqlx_and_the_entity_call_it() {
    let column = |attributes: &str| {
        let fields = format!("{attributes} #[list(tiebreaker)] r#type: i64");
        parse("resource = \"posts\"", &fields).unwrap().fields[0].column.value()
    };
    assert_eq!(column(""), "type");
    assert_eq!(column("#[sqlx(default, rename = \"a\", try_from = \"i64\")]"), "a");
    assert_eq!(column("#[entity(references = Customer, column = \"b\")]"), "b");
    assert_eq!(column("#[sqlx(rename = \"a\")] #[list(column = \"c\")]"), "c");
    let text = |case: &str| {
        format!(
            "#[sqlx(rename_all = \"{case}\")] #[list(resource = \"posts\")] struct Post {{ #[list(tiebreaker)] post_id: i64, title: String }}"
        )
    };
    let parsed = |case| Declaration::parse(&syn::parse_str(&text(case)).unwrap());
    let error = parsed("camelCase").map(|_| ()).unwrap_err();
    assert_eq!(error.span().source_text().unwrap(), "post_id");
    assert_eq!(
        error.to_string(),
        "write `column = \"…\"`: a list does not follow `sqlx(rename_all)`"
    );
    assert!(parsed("snake_case").is_ok());
}

#[test]
fn a_sort_of_several_keys_reads_like_sql() {
    let fields = "#[list(tiebreaker, sort(nulls = \"last\"))] id: i64, r#type: String";
    let list = parse("resource = \"posts\", sort(mixed = \"-type nulls first, id\")", fields);
    let list = list.unwrap();
    let [by_id, mixed] = &list.sorts[..] else { panic!("{}", list.sorts.len()) };
    assert_eq!(by_id.keys, [Key { field: 0, descending: false, nulls: Some(Nulls::Last) }]);
    assert_eq!(mixed.name.value(), "mixed");
    assert_eq!(
        mixed.keys,
        [
            Key { field: 1, descending: true, nulls: Some(Nulls::First) },
            Key { field: 0, descending: false, nulls: None },
        ]
    );
}

#[test]
fn only_structs_with_named_fields_and_no_parameters_are_rows() {
    let told = |text: &str| {
        Declaration::parse(&syn::parse_str(text).unwrap()).map(|_| ()).unwrap_err().to_string()
    };
    let row = "a list's row is a struct with named fields";
    assert_eq!(told("#[list(resource = \"a\")] enum A {}"), row);
    assert_eq!(told("#[list(resource = \"a\")] struct A(i64);"), row);
    assert_eq!(
        told("#[list(resource = \"a\")] struct A<T> { id: T }"),
        "a list's row has no type parameters: write the list by hand"
    );
}
