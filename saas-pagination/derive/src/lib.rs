//! The derive macro of `saas-pagination`. Use it through that crate, which documents it.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Declares a row struct's list on its fields: gives it `fn list() -> List<Self>`.
///
/// On the struct, `#[list(…)]` takes:
///
/// | word | meaning |
/// |---|---|
/// | `resource = "posts"` or `entity` | required: the list's name in its cursors, or that the struct is an `Entity`: named by its table, ties broken by its id |
/// | `sort(mixed = "-total, created_at")` | the sorts `mixed` and `-mixed` by several fields; `due_on nulls first` places NULLs |
/// | `default_sort = "-mixed"` | the sort of a request that names none |
/// | `limits(25, 100)` | how many rows a page has if the request does not say, and at most |
///
/// On a field:
///
/// | word | meaning |
/// |---|---|
/// | `tiebreaker` | unique in the list and never NULL; on one field, unless it is an entity |
/// | `sort` | the sorts `field` and `-field`; `sort(name = "…", nulls = "first")` |
/// | `filter(eq, in)` | a filter with these of `eq ne lt lte gt gte in is`; `filter(name = "…", eq)` |
/// | `column = "…"` | the base select's column where it is not the field's name; without it `sqlx(rename)` and `entity(column)` say so |
#[proc_macro_derive(List, attributes(list))]
pub fn derive_list(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match attributes::Declaration::parse(&input) {
        Ok(declaration) => expand::expand(&declaration).into(),
        Err(error) => error.to_compile_error().into(),
    }
}
