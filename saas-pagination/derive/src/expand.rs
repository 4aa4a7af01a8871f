//! The code that is written for a declaration.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attributes::{Declaration, Field, Filter, Key, Nulls};

pub(crate) fn expand(declaration: &Declaration) -> TokenStream {
    let Declaration { name, visibility, default_sort, limits, fields, .. } = declaration;
    let new = new(declaration);
    let sorts = declaration.sorts.iter().map(|sort| {
        let keys = sort.keys.iter().filter_map(|key| Some(written(key, fields.get(key.field)?)));
        let name = &sort.name;
        quote!(.sort_by(#name, [#(#keys),*]))
    });
    let filters = fields.iter().flat_map(|field| {
        field.filters.iter().map(|Filter { name, operators }| {
            let Field { ty, column, .. } = field;
            quote!(.filter::<#ty>(#name, #column, [#(::saas_pagination::Operator::#operators),*]))
        })
    });
    let default_sort = default_sort.iter().map(|name| quote!(.default_sort(#name)));
    let limits = limits.iter().map(|[default, max]| quote!(.limits(#default, #max)));
    quote! {
        #[automatically_derived]
        impl #name {
            /// The list that `#[list(…)]` declares; keep it in a `LazyLock`.
            #[must_use]
            #[allow(dead_code)]
            #visibility fn list() -> ::saas_pagination::List<Self> {
                #new #(#sorts)* #(#filters)* #(#default_sort)* #(#limits)*
            }
        }
    }
}

fn new(declaration: &Declaration) -> TokenStream {
    let tiebreaker = declaration.fields.iter().find(|field| field.tiebreaker.is_some());
    match (&declaration.resource, tiebreaker) {
        (Some(resource), Some(field)) => {
            let (Field { ty, column, .. }, read) = (field, read(field));
            quote!(::saas_pagination::List::<Self>::new::<#ty>(#resource, #column, #read))
        }
        _ => quote!(::saas_pagination::List::<Self>::of_entity()),
    }
}

/// The type stands where the trait is asked for, so that the compiler points at it.
fn written(key: &Key, field: &Field) -> TokenStream {
    let (Field { ty, column, .. }, read) = (field, read(field));
    let descending = key.descending.then(|| quote!(.descending()));
    let nulls = key.nulls.map(|nulls| match nulls {
        Nulls::First => quote!(.nulls(::saas_pagination::Nulls::First)),
        Nulls::Last => quote!(.nulls(::saas_pagination::Nulls::Last)),
    });
    quote!(::saas_pagination::Key::<Self>::new::<#ty>(#column, #read) #descending #nulls)
}

fn read(field: &Field) -> TokenStream {
    let ident = &field.ident;
    quote!(|row: &Self| ::core::clone::Clone::clone(&row.#ident))
}
