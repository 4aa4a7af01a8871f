//! The statement of a page that also ends at a second position.

use saas_core::sql::Backend;
use sqlx::QueryBuilder;

use super::Statement;
use super::pen::Pen;

/// A page, each row of which tells whether it lies at or beyond the position of `end`.
///
/// Such rows are marked, not filtered out: as one more condition the second position would cost the
/// page its index ranges, and of the rows there are no more than the page has.
pub(crate) struct Bounded<'s, DB: Backend> {
    pub(crate) page: Statement<'s, DB>,
    /// The walk back from the second position; what it probes for is what lies at or beyond.
    pub(crate) end: Statement<'s, DB>,
}

impl<DB: Backend> Bounded<'_, DB> {
    //     select base.*, case when (<terms>) or (<terms>) then 1 end as saas_beyond
    //         from (<page>) as base
    pub(crate) fn push_to(&self, query: &mut QueryBuilder<DB>) {
        let pen = &mut Pen::new(query, &self.end.columns);
        pen.push("select base.*, case when ");
        for (index, branch) in self.end.seek.probe.iter().enumerate() {
            pen.push(if index == 0 { "(" } else { " or (" });
            for (index, term) in branch.terms.iter().enumerate() {
                pen.push(if index == 0 { "" } else { " and " });
                self.end.push_term(pen, term);
            }
            pen.push(")");
        }
        pen.push(" then 1 end as saas_beyond from (");
        self.page.push_to(query);
        query.push(") as base");
    }
}
