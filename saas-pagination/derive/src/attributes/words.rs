//! The words between the brackets.

use proc_macro2::TokenTree;
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::{Error, Ident, LitStr, Result, Token};

pub(super) fn word(meta: &ParseNestedMeta<'_>) -> Result<Ident> {
    meta.path.get_ident().cloned().ok_or_else(|| meta.error("a single word is expected here"))
}

/// Skips what another macro's word says.
pub(super) fn rest(meta: &ParseNestedMeta<'_>) -> Result<()> {
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        meta.input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Reads what stands between the brackets behind a word; whether anything does.
pub(super) fn nested(
    meta: &ParseNestedMeta<'_>,
    logic: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<bool> {
    let ahead = meta.input.fork();
    if !ahead.peek(syn::token::Paren) {
        return Ok(false);
    }
    let inner;
    syn::parenthesized!(inner in ahead);
    if inner.is_empty() {
        rest(meta)?;
        return Ok(false);
    }
    meta.parse_nested_meta(logic)?;
    Ok(true)
}

pub(super) trait WordOf {
    /// The error for a word that is none of `known`.
    fn unknown(&self, known: &str) -> Error;
    /// The word without `r#`.
    fn plain(&self) -> String;
}

impl WordOf for Ident {
    fn unknown(&self, known: &str) -> Error {
        Error::new(self.span(), format!("unknown word `{self}`; write one of {known}"))
    }
    fn plain(&self) -> String {
        self.unraw().to_string()
    }
}

/// A name that a query string can tell apart from the rest of its grammar.
pub(super) fn parameter(name: &LitStr) -> Result<()> {
    let text = name.value();
    if text.is_empty() || text.starts_with('-') || text.contains(['[', ']', ',']) {
        return Err(Error::new_spanned(
            name,
            format!("`{text}` cannot be told apart in a query string"),
        ));
    }
    Ok(())
}
