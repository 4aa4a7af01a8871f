//! The derive macro of `saas-core`. Use it through that crate, which documents it.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct an `Entity`: a typed column per field, and what the family may rely on.
///
/// On the struct, `#[entity(…)]` takes:
///
/// | word | meaning |
/// |---|---|
/// | `table = "invoices"` | required; `schema.table` is possible |
/// | `tenant` or `global` | required: whose rows these are |
/// | `soft_delete` | rows are marked deleted instead of removed |
/// | `timestamps` | `created_at` and `updated_at` are kept |
/// | `version` | an optimistic lock is kept |
/// | `prefix = "inv"` | ids have the prefixed form `inv_…` |
/// | `unique(a, b)` | these columns together name a row within its tenant |
///
/// On a field:
///
/// | word | meaning |
/// |---|---|
/// | `unique` | names a row within its tenant |
/// | `references = Customer` | points to that entity's `id` |
/// | `kind = "text"` | what the column holds, for a type that does not say so itself |
/// | `column = "name"` | the column's name where it is not the field's |
/// | `timestamps`, `soft_delete` | the field is a `Timestamps` or `SoftDelete`, stored in its two columns |
/// | `version` | the field is the `Version` |
#[proc_macro_derive(Entity, attributes(entity))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match attributes::Declaration::parse(&input) {
        Ok(declaration) => expand::expand(&declaration).into(),
        Err(error) => error.to_compile_error().into(),
    }
}
