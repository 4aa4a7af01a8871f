use saas_core::Problem;
use serde::Serialize;

use crate::Page;
use crate::error::Error;

/// The raw query string of a request: what a handler on axum or actix-web takes as an argument and
/// gives to [`List::request`](crate::List::request), which names whatever is wrong in it.
///
/// One of more than 16 KiB is answered with a 400: a list's own parameters are far shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery(String);

const MAX_BYTES: usize = 16 * 1024;

impl PageQuery {
    /// A request's query string, without the question mark.
    ///
    /// # Errors
    /// [`Error::QueryTooLong`] beyond 16 KiB.
    pub fn new(query: impl Into<String>) -> Result<Self, Error> {
        let query = query.into();
        if query.len() > MAX_BYTES {
            return Err(Error::QueryTooLong { max: MAX_BYTES });
        }
        Ok(Self(query))
    }

    /// The query string, as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The answer to this request: the page as JSON, with links that keep its parameters.
    pub fn respond<T>(&self, page: Page<T>) -> PageResponse<T> {
        PageResponse { links: page.links(&self.0), page }
    }
}

impl AsRef<str> for PageQuery {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A page as a response: JSON, with the `Link` header of [`Page::links`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageResponse<T> {
    page: Page<T>,
    links: Option<String>,
}

pub(crate) const JSON: &str = "application/json";

impl<T: Serialize> PageResponse<T> {
    /// The body, and the value of `Link`; a 500 if an item does not serialize.
    pub(crate) fn into_parts(self) -> Result<(Vec<u8>, Option<String>), Problem> {
        let body = serde_json::to_vec(&self.page).map_err(|error| {
            tracing::error!(%error, "a page does not serialize");
            Problem::new(500)
        })?;
        Ok((body, self.links))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_string_beyond_the_bound_is_refused() {
        assert!(PageQuery::new("a".repeat(MAX_BYTES)).is_ok());
        let error = PageQuery::new("a".repeat(MAX_BYTES + 1)).unwrap_err();
        assert_eq!(error.to_string(), "the query string has more than 16384 bytes");
        assert_eq!(error.status(), 400);
    }
}
