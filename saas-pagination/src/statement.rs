//! The statement of a page; every piece of SQL of this crate is here and in the files below.

mod bounded;
mod branch;
mod count;
mod pen;
mod predicate;
mod value;

use std::fmt;

use saas_core::sql::{Backend, Fragment};
use sqlx::QueryBuilder;

use crate::Value;
use crate::filter::Predicate;
use crate::seek::{Branch, Seek};

pub(crate) use bounded::Bounded;
use branch::Mark;
pub(crate) use count::{CountStatement, estimate};
use pen::Pen;

/// What is written: the base select, what is asked of it, and what names and values stand behind
/// the planner's numbers.
pub(crate) struct Statement<'s, DB: Backend> {
    pub(crate) base: &'s dyn Fragment<DB>,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) predicates: &'s [Predicate],
    pub(crate) values: &'s [Value],
    pub(crate) limit: u32,
    pub(crate) seek: Seek,
}

impl<DB: Backend> Statement<'_, DB> {
    // One branch and no probe, the first page of most lists, is that branch. With a cursor:
    //
    //     select * from (<page>) as page union all select * from (<probe>) as probe
    //
    // Which of the two comes first does not matter, and it is not sorted as a whole: the mark tells
    // the probe's row, and the page's rows leave a union in the order they came from the page.
    pub(crate) fn push_to(&self, query: &mut QueryBuilder<DB>) {
        let pen = &mut Pen::new(query, &self.columns);
        if self.seek.probe.is_empty() {
            return self.push_page(pen, Mark::None);
        }
        pen.push("select * from (");
        self.push_page(pen, Mark::Page);
        pen.push(") as page union all select * from (");
        self.push_probe(pen);
        pen.push(") as probe");
    }

    fn push_page(&self, pen: &mut Pen<'_, DB>, mark: Mark) {
        if let [only] = &self.seek.page[..] {
            return self.push_branch(pen, only, mark, self.limit);
        }
        self.push_in_turn(pen, mark);
        self.push_order(pen, &self.seek.order);
        pen.push(" limit ").push(self.limit);
    }

    // Of several branches each reads only what those before it left of the page, and nothing if they
    // left nothing. A union that is merely sorted reads every branch to its limit: PostgreSQL merges
    // only where a branch's order is spelled as the whole's, and SQLite never. The sort is of one
    // page, for nothing else promises that a union keeps the order of its parts:
    //
    //     with saas_page_1 as materialized (<branch limit 26>)
    //     select * from (select * from saas_page_1 union all
    //         select * from (select * from (<branch limit 26>) as branch
    //             limit (select 26 - (select count(*) from saas_page_1))) as rest) as base
    //     order by … limit 26
    fn push_in_turn(&self, pen: &mut Pen<'_, DB>, mark: Mark) {
        let last = self.seek.page.len() - 1;
        for (earlier, branch) in self.seek.page[..last].iter().enumerate() {
            pen.push(if earlier == 0 { "with " } else { ", " });
            pen.push(Name(earlier)).push(" as materialized (");
            self.push_rest(pen, branch, mark, earlier);
            pen.push(")");
        }
        pen.push(" select * from (");
        for earlier in 0..last {
            pen.push("select * from ").push(Name(earlier)).push(" union all ");
        }
        pen.push("select * from (");
        self.push_rest(pen, &self.seek.page[last], mark, last);
        pen.push(") as rest) as base");
    }

    /// A branch for what the `earlier` ones left.
    fn push_rest(&self, pen: &mut Pen<'_, DB>, branch: &Branch, mark: Mark, earlier: usize) {
        if earlier == 0 {
            return self.push_branch(pen, branch, mark, self.limit);
        }
        pen.push("select * from (");
        self.push_branch(pen, branch, mark, self.limit);
        pen.push(") as branch limit (select ").push(self.limit);
        for earlier in 0..earlier {
            pen.push(" - (select count(*) from ").push(Name(earlier)).push(")");
        }
        pen.push(")");
    }

    /// Ordered though any row will do: without it PostgreSQL may choose a sequential scan.
    fn push_probe(&self, pen: &mut Pen<'_, DB>) {
        if let [only] = &self.seek.probe[..] {
            return self.push_branch(pen, only, Mark::Probe, 1);
        }
        for (index, branch) in self.seek.probe.iter().enumerate() {
            pen.push(if index == 0 { "select * from (" } else { " union all select * from (" });
            self.push_branch(pen, branch, Mark::Probe, 1);
            pen.push(") as branch");
        }
        pen.push(" limit 1");
    }
}

/// The common table expression of the branch with this index.
struct Name(usize);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "saas_page_{}", self.0 + 1)
    }
}
