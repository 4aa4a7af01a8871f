//! What the attributes say, checked; each mistake is answered with what to write.

mod words;

use proc_macro2::Span;
use syn::{Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Result, Type};

use self::words::{identifier, kind, prefix, table_name, word};

/// A struct's declaration.
pub(crate) struct Declaration {
    pub(crate) name: Ident,
    pub(crate) table: String,
    pub(crate) tenant: bool,
    pub(crate) soft_delete: bool,
    pub(crate) timestamps: bool,
    pub(crate) version: bool,
    pub(crate) prefix: Option<String>,
    pub(crate) unique: Vec<Vec<String>>,
    pub(crate) columns: Vec<Column>,
}

/// One column: a field, or half of a field that is stored in two.
pub(crate) struct Column {
    pub(crate) name: String,
    /// The way from `self` to the value.
    pub(crate) path: Vec<Ident>,
    /// The field's type; of an `Option`, with it.
    pub(crate) ty: Type,
    /// The field's type; of an `Option`, what is in it.
    pub(crate) inner: Type,
    pub(crate) nullable: bool,
    pub(crate) kind: Option<Ident>,
    pub(crate) references: Option<Path>,
}

const STRUCT_WORDS: &str = "`table = \"…\"`, `tenant`, `global`, `soft_delete`, `timestamps`, `version`, `prefix = \"…\"`, `unique(…)`";
const FIELD_WORDS: &str = "`unique`, `references = Entity`, `kind = \"…\"`, `column = \"…\"`, `timestamps`, `soft_delete`, `version`";
impl Declaration {
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let fields = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(fields) => &fields.named,
                _ => {
                    return Err(Error::new_spanned(
                        &input.ident,
                        "an entity is a struct with named fields",
                    ));
                }
            },
            _ => {
                return Err(Error::new_spanned(
                    &input.ident,
                    "an entity is a struct with named fields",
                ));
            }
        };
        if !input.generics.params.is_empty() {
            return Err(Error::new_spanned(
                &input.generics,
                "an entity has no type parameters: one table, one row type",
            ));
        }
        let mut table = None;
        let mut tenant = None;
        let mut declaration = Self {
            name: input.ident.clone(),
            table: String::new(),
            tenant: false,
            soft_delete: false,
            timestamps: false,
            version: false,
            prefix: None,
            unique: Vec::new(),
            columns: Vec::new(),
        };
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("entity"))
        {
            attribute.parse_nested_meta(|meta| {
                let word = word(&meta)?;
                match word.as_str() {
                    "table" => table = Some(table_name(&meta.value()?.parse()?)?),
                    "tenant" | "global" if tenant.is_some() => {
                        return Err(meta.error("write either `tenant` or `global`, once"));
                    }
                    "tenant" => tenant = Some(true),
                    "global" => tenant = Some(false),
                    "soft_delete" => declaration.soft_delete = true,
                    "timestamps" => declaration.timestamps = true,
                    "version" => declaration.version = true,
                    "prefix" => declaration.prefix = Some(prefix(&meta.value()?.parse()?)?),
                    "unique" => {
                        let mut columns = Vec::new();
                        meta.parse_nested_meta(|column| {
                            columns.push(self::word(&column)?);
                            Ok(())
                        })?;
                        declaration.unique.push(columns);
                    }
                    _ => {
                        return Err(meta
                            .error(format!("unknown word `{word}`; write one of {STRUCT_WORDS}")));
                    }
                }
                Ok(())
            })?;
        }
        let span = input.ident.span();
        declaration.table = table.ok_or_else(|| {
            Error::new(span, "name the table: write `#[entity(table = \"…\", …)]`")
        })?;
        declaration.tenant = tenant.ok_or_else(|| {
            Error::new(
                span,
                "say whose rows these are: write `tenant` or `global` in `#[entity(…)]`",
            )
        })?;
        for field in fields {
            declaration.field(field)?;
        }
        declaration.check(span)?;
        Ok(declaration)
    }

    fn field(&mut self, field: &syn::Field) -> Result<()> {
        let Some(ident) = field.ident.clone() else { return Ok(()) };
        let inner = option_of(&field.ty).cloned();
        let mut column = Column {
            name: ident.to_string().trim_start_matches("r#").to_owned(),
            path: vec![ident.clone()],
            ty: field.ty.clone(),
            nullable: inner.is_some(),
            inner: inner.unwrap_or_else(|| field.ty.clone()),
            kind: None,
            references: None,
        };
        let mut unique = false;
        let mut pair = None;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("entity"))
        {
            attribute.parse_nested_meta(|meta| {
                let word = word(&meta)?;
                match word.as_str() {
                    "unique" => unique = true,
                    "references" => column.references = Some(meta.value()?.parse()?),
                    "kind" => column.kind = Some(kind(&meta.value()?.parse()?)?),
                    "column" => {
                        let name: LitStr = meta.value()?.parse()?;
                        column.name = identifier(&name, &name.value())?;
                    }
                    "version" => {
                        self.version = true;
                        "version".clone_into(&mut column.name);
                    }
                    "timestamps" => {
                        self.timestamps = true;
                        pair = Some([("created_at", false), ("updated_at", false)]);
                    }
                    "soft_delete" => {
                        self.soft_delete = true;
                        pair = Some([("deleted_at", true), ("deletion_id", true)]);
                    }
                    _ => {
                        return Err(meta
                            .error(format!("unknown word `{word}`; write one of {FIELD_WORDS}")));
                    }
                }
                Ok(())
            })?;
        }
        if unique {
            self.unique.push(vec![column.name.clone()]);
        }
        match pair {
            None => self.columns.push(column),
            Some(pair) => self.columns.extend(pair.map(|half| half_of(&ident, half))),
        }
        Ok(())
    }

    fn check(&self, span: Span) -> Result<()> {
        let has = |name: &str| self.columns.iter().any(|column| column.name == name);
        if !has("id") {
            return Err(Error::new(
                span,
                format!("an entity has an id: add `id: Id<{}>`", self.name),
            ));
        }
        for (index, column) in self.columns.iter().enumerate() {
            if self.columns[..index].iter().any(|earlier| earlier.name == column.name) {
                return Err(Error::new(
                    span,
                    format!("two fields are stored in the column `{}`", column.name),
                ));
            }
        }
        for name in self.unique.iter().flatten() {
            if !has(name) {
                return Err(Error::new(
                    span,
                    format!("`unique` names `{name}`, which is no column of this struct"),
                ));
            }
        }
        Ok(())
    }
}

/// The two columns of a field that is stored in two.
fn half_of(field: &Ident, (name, nullable): (&str, bool)) -> Column {
    let inner: Type = if name == "deletion_id" {
        syn::parse_quote!(::saas_core::DeletionId)
    } else {
        syn::parse_quote!(::saas_core::__private::Moment)
    };
    Column {
        name: name.to_owned(),
        path: vec![field.clone(), Ident::new(name, field.span())],
        ty: if nullable {
            syn::parse_quote!(::core::option::Option<#inner>)
        } else {
            inner.clone()
        },
        inner,
        nullable,
        kind: None,
        references: None,
    }
}

/// What is in an `Option`; as text, since a macro sees no types.
fn option_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != "Option" {
        return None;
    }
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
