use serde::{Deserialize, Serialize};

use crate::Total;

/// One page of a list.
///
/// As JSON: `{"items": […], "page": {"has_next", "has_prev", "start_cursor", "end_cursor"}}`, with
/// `"total"` beside them where one was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows, always in the list's order, whichever way the client came.
    pub items: Vec<T>,
    /// Where the page stands in the list.
    #[serde(rename = "page")]
    pub page_info: PageInfo,
    /// How many rows the whole list has; only if `Request::total` asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub total: Option<Total>,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PageInfo {
    /// Whether rows follow, at the moment of the query.
    pub has_next: bool,
    /// Whether rows stand before the page, at the moment of the query.
    pub has_prev: bool,
    /// The first row's cursor: `before` it ends the previous page. Null on an empty page, and where
    /// the row's sort keys do not fit into a cursor.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub start_cursor: Option<String>,
    /// The last row's cursor: `after` it the next page begins. Null on an empty page, and where the
    /// row's sort keys do not fit into a cursor.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub end_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        let items = self.items.into_iter().map(convert).collect();
        Page { items, page_info: self.page_info, total: self.total }
    }

    /// The same page of other items, or the first error.
    ///
    /// # Errors
    /// What `convert` returns.
    pub fn try_map<U, E>(self, convert: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(convert).collect::<Result<_, _>>()?;
        Ok(Page { items, page_info: self.page_info, total: self.total })
    }

    /// The value of a `Link` header ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)) with `next`,
    /// `prev` and `first` as far as there are any; `query` is the request's own query string, whose
    /// other parameters are kept.
    ///
    /// The references are relative and consist of a query only (`<?limit=10&after=…>`), which a
    /// client resolves against the URL it asked. So they hold behind a proxy that rewrites hosts or
    /// paths, where an absolute path would not. A list of one page has none, and neither has a page
    /// whose links would take more than 8 KiB, which proxies refuse: its cursors are in `page_info`.
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
        let mut page = Page { items: vec![1, 2], page_info, total: None }.map(|n| n * 10);
        assert_eq!(
            serde_json::to_string(&page).unwrap(),
            r#"{"items":[10,20],"page":{"has_next":true,"has_prev":false,"start_cursor":"a","end_cursor":"b"}}"#,
        );
        page.total = Some(Total::AtLeast(100));
        let json = serde_json::to_string(&page).unwrap();
        assert!(json.ends_with(r#","end_cursor":"b"},"total":{"at_least":100}}"#), "{json}");
        assert_eq!(serde_json::from_str::<Page<i32>>(&json).unwrap(), page);
        assert_eq!(page.clone().map(|n| n).total, page.total);
        assert_eq!(page.try_map(|n| u8::try_from(n * 100)).ok(), None);
    }
}
