//! What contradicts itself: the same that `List::check` would find at run time, found earlier.

use syn::{Error, LitInt, LitStr, Result, Type};

use super::Declaration;

/// What the query string gives another meaning.
const RESERVED: [&str; 6] = ["limit", "after", "before", "sort", "first", "last"];

/// A page beyond this is a download.
const MAX: u32 = 10_000;

pub(super) fn check(declaration: &Declaration) -> Result<()> {
    distinct(declaration.sorts.iter().map(|sort| &sort.name))?;
    let filters = || declaration.fields.iter().flat_map(|field| &field.filters);
    distinct(filters().map(|filter| &filter.name))?;
    if let Some(filter) = filters().find(|one| RESERVED.contains(&one.name.value().as_str())) {
        let name = filter.name.value();
        return Err(Error::new(
            filter.name.span(),
            format!("the parameter `{name}` has another meaning: write `filter(name = \"…\", …)`"),
        ));
    }
    for field in declaration.fields.iter().filter(|field| field.tiebreaker.is_some()) {
        if is_option(&field.ty) {
            return Err(Error::new_spanned(&field.ty, "a tiebreaker is never NULL"));
        }
    }
    declaration.default_sort.as_ref().map_or(Ok(()), |name| offered(declaration, name))?;
    declaration.limits.as_ref().map_or(Ok(()), limits)
}

fn distinct<'a>(names: impl Iterator<Item = &'a LitStr>) -> Result<()> {
    let mut seen = Vec::new();
    for name in names {
        let text = name.value();
        if seen.contains(&text) {
            return Err(Error::new(name.span(), format!("`{text}` is declared twice")));
        }
        seen.push(text);
    }
    Ok(())
}

fn offered(declaration: &Declaration, name: &LitStr) -> Result<()> {
    let text = name.value();
    let bare = text.strip_prefix('-').unwrap_or(&text);
    if declaration.sorts.iter().any(|sort| sort.name.value() == bare) {
        return Ok(());
    }
    let known: Vec<_> =
        declaration.sorts.iter().map(|sort| format!("`{}`", sort.name.value())).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Error::new_spanned(name, format!("no sort is called `{bare}`; offered: {known}")))
}

fn limits([default, max]: &[LitInt; 2]) -> Result<()> {
    let (least, most) = (default.base10_parse::<u32>()?, max.base10_parse::<u32>()?);
    let wrong = if least == 0 || least > most {
        default
    } else if most > MAX {
        max
    } else {
        return Ok(());
    };
    Err(Error::new_spanned(wrong, format!("limits go 1 <= default <= max <= {MAX}")))
}

/// As text, since a macro sees no types; an alias is caught by the list's own assertion.
fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Option")
}
