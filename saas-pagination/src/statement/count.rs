//! The statement that counts a list.

use saas_core::sql::{Backend, Fragment};
use sqlx::QueryBuilder;

use super::predicate::push_predicate;
use crate::Count;
use crate::filter::Predicate;

/// Counts what the list has under its filters, wherever the page stands.
pub(crate) struct CountStatement<'s, DB: Backend> {
    pub(crate) base: &'s dyn Fragment<DB>,
    pub(crate) predicates: &'s [Predicate],
    pub(crate) count: Count,
}

impl<DB: Backend> CountStatement<'_, DB> {
    // The estimate is the planner's for the select that would be counted, with the same values:
    //
    //     select count(*) from (select 1 from (<base>) as base where <filters> limit 101) as counted
    //     explain (format yaml) select 1 from (<base>) as base where <filters>
    //
    // YAML comes as text, which every row reads; JSON would be a type of its own.
    pub(crate) fn push_to(&self, query: &mut QueryBuilder<DB>) {
        if self.count == Count::Estimated {
            query.push("explain (format yaml) ");
            return self.push_rows(query);
        }
        query.push("select count(*) from (");
        self.push_rows(query);
        if let Some(limit) = self.count.limit() {
            query.push(" limit ").push(limit);
        }
        query.push(") as counted");
    }

    fn push_rows(&self, query: &mut QueryBuilder<DB>) {
        query.push("select 1 from (");
        self.base.push_to(query);
        query.push("\n) as base");
        for (index, predicate) in self.predicates.iter().enumerate() {
            query.push(if index == 0 { " where " } else { " and " });
            push_predicate(query, predicate);
        }
    }
}

/// The estimate in an `explain`: a plan's own figures stand before those of its parts.
pub(crate) fn estimate(explained: &str) -> Option<u64> {
    explained.lines().find_map(|line| line.trim_start().strip_prefix("Plan Rows: "))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::estimate;

    #[test]
    fn the_estimate_is_that_of_the_whole_plan() {
        let plan = "- Plan: \n    Node Type: \"Gather\"\n    Alias: \"Plan Rows: 7\"\n    \
                    Plan Rows: 42\n    Plans: \n      - Node Type: \"Seq Scan\"\n        Plan Rows: 9";
        assert_eq!(estimate(plan), Some(42));
        assert_eq!(estimate("- Utility"), None);
    }
}
