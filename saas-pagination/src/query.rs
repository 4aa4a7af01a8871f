//! The query string of one request, read against its list.

use std::borrow::Cow;

use crate::error::{Error, Invalid};
use crate::filter::Predicate;
use crate::list::List;

pub(crate) const RESERVED: [&str; 6] = ["limit", "after", "before", "sort", "first", "last"];

/// Which parameters say how many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `limit`.
    Page,
    /// `first` and `last`.
    Connection,
}

/// What the parameters say; nothing is looked up yet but filters.
#[derive(Debug, Default)]
pub(crate) struct Query<'q> {
    pub(crate) limit: Option<Cow<'q, str>>,
    pub(crate) first: Option<Cow<'q, str>>,
    pub(crate) last: Option<Cow<'q, str>>,
    pub(crate) after: Option<Cow<'q, str>>,
    pub(crate) before: Option<Cow<'q, str>>,
    pub(crate) sort: Option<Cow<'q, str>>,
    pub(crate) predicates: Vec<Predicate>,
}

impl<'q> Query<'q> {
    /// Ends at the first parameter that is unknown or repeated, so that the work is bounded by what
    /// the list declares, whatever is sent.
    pub(crate) fn read<R>(text: &'q str, list: &List<R>, style: Style) -> Result<Self, Error> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if list.ignores(&name) {
                continue;
            }
            let taken = query.take(&name, value, list, style);
            taken.map_err(|reason| Error::parameter(&name, reason))?;
        }
        // One order of filters, whatever the client's.
        query.predicates.sort_by_key(|predicate| (predicate.field, predicate.operator));
        Ok(query)
    }

    fn take<R>(
        &mut self,
        name: &str,
        value: Cow<'q, str>,
        list: &List<R>,
        style: Style,
    ) -> Result<(), Invalid> {
        let slot = match (name, style) {
            ("limit", Style::Page) => &mut self.limit,
            ("first", Style::Connection) => &mut self.first,
            ("last", Style::Connection) => &mut self.last,
            ("after", _) => &mut self.after,
            ("before", _) => &mut self.before,
            ("sort", _) => &mut self.sort,
            _ => return self.filter(name, &value, list),
        };
        if slot.replace(value).is_some() {
            return Err(Invalid::Repeated);
        }
        Ok(())
    }

    fn filter<R>(&mut self, name: &str, value: &str, list: &List<R>) -> Result<(), Invalid> {
        let (field, operator) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((field, operator)) => (field, operator),
            None => (name, "eq"),
        };
        let filter = list.find_filter(field).ok_or(Invalid::Unknown)?;
        let operator = filter.operator(operator)?;
        let is_same = |one: &Predicate| (one.field, one.operator) == (filter.name, operator);
        if self.predicates.iter().any(is_same) {
            return Err(filter.repeated(operator));
        }
        // The decoder puts the replacement character where bytes are no UTF-8.
        if value.contains(['\0', char::REPLACEMENT_CHARACTER]) {
            return Err(Invalid::Text);
        }
        self.predicates.push(filter.predicate(operator, value)?);
        Ok(())
    }
}

/// How many rows a parameter asks for, if it is there; a number too great for any type is just a
/// great one.
pub(crate) fn number(name: &str, text: Option<&str>) -> Result<Option<u32>, Error> {
    let Some(text) = text else { return Ok(None) };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let reason = Invalid::Value { expected: "a whole number from 0".into() };
        return Err(Error::parameter(name, reason));
    }
    Ok(Some(text.parse().unwrap_or(u32::MAX)))
}
