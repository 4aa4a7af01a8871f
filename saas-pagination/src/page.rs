use serde::{Deserialize, Serialize};

/// One page of a list.
///
/// As JSON: `{"items": […], "page": {"has_next", "has_prev", "start_cursor", "end_cursor"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows, always in the list's order, whichever way the client came.
    pub items: Vec<T>,
    /// Where the page stands in the list.
    #[serde(rename = "page")]
    pub page_info: PageInfo,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PageInfo {
    /// Whether rows follow, at the moment of the query.
    pub has_next: bool,
    /// Whether rows stand before the page, at the moment of the query.
    pub has_prev: bool,
    /// The first row's cursor: `before` it ends the previous page. `None` on an empty page.
    pub start_cursor: Option<String>,
    /// The last row's cursor: `after` it the next page begins. `None` on an empty page.
    pub end_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), page_info: self.page_info }
    }

    /// The same page of other items, or the first error.
    ///
    /// # Errors
    /// What `convert` returns.
    pub fn try_map<U, E>(self, convert: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(convert).collect::<Result<_, _>>()?;
        Ok(Page { items, page_info: self.page_info })
    }

    /// The value of a `Link` header ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)) with `next`,
    /// `prev` and `first` as far as there are any; `query` is the request's own query string, whose
    /// other parameters are kept.
    ///
    /// The references are relative and consist of a query only (`<?limit=10&after=…>`), which a
    /// client resolves against the URL it asked. So they hold behind a proxy that rewrites hosts or
    /// paths, where an absolute path would not. A list of one page has none.
    pub fn links(&self, query: &str) -> Option<String> {
        crate::links::links(query, &self.page_info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_the_contracts() {
        let page_info = PageInfo {
            has_next: true,
            has_prev: false,
            start_cursor: Some("a".into()),
            end_cursor: Some("b".into()),
        };
        let page = Page { items: vec![1, 2], page_info }.map(|n| n * 10);
        assert_eq!(
            serde_json::to_string(&page).unwrap(),
            r#"{"items":[10,20],"page":{"has_next":true,"has_prev":false,"start_cursor":"a","end_cursor":"b"}}"#,
        );
        assert_eq!(page.try_map(|n| u8::try_from(n * 100)).ok(), None);
    }
}
