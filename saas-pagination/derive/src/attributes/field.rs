use syn::meta::ParseNestedMeta;
use syn::{Error, Ident, LitStr, Result, Type};

use super::sort::{Key, Nulls, Sort};
use super::words::{WordOf as _, nested, parameter, rest, word};

/// A field, and the column that it is read from.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) column: LitStr,
    pub(crate) tiebreaker: Option<Ident>,
    pub(crate) filters: Vec<Filter>,
}

/// A filter on a field.
pub(crate) struct Filter {
    pub(crate) name: LitStr,
    /// Variants of `Operator`.
    pub(crate) operators: Vec<Ident>,
}

const WORDS: &str = "`tiebreaker`, `sort`, `sort(…)`, `filter(…)`, `column = \"…\"`";
const SORT_WORDS: &str = "`name = \"…\"`, `nulls = \"first\"`";
const FILTER_WORDS: &str =
    "the operators `eq`, `ne`, `lt`, `lte`, `gt`, `gte`, `in`, `is`, or `name = \"…\"`";
const OPERATORS: [(&str, &str); 8] = [
    ("eq", "Eq"),
    ("ne", "Ne"),
    ("lt", "Lt"),
    ("lte", "Lte"),
    ("gt", "Gt"),
    ("gte", "Gte"),
    ("in", "In"),
    ("is", "Is"),
];

impl Field {
    /// The field at `index`, and the sorts by it alone.
    pub(super) fn parse(
        field: &syn::Field,
        index: usize,
        renamed: bool,
    ) -> Result<(Self, Vec<Sort>)> {
        let Some(ident) = field.ident.clone() else {
            return Err(Error::new_spanned(field, "a list's row has named fields"));
        };
        let name = LitStr::new(&ident.plain(), ident.span());
        let mut column = None;
        let mut tiebreaker = None;
        let (mut sorts, mut filters) = (Vec::new(), Vec::new());
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("list")) {
            attribute.parse_nested_meta(|meta| {
                let word = word(&meta)?;
                match word.to_string().as_str() {
                    "tiebreaker" => tiebreaker = Some(word),
                    "sort" => sorts.push(sort(&meta, &word, &name, index)?),
                    "filter" => filters.push(filter(&meta, &word, &name)?),
                    "column" => column = Some(meta.value()?.parse()?),
                    _ => return Err(word.unknown(WORDS)),
                }
                Ok(())
            })?;
        }
        let listed = tiebreaker.is_some() || !sorts.is_empty() || !filters.is_empty();
        if column.is_none() {
            column = said_elsewhere(field)?;
        }
        if listed && renamed && column.is_none() {
            return Err(Error::new(
                ident.span(),
                "write `column = \"…\"`: a list does not follow `sqlx(rename_all)`",
            ));
        }
        let column = column.unwrap_or(name);
        Ok((Self { ident, ty: field.ty.clone(), column, tiebreaker, filters }, sorts))
    }
}

/// The column's name as sqlx or the entity has it.
fn said_elsewhere(field: &syn::Field) -> Result<Option<LitStr>> {
    let mut column = None;
    for (attribute, name) in [("sqlx", "rename"), ("entity", "column")] {
        for attribute in field.attrs.iter().filter(|one| one.path().is_ident(attribute)) {
            attribute.parse_nested_meta(|meta| {
                if column.is_none() && meta.path.is_ident(name) {
                    column = Some(meta.value()?.parse()?);
                    return Ok(());
                }
                rest(&meta)
            })?;
        }
    }
    Ok(column)
}

fn sort(meta: &ParseNestedMeta<'_>, word: &Ident, field: &LitStr, index: usize) -> Result<Sort> {
    let mut name = field.clone();
    let mut nulls = None;
    let has_brackets = meta.input.peek(syn::token::Paren);
    let any = nested(meta, |meta| {
        let word = self::word(&meta)?;
        match word.to_string().as_str() {
            "name" => name = meta.value()?.parse()?,
            "nulls" => {
                let text: LitStr = meta.value()?.parse()?;
                nulls = Some(Nulls::parse(&text.value()).ok_or_else(|| {
                    Error::new_spanned(&text, "NULLs stand \"first\" or \"last\"")
                })?);
            }
            _ => return Err(word.unknown(SORT_WORDS)),
        }
        Ok(())
    })?;
    if has_brackets && !any {
        return Err(Error::new(word.span(), "write `sort`, or say more between the brackets"));
    }
    parameter(&name)?;
    Ok(Sort { name, keys: vec![Key { field: index, descending: false, nulls }] })
}

fn filter(meta: &ParseNestedMeta<'_>, word: &Ident, field: &LitStr) -> Result<Filter> {
    let mut filter = Filter { name: field.clone(), operators: Vec::new() };
    nested(meta, |meta| {
        let word = self::word(&meta)?;
        if word == "name" {
            filter.name = meta.value()?.parse()?;
            return Ok(());
        }
        let text = word.to_string();
        let known = OPERATORS.iter().find(|(name, _)| *name == text);
        let (_, variant) = known.ok_or_else(|| word.unknown(FILTER_WORDS))?;
        filter.operators.push(Ident::new(variant, word.span()));
        Ok(())
    })?;
    if filter.operators.is_empty() {
        return Err(Error::new(word.span(), "say what it compares by: `filter(eq, in)`"));
    }
    parameter(&filter.name)?;
    Ok(filter)
}
