use form_urlencoded::Serializer;

use crate::PageInfo;

/// A header beyond this is refused by proxies, and the answer with it.
const MAX_BYTES: usize = 8 * 1024;

/// What the references may hold is settled by the encoding: a query string written anew has no
/// character that could end the reference or the header.
pub(crate) fn links(query: &str, page: &PageInfo) -> Option<String> {
    if !page.has_next && !page.has_prev {
        return None;
    }
    let next = page.end_cursor.as_deref().filter(|_| page.has_next);
    let prev = page.start_cursor.as_deref().filter(|_| page.has_prev);
    let first = page.has_prev.then(|| link(query, None, "first"));
    let links = [
        next.map(|cursor| link(query, Some(("after", cursor)), "next")),
        prev.map(|cursor| link(query, Some(("before", cursor)), "prev")),
        first,
    ];
    let links = links.into_iter().flatten().collect::<Vec<_>>().join(", ");
    (links.len() <= MAX_BYTES).then_some(links)
}

fn link(query: &str, cursor: Option<(&str, &str)>, relation: &str) -> String {
    let mut reference = Serializer::new(String::new());
    let kept = form_urlencoded::parse(query.as_bytes());
    reference.extend_pairs(kept.filter(|(name, _)| name != "after" && name != "before"));
    reference.extend_pairs(cursor);
    format!("<?{}>; rel=\"{relation}\"", reference.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(has_prev: bool, has_next: bool) -> PageInfo {
        let cursor = |name: &str| Some(name.to_owned());
        PageInfo { has_next, has_prev, start_cursor: cursor("s"), end_cursor: cursor("e") }
    }

    #[test]
    fn links_keep_the_other_parameters_and_replace_the_cursor() {
        assert_eq!(
            links("limit=2&after=old&status=open", &page(true, true)).unwrap(),
            r#"<?limit=2&status=open&after=e>; rel="next", <?limit=2&status=open&before=s>; rel="prev", <?limit=2&status=open>; rel="first""#,
        );
    }

    #[test]
    fn the_only_page_has_no_links_and_the_first_one_only_next() {
        assert_eq!(links("", &page(false, false)), None);
        assert_eq!(links("", &page(false, true)).unwrap(), r#"<?after=e>; rel="next""#);
    }

    #[test]
    fn links_that_no_proxy_would_take_are_left_out() {
        let query = |length| format!("q={}", "a".repeat(length));
        assert!(links(&query(2_000), &page(true, true)).is_some());
        assert_eq!(links(&query(3_000), &page(true, true)), None);
        assert!(links(&query(3_000), &page(false, true)).is_some());
    }

    #[test]
    fn nothing_a_client_writes_breaks_out_of_the_reference() {
        let links = links("q=%3E%0D%0A%22,<x>&due_on[is]=null", &page(false, true)).unwrap();
        assert_eq!(links, r#"<?q=%3E%0D%0A%22%2C%3Cx%3E&due_on%5Bis%5D=null&after=e>; rel="next""#);
    }
}
