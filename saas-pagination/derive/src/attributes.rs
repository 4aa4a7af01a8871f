//! What the attributes say, checked; each mistake is answered with what to write.

mod check;
mod field;
mod sort;
mod words;

use syn::{
    Attribute, Data, DeriveInput, Error, Fields, Ident, LitInt, LitStr, Result, Token, Visibility,
};

pub(crate) use field::{Field, Filter};
pub(crate) use sort::{Key, Nulls, Sort};
use words::{WordOf as _, rest, word};

/// A struct's declaration.
pub(crate) struct Declaration {
    pub(crate) name: Ident,
    pub(crate) visibility: Visibility,
    /// `None` of an entity, which has a name.
    pub(crate) resource: Option<LitStr>,
    pub(crate) default_sort: Option<LitStr>,
    pub(crate) limits: Option<[LitInt; 2]>,
    pub(crate) fields: Vec<Field>,
    /// In the order of the fields, then those of several keys.
    pub(crate) sorts: Vec<Sort>,
}

const WORDS: &str =
    "`resource = \"…\"`, `entity`, `default_sort = \"…\"`, `limits(…, …)`, `sort(name = \"…\")`";

impl Declaration {
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let declaration = Self::read(input)?;
        check::check(&declaration)?;
        Ok(declaration)
    }

    fn read(input: &DeriveInput) -> Result<Self> {
        let Data::Struct(data) = &input.data else { return Err(no_row(input)) };
        let Fields::Named(fields) = &data.fields else { return Err(no_row(input)) };
        if !input.generics.params.is_empty() {
            return Err(Error::new_spanned(
                &input.generics,
                "a list's row has no type parameters: write the list by hand",
            ));
        }
        let renames = renames_all(&input.attrs)?;
        let mut declaration = Self {
            name: input.ident.clone(),
            visibility: input.vis.clone(),
            resource: None,
            default_sort: None,
            limits: None,
            fields: Vec::new(),
            sorts: Vec::new(),
        };
        for field in &fields.named {
            let (field, sorts) = Field::parse(field, declaration.fields.len(), renames)?;
            declaration.fields.push(field);
            declaration.sorts.extend(sorts);
        }
        let mut entity = None;
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("list")) {
            attribute.parse_nested_meta(|meta| {
                let word = word(&meta)?;
                match word.to_string().as_str() {
                    "resource" => declaration.resource = Some(meta.value()?.parse()?),
                    "entity" => entity = Some(word),
                    "default_sort" => declaration.default_sort = Some(meta.value()?.parse()?),
                    "limits" => declaration.limits = Some(limits(&meta, &word)?),
                    "sort" => {
                        let sorts = Sort::parse_several(&meta, &word, &declaration.fields)?;
                        declaration.sorts.extend(sorts);
                    }
                    _ => return Err(word.unknown(WORDS)),
                }
                Ok(())
            })?;
        }
        declaration.named(entity.as_ref())?;
        Ok(declaration)
    }

    /// A list has its own name and tiebreaker, or its entity's.
    fn named(&self, entity: Option<&Ident>) -> Result<()> {
        let mut tiebreakers = self.fields.iter().filter_map(|field| field.tiebreaker.as_ref());
        let first = tiebreakers.next();
        match (&self.resource, entity) {
            (None, None) => Err(Error::new(
                self.name.span(),
                "name the list: write `#[list(resource = \"…\", …)]`, or `entity` if it is one",
            )),
            (Some(_), Some(entity)) => Err(Error::new(
                entity.span(),
                "an entity's list is named by its table: write either `resource` or `entity`",
            )),
            (None, Some(_)) => first.map_or(Ok(()), |word| {
                Err(Error::new(word.span(), "an entity's tiebreaker is its id"))
            }),
            (Some(_), None) if first.is_none() => Err(Error::new(
                self.name.span(),
                "say which field is unique and never NULL: write `#[list(tiebreaker)]` on it",
            )),
            (Some(_), None) => tiebreakers.next().map_or(Ok(()), |second| {
                Err(Error::new(second.span(), "one tiebreaker is enough: it is unique"))
            }),
        }
    }
}

fn no_row(input: &DeriveInput) -> Error {
    Error::new_spanned(&input.ident, "a list's row is a struct with named fields")
}

fn limits(meta: &syn::meta::ParseNestedMeta<'_>, word: &Ident) -> Result<[LitInt; 2]> {
    let usage = || Error::new(word.span(), "write the default and the maximum: `limits(25, 100)`");
    if !meta.input.peek(syn::token::Paren) {
        return Err(usage());
    }
    let inner;
    syn::parenthesized!(inner in meta.input);
    let numbers = inner.parse_terminated(<LitInt as syn::parse::Parse>::parse, Token![,])?;
    numbers.into_iter().collect::<Vec<_>>().try_into().map_err(|_| usage())
}

/// Whether sqlx reads the fields from columns of other names. Snake case is what fields have.
fn renames_all(attributes: &[Attribute]) -> Result<bool> {
    let mut renames = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("sqlx")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename_all") {
                let case: LitStr = meta.value()?.parse()?;
                renames = case.value() != "snake_case";
                return Ok(());
            }
            rest(&meta)
        })?;
    }
    Ok(renames)
}

#[cfg(test)]
mod tests;
