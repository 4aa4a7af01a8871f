use syn::meta::ParseNestedMeta;
use syn::{Error, Ident, LitStr, Result};

use super::field::Field;
use super::words::{WordOf as _, nested, parameter, word};

/// A sort on offer, `name` and `-name`.
pub(crate) struct Sort {
    pub(crate) name: LitStr,
    pub(crate) keys: Vec<Key>,
}

/// One key of a sort.
#[derive(Debug, PartialEq)]
pub(crate) struct Key {
    /// The field's index.
    pub(crate) field: usize,
    pub(crate) descending: bool,
    pub(crate) nulls: Option<Nulls>,
}

/// Where NULLs stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Nulls {
    First,
    Last,
}

impl Nulls {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "first" => Some(Self::First),
            "last" => Some(Self::Last),
            _ => None,
        }
    }
}

impl Sort {
    /// `sort(mixed = "-total, created_at", …)` on the struct.
    pub(super) fn parse_several(
        meta: &ParseNestedMeta<'_>,
        word: &Ident,
        fields: &[Field],
    ) -> Result<Vec<Self>> {
        let mut sorts = Vec::new();
        let any = nested(meta, |meta| {
            let name = self::word(&meta)?;
            let name = LitStr::new(&name.plain(), name.span());
            parameter(&name)?;
            let text: LitStr = meta.value()?.parse()?;
            let keys = text.value();
            let keys = keys.split(',').map(|key| Key::parse(key, &text, fields));
            sorts.push(Self { name, keys: keys.collect::<Result<_>>()? });
            Ok(())
        })?;
        if !any {
            return Err(Error::new(
                word.span(),
                "name the sort and its fields: `sort(mixed = \"-total, created_at\")`",
            ));
        }
        Ok(sorts)
    }
}

impl Key {
    /// `-total` or `due_on nulls first`.
    fn parse(text: &str, at: &LitStr, fields: &[Field]) -> Result<Self> {
        let mut words = text.split_whitespace();
        let first = words.next().ok_or_else(|| {
            Error::new_spanned(at, "a sort has keys: name fields, as in \"-total, created_at\"")
        })?;
        let (name, descending) =
            first.strip_prefix('-').map_or((first, false), |name| (name, true));
        let field =
            fields.iter().position(|field| field.ident.plain() == name).ok_or_else(|| {
                let known: Vec<_> =
                    fields.iter().map(|field| format!("`{}`", field.ident.plain())).collect();
                Error::new_spanned(
                    at,
                    format!("`{name}` is no field of this struct, which has {}", known.join(", ")),
                )
            })?;
        let nulls = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("nulls"), Some(place), None) if Nulls::parse(place).is_some() => {
                Nulls::parse(place)
            }
            _ => {
                return Err(Error::new_spanned(
                    at,
                    format!(
                        "`{}` is no key; write `{first}` or `{first} nulls first`",
                        text.trim()
                    ),
                ));
            }
        };
        Ok(Self { field, descending, nulls })
    }
}
