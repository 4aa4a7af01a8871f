//! The query string of one request, read against its list.

use std::borrow::Cow;

use crate::error::{Error, Invalid};
use crate::filter::Predicate;
use crate::list::List;

pub(crate) const RESERVED: [&str; 4] = ["limit", "after", "before", "sort"];

/// What the parameters say; nothing is looked up yet but filters.
#[derive(Debug, Default)]
pub(crate) struct Query<'q> {
    pub(crate) limit: Option<Cow<'q, str>>,
    pub(crate) after: Option<Cow<'q, str>>,
    pub(crate) before: Option<Cow<'q, str>>,
    pub(crate) sort: Option<Cow<'q, str>>,
    pub(crate) predicates: Vec<Predicate>,
}

impl<'q> Query<'q> {
    /// Ends at the first parameter that is unknown or repeated, so that the work is bounded by what
    /// the list declares, whatever is sent.
    pub(crate) fn read<R>(text: &'q str, list: &List<R>) -> Result<Self, Error> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if list.ignores(&name) {
                continue;
            }
            query.take(&name, value, list).map_err(|reason| Error::parameter(&name, reason))?;
        }
        // One order of filters, whatever the client's.
        query.predicates.sort_by_key(|predicate| (predicate.field, predicate.operator));
        Ok(query)
    }

    fn take<R>(&mut self, name: &str, value: Cow<'q, str>, list: &List<R>) -> Result<(), Invalid> {
        let slot = match name {
            "limit" => &mut self.limit,
            "after" => &mut self.after,
            "before" => &mut self.before,
            "sort" => &mut self.sort,
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
            return Err(Invalid::Repeated);
        }
        // The decoder puts the replacement character where bytes are no UTF-8.
        if value.contains(['\0', char::REPLACEMENT_CHARACTER]) {
            return Err(Invalid::Text);
        }
        self.predicates.push(filter.predicate(operator, value)?);
        Ok(())
    }
}

/// `None` for the default; a number too great for any type is just a great one.
pub(crate) fn limit(text: &str) -> Result<Option<u32>, Invalid> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::Value { expected: "a whole number from 0".into() });
    }
    let limit = text.parse().unwrap_or(u32::MAX);
    Ok((limit > 0).then_some(limit))
}
