//! The code that is written for a declaration.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use crate::attributes::{Column, Declaration};

pub(crate) fn expand(declaration: &Declaration) -> TokenStream {
    let Declaration { name, table, soft_delete, timestamps, version, unique, columns, .. } =
        declaration;
    let owner = if declaration.tenant { quote!(Tenant) } else { quote!(Global) };
    let select = select_list(declaration);
    let definitions = columns.iter().map(definition);
    let constants = columns.iter().map(|column| constant(declaration, column));
    let markers = markers(declaration);
    let values = columns.iter().enumerate().map(|(index, column)| {
        let index = Literal::usize_unsuffixed(index);
        let Column { path, ty, .. } = column;
        quote!(#index => (#(#path).*) : #ty)
    });
    quote! {
        #[automatically_derived]
        impl ::saas_core::Entity for #name {
            const TABLE: &'static str = #table;
            const OWNER: ::saas_core::Owner = ::saas_core::Owner::#owner;
            const COLUMNS: &'static [::saas_core::ColumnDef] = &[#(#definitions),*];
            const SELECT: &'static str = #select;
            const SOFT_DELETES: bool = #soft_delete;
            const TIMESTAMPED: bool = #timestamps;
            const VERSIONED: bool = #version;
            const UNIQUE: &'static [&'static [&'static str]] = &[#(&[#(#unique),*]),*];

            fn id(&self) -> ::saas_core::Id<Self> {
                self.id
            }
        }
        #markers
        #[allow(dead_code)]
        impl #name {
            #(#constants)*
        }
        ::saas_core::__record! { #name { #(#values),* } }
    }
}

/// Names are checked to hold no quotes; a schema is a name of its own.
fn select_list(declaration: &Declaration) -> String {
    let table = declaration.table.replace('.', "\".\"");
    let name = |column: &Column| format!("\"{table}\".\"{}\"", column.name);
    declaration.columns.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn definition(column: &Column) -> TokenStream {
    let Column { name, inner, nullable, .. } = column;
    let kind = match &column.kind {
        Some(kind) => quote!(::saas_core::Kind::#kind),
        None => quote!(<#inner as ::saas_core::ColumnKind>::KIND),
    };
    let references = match &column.references {
        Some(parent) => quote! {
            ::core::option::Option::Some(::saas_core::Reference {
                table: <#parent as ::saas_core::Entity>::TABLE,
                owner: <#parent as ::saas_core::Entity>::OWNER,
            })
        },
        None => quote!(::core::option::Option::None),
    };
    quote! {
        ::saas_core::ColumnDef { name: #name, kind: #kind, nullable: #nullable, references: #references }
    }
}

fn constant(declaration: &Declaration, column: &Column) -> TokenStream {
    let Column { name, inner, .. } = column;
    let constant = format_ident!("{}", name.to_uppercase());
    let null = if column.nullable { quote!(Nullable) } else { quote!(NotNull) };
    let docs = format!("The column `{name}` of `{}`.", declaration.table);
    quote! {
        #[doc = #docs]
        pub const #constant: ::saas_core::Column<Self, #inner, ::saas_core::#null> =
            ::saas_core::Column::new(#name);
    }
}

fn markers(declaration: &Declaration) -> TokenStream {
    let name = &declaration.name;
    let owner = if declaration.tenant {
        let tenant = declaration.columns.iter().find(|column| column.name == "tenant_id");
        let tenant = match tenant.map(|column| &column.path) {
            Some(path) => quote!(::core::option::Option::Some(self.#(#path).*)),
            None => quote!(::core::option::Option::None),
        };
        quote! {
            #[automatically_derived]
            impl ::saas_core::TenantOwned for #name {
                fn tenant(&self) -> ::core::option::Option<::saas_core::TenantId> {
                    #tenant
                }
            }
        }
    } else {
        quote!(#[automatically_derived] impl ::saas_core::Global for #name {})
    };
    let flags = [
        (declaration.soft_delete, quote!(SoftDeletes)),
        (declaration.version, quote!(Versioned)),
        (declaration.timestamps, quote!(Timestamped)),
    ];
    let flags = flags
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, marker)| quote!(#[automatically_derived] impl ::saas_core::#marker for #name {}));
    let prefix = declaration.prefix.iter().map(|prefix| {
        quote! {
            #[automatically_derived]
            impl ::saas_core::HasPrefix for #name {
                const PREFIX: &'static str = #prefix;
            }
        }
    });
    quote!(#owner #(#flags)* #(#prefix)*)
}
