//! Which stretch of a list one statement reads; pure.

use crate::Value;

/// A walk from one place in the list, for so many rows.
///
/// A place is the keys of a row, whether or not it is still there.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// The walk begins beyond this row; without it, at the end of the list it walks away from.
    pub(crate) from: Option<Vec<Value>>,
    /// The walk ends before this row.
    pub(crate) until: Option<Vec<Value>>,
    pub(crate) backward: bool,
    pub(crate) limit: u32,
    /// Whether to find out if a row lies behind `from`, or at it.
    pub(crate) probes: bool,
}

impl Window {
    /// A page: `before` is walked backward.
    pub(crate) fn page(limit: u32, after: Option<Vec<Value>>, before: Option<Vec<Value>>) -> Self {
        let backward = before.is_some();
        let from = after.or(before);
        Self { probes: from.is_some(), from, until: None, backward, limit }
    }

    /// A connection: `last` alone is walked backward. With both, the walk goes forward for the
    /// greater of them, and what the smaller leaves out is cut from the rows.
    pub(crate) fn connection(
        first: Option<u32>,
        last: Option<u32>,
        after: Option<Vec<Value>>,
        before: Option<Vec<Value>>,
    ) -> Self {
        let backward = first.is_none() && last.is_some();
        let (from, until) = if backward { (before, after) } else { (after, before) };
        // With both, the edges themselves are counted for either side.
        let probes = from.is_some() && (first.is_none() || last.is_none());
        Self { from, until, backward, limit: first.max(last).unwrap_or_default(), probes }
    }

    /// Goes on beyond the row with these keys. What it leaves behind needs no looking for.
    pub(crate) fn advance(&mut self, values: Vec<Value>) {
        self.from = Some(values);
        self.probes = false;
    }

    /// Whether it is the whole list, if that is not longer than the limit.
    pub(crate) fn is_open(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: i64) -> Option<Vec<Value>> {
        Some(vec![Value::I64(number)])
    }

    #[test]
    fn only_last_alone_walks_backward() {
        let backward = |first, last| Window::connection(first, last, place(1), place(9)).backward;
        assert!(backward(None, Some(3)));
        assert!(!backward(Some(3), None) && !backward(Some(3), Some(3)));
        let window = Window::connection(None, Some(3), place(1), place(9));
        assert_eq!((window.from, window.until), (place(9), place(1)));
    }

    #[test]
    fn both_counts_read_for_the_greater_and_probe_for_neither() {
        let window = Window::connection(Some(2), Some(5), place(1), None);
        assert_eq!((window.limit, window.probes), (5, false));
        assert!(Window::connection(Some(2), None, place(1), None).probes);
        assert!(!Window::connection(Some(2), None, None, place(9)).probes);
    }

    #[test]
    fn a_walk_that_goes_on_probes_no_more() {
        let mut window = Window::page(3, None, place(9));
        assert!(window.probes && window.backward);
        window.advance(vec![Value::I64(6)]);
        assert!(!window.probes && window.backward && !window.is_open());
    }
}
