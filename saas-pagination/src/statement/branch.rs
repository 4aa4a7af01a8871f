//! One index range as a select.

use saas_core::sql::Backend;

use super::Statement;
use super::pen::Pen;
use super::predicate::push_predicate;
use super::value::push_value;
use crate::seek::{Branch, Order, Term};
use crate::{Nulls, Value};

/// The last column of a statement that probes: NULL in the page's rows.
///
/// The probe's row is a row of the list like the others, so that one statement answers both
/// questions and an empty page still knows what lies behind it.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    None,
    Page,
    Probe,
}

impl Mark {
    fn columns(self) -> &'static str {
        match self {
            Self::None => "select base.*",
            Self::Page => "select base.*, cast(null as integer) as saas_probe",
            Self::Probe => "select base.*, 1 as saas_probe",
        }
    }
}

impl<DB: Backend> Statement<'_, DB> {
    //     select base.*, … from (<base>) as base where <filters> and <terms> order by … limit 26
    //
    // The base may end in a comment, hence the new line.
    // Limits are literals: under a generic plan a bound one is costed as a tenth of the table.
    pub(super) fn push_branch(
        &self,
        pen: &mut Pen<'_, DB>,
        branch: &Branch,
        mark: Mark,
        limit: u32,
    ) {
        pen.push(mark.columns());
        pen.push_source(|query| {
            query.push(" from (");
            self.base.push_to(query);
            query.push("\n) as base");
            for (index, predicate) in self.predicates.iter().enumerate() {
                query.push(if index == 0 { " where " } else { " and " });
                push_predicate(query, predicate);
            }
        });
        for (index, term) in branch.terms.iter().enumerate() {
            let is_first = index == 0 && self.predicates.is_empty();
            pen.push(if is_first { " where " } else { " and " });
            self.push_term(pen, term);
        }
        self.push_order(pen, &branch.order);
        pen.push(" limit ").push(limit);
    }

    pub(super) fn push_term(&self, pen: &mut Pen<'_, DB>, term: &Term) {
        match term {
            Term::Null(key) => drop(pen.push_key(*key).push(" is null")),
            Term::NotNull(key) => drop(pen.push_key(*key).push(" is not null")),
            Term::Never => drop(pen.push("1 = 0")),
            Term::Equal(key) => {
                pen.push_key(*key).push(" = ");
                self.push_value(pen, *key);
            }
            Term::Beyond { keys, descending, inclusive } => {
                pen.push("(");
                for key in keys.clone() {
                    pen.push(if key == keys.start { "" } else { ", " });
                    pen.push_key(key);
                }
                pen.push(match (descending, inclusive) {
                    (false, false) => ") > (",
                    (false, true) => ") >= (",
                    (true, false) => ") < (",
                    (true, true) => ") <= (",
                });
                for key in keys.clone() {
                    pen.push(if key == keys.start { "" } else { ", " });
                    self.push_value(pen, key);
                }
                pen.push(")");
            }
        }
    }

    pub(super) fn push_order(&self, pen: &mut Pen<'_, DB>, order: &[Order]) {
        for (index, Order { key, descending, nulls }) in order.iter().enumerate() {
            pen.push(if index == 0 { " order by " } else { ", " });
            pen.push_key(*key);
            if *descending {
                pen.push(" desc");
            }
            match nulls {
                Some(Nulls::First) => drop(pen.push(" nulls first")),
                Some(Nulls::Last) => drop(pen.push(" nulls last")),
                None => {}
            }
        }
    }

    fn push_value(&self, pen: &mut Pen<'_, DB>, key: usize) {
        let value = self.values.get(key).unwrap_or(&Value::Null);
        pen.push_value(key, |query| push_value(query, value));
    }
}
