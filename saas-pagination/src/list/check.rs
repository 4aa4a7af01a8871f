//! Whether a declaration holds together.

use super::List;
use crate::error::Error;
use crate::query::RESERVED;

impl<R> List<R> {
    /// Whether the declaration holds together: for a test, since a request can only fail on it.
    ///
    /// # Errors
    /// [`Error::Declaration`] for a name given twice or not usable in a query string, a default sort
    /// that is not offered, or limits of zero or in the wrong order.
    pub fn check(&self) -> Result<(), Error> {
        match self.mistake() {
            Some(mistake) => Err(Error::Declaration { list: self.resource, mistake }),
            None => Ok(()),
        }
    }

    fn mistake(&self) -> Option<String> {
        if self.default_limit == 0 || self.default_limit > self.max_limit || self.max_limit > MAX {
            return Some(format!("limits go 1 <= default <= max <= {MAX}"));
        }
        if let Some(name) = self.default_sort.filter(|name| self.keys(name).is_none()) {
            return Some(format!("the default sort `{name}` is not offered"));
        }
        let parameters =
            || self.filters.iter().map(|filter| filter.name).chain(self.others.iter().copied());
        if let Some(name) = parameters().find(|name| RESERVED.contains(name)) {
            return Some(format!("the parameter `{name}` has another meaning"));
        }
        repeated(parameters()).or_else(|| repeated(self.sorts.iter().map(|(name, _)| *name)))
    }
}

/// A page beyond this is a download.
const MAX: u32 = 10_000;

fn repeated(names: impl Iterator<Item = &'static str>) -> Option<String> {
    let mut seen = Vec::new();
    for name in names {
        if name.is_empty() || name.starts_with('-') || name.contains(['[', ']']) {
            return Some(format!("`{name}` cannot be told apart in a query string"));
        }
        if seen.contains(&name) {
            return Some(format!("`{name}` is declared twice"));
        }
        seen.push(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operator;
    use crate::list::tests::{Post, posts};

    #[test]
    fn a_declaration_that_contradicts_itself_says_how() {
        let mistakes = [
            posts().default_sort("-name"),
            posts().sort("title", "title", |p: &Post| p.title.clone()),
            posts().filter::<i64>("limit", "id", [Operator::Eq]),
            posts().filter::<i64>("a[b]", "id", [Operator::Eq]),
            posts().limits(0, 10),
            posts().limits(20, 10),
        ];
        for list in mistakes {
            assert!(matches!(list.check(), Err(Error::Declaration { .. })), "{list:?}");
        }
        posts().default_sort("-title").check().unwrap();
    }
}
