//! A mistake is answered with what to write.

use syn::{DeriveInput, parse_quote};

use super::Declaration;

fn told(input: &DeriveInput) -> String {
    Declaration::parse(input).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn whose_rows_must_be_said_and_said_once() {
    let neither = parse_quote!(
        #[entity(table = "invoices")]
        struct Invoice {
            id: Id<Invoice>,
        }
    );
    assert_eq!(
        told(&neither),
        "say whose rows these are: write `tenant` or `global` in `#[entity(…)]`"
    );
    let both = parse_quote!(
        #[entity(table = "invoices", tenant, global)]
        struct Invoice {
            id: Id<Invoice>,
        }
    );
    assert_eq!(told(&both), "write either `tenant` or `global`, once");
}

#[test]
fn an_unknown_word_is_answered_with_the_known_ones() {
    let on_struct = parse_quote!(
        #[entity(table = "invoices", tenant, soft_deleted)]
        struct Invoice {
            id: Id<Invoice>,
        }
    );
    let told_on_struct = told(&on_struct);
    assert!(told_on_struct.starts_with("unknown word `soft_deleted`; write one of"));
    assert!(told_on_struct.contains("`soft_delete`"), "{told_on_struct}");
    let on_field = parse_quote!(
        #[entity(table = "invoices", tenant)]
        struct Invoice {
            id: Id<Invoice>,
            #[entity(reference = Customer)]
            customer_id: Id<Customer>,
        }
    );
    assert!(told(&on_field).contains("`references = Entity`"));
}

#[test]
fn table_id_names_and_kinds_are_checked() {
    let cases: [(DeriveInput, &str); 6] = [
        (
            parse_quote!(
                #[entity(tenant)]
                struct A {
                    id: Id<A>,
                }
            ),
            "name the table: write `#[entity(table = \"…\", …)]`",
        ),
        (
            parse_quote!(
                #[entity(table = "a", tenant)]
                struct A {
                    name: String,
                }
            ),
            "an entity has an id: add `id: Id<A>`",
        ),
        (
            parse_quote!(
                #[entity(table = "Drop Table", tenant)]
                struct A {
                    id: Id<A>,
                }
            ),
            "`Drop Table` is not a name of lower-case letters, digits and `_`, at most 63 and not a digit first",
        ),
        (
            parse_quote!(
                #[entity(table = "a", tenant)]
                struct A {
                    id: Id<A>,
                    #[entity(kind = "varchar")]
                    b: B,
                }
            ),
            "unknown kind `varchar`; write one of \"uuid\", \"text\", \"smallint\", \"int\", \"bigint\", \"float\", \"bool\", \"timestamp\", \"date\", \"bytes\", \"json\"",
        ),
        (
            parse_quote!(
                #[entity(table = "a", tenant, unique(b))]
                struct A {
                    id: Id<A>,
                }
            ),
            "`unique` names `b`, which is no column of this struct",
        ),
        (
            parse_quote!(
                #[entity(table = "a", tenant)]
                struct A {
                    id: Id<A>,
                    #[entity(column = "id")]
                    other: i64,
                }
            ),
            "two fields are stored in the column `id`",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(told(&input), expected);
    }
}
