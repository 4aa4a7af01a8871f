//! Single words in attributes, each checked where it stands.

use syn::meta::ParseNestedMeta;
use syn::{Error, Ident, LitStr, Result};

const KINDS: [(&str, &str); 11] = [
    ("uuid", "Uuid"),
    ("text", "Text"),
    ("smallint", "SmallInt"),
    ("int", "Int"),
    ("bigint", "BigInt"),
    ("float", "Float"),
    ("bool", "Bool"),
    ("timestamp", "Timestamp"),
    ("date", "Date"),
    ("bytes", "Bytes"),
    ("json", "Json"),
];

pub(super) fn word(meta: &ParseNestedMeta<'_>) -> Result<String> {
    meta.path
        .get_ident()
        .map(Ident::to_string)
        .ok_or_else(|| meta.error("a single word is expected here"))
}

pub(super) fn table_name(text: &LitStr) -> Result<String> {
    let value = text.value();
    if value.split('.').count() > 2 {
        return Err(Error::new_spanned(text, "a table is `name` or `schema.name`"));
    }
    value.split('.').try_for_each(|part| identifier(text, part).map(drop))?;
    Ok(value)
}

/// Names are what PostgreSQL takes without quotes, so that SQL written by hand reads the same.
pub(super) fn identifier(at: &LitStr, name: &str) -> Result<String> {
    let first =
        name.chars().next().is_some_and(|letter| letter.is_ascii_lowercase() || letter == '_');
    let rest = name
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if first && rest && name.len() <= 63 {
        Ok(name.to_owned())
    } else {
        Err(Error::new_spanned(
            at,
            format!(
                "`{name}` is not a name of lower-case letters, digits and `_`, at most 63 and not a digit first"
            ),
        ))
    }
}

pub(super) fn prefix(text: &LitStr) -> Result<String> {
    let value = text.value();
    let letters = value.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    let edges = value.starts_with('_') || value.ends_with('_');
    if letters && !edges && (1..=63).contains(&value.len()) {
        Ok(value)
    } else {
        Err(Error::new_spanned(
            text,
            "a prefix is 1 to 63 lower-case letters, as in `prefix = \"inv\"`",
        ))
    }
}

pub(super) fn kind(text: &LitStr) -> Result<Ident> {
    let value = text.value();
    let known = KINDS.iter().find(|(name, _)| *name == value);
    known.map(|(_, variant)| Ident::new(variant, text.span())).ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        Error::new_spanned(
            text,
            format!("unknown kind `{value}`; write one of {}", names.join(", ")),
        )
    })
}
