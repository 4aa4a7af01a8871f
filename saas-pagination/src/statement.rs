//! The statement of a page; every piece of SQL of this crate is here.

use saas_core::schema::quoted;
use saas_core::sql::{Backend, Binds, Fragment};
use sqlx::QueryBuilder;

use crate::filter::{Operator, Predicate, Target};
use crate::seek::{Branch, Order, Seek, Term};
use crate::{Nulls, Value};

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

/// The last column of a statement that probes: NULL in the page's rows.
///
/// The probe's row is a row of the list like the others, so that one statement answers both
/// questions and an empty page still knows what lies behind it. It never stands among the page's
/// rows but before them all, for so it does in the list.
const MARK: &str = "saas_probe";

#[derive(Clone, Copy)]
enum Mark {
    None,
    Page,
    Probe,
}

impl<DB: Backend> Statement<'_, DB> {
    // One branch and no probe, the first page of most lists:
    //
    //     select base.* from (<base>) as base where <filters> order by … limit 26
    //
    // With a cursor, `union all` a probe for a row behind it. With several branches, each is a
    // common table expression that reads only what those before it left of the page:
    //
    //     with saas_page_1 as materialized (<branch> limit 26),
    //     saas_page_2 as materialized (select * from (<branch> limit 26) as branch
    //         limit (select 26 - (select count(*) from saas_page_1)))
    //     select * from (select * from saas_page_1 union all select * from saas_page_2
    //         union all select * from (<probe> limit 1) as probe) as base order by … limit 27
    //
    // Limits are literals: under a generic plan a bound one is costed as a tenth of the table.
    pub(crate) fn push_to(&self, query: &mut QueryBuilder<DB>) {
        let Seek { page, probe, order } = &self.seek;
        let mark = if probe.is_empty() { Mark::None } else { Mark::Page };
        if let ([only], true) = (&page[..], probe.is_empty()) {
            return self.push_branch(query, only, mark, self.limit);
        }
        if page.len() > 1 {
            self.push_pages(query, mark);
        }
        query.push("select * from (");
        match &page[..] {
            // SQLite takes no `limit` inside a union but in a select of its own.
            [only] => {
                query.push("select * from (");
                self.push_branch(query, only, mark, self.limit);
                query.push(") as page");
            }
            several => (1..=several.len()).for_each(|number| {
                query.push(if number == 1 {
                    "select * from "
                } else {
                    " union all select * from "
                });
                push_name(query, number);
            }),
        }
        if !probe.is_empty() {
            query.push(" union all select * from (");
            self.push_probe(query, probe);
            query.push(") as probe");
        }
        query.push(") as base");
        self.push_order(query, order);
        query.push(" limit ").push(self.limit + u32::from(!probe.is_empty()));
    }

    fn push_pages(&self, query: &mut QueryBuilder<DB>, mark: Mark) {
        for (earlier, branch) in self.seek.page.iter().enumerate() {
            query.push(if earlier == 0 { "with " } else { ", " });
            push_name(query, earlier + 1);
            query.push(" as materialized (");
            if earlier == 0 {
                self.push_branch(query, branch, mark, self.limit);
            } else {
                query.push("select * from (");
                self.push_branch(query, branch, mark, self.limit);
                query.push(") as branch limit (select ").push(self.limit);
                for number in 1..=earlier {
                    query.push(" - (select count(*) from ");
                    push_name(query, number);
                    query.push(")");
                }
                query.push(")");
            }
            query.push(")");
        }
        query.push(" ");
    }

    /// Ordered though any row will do: without it PostgreSQL may choose a sequential scan.
    fn push_probe(&self, query: &mut QueryBuilder<DB>, probe: &[Branch]) {
        if let [only] = probe {
            return self.push_branch(query, only, Mark::Probe, 1);
        }
        query.push("select * from (");
        for (index, branch) in probe.iter().enumerate() {
            query.push(if index == 0 { "select * from (" } else { " union all select * from (" });
            self.push_branch(query, branch, Mark::Probe, 1);
            query.push(") as branch");
        }
        query.push(") as branches limit 1");
    }

    fn push_branch(&self, query: &mut QueryBuilder<DB>, branch: &Branch, mark: Mark, limit: u32) {
        query.push(match mark {
            Mark::None => "select base.*",
            Mark::Page => "select base.*, cast(null as integer) as ",
            Mark::Probe => "select base.*, 1 as ",
        });
        if !matches!(mark, Mark::None) {
            query.push(MARK);
        }
        query.push(" from (");
        self.base.push_to(query);
        query.push(") as base");
        let mut word = " where ";
        for predicate in self.predicates {
            query.push(std::mem::replace(&mut word, " and "));
            push_predicate(query, predicate);
        }
        for term in &branch.terms {
            query.push(std::mem::replace(&mut word, " and "));
            self.push_term(query, term);
        }
        self.push_order(query, &branch.order);
        query.push(" limit ").push(limit);
    }

    fn push_term(&self, query: &mut QueryBuilder<DB>, term: &Term) {
        match term {
            Term::Null(key) => drop(self.push_key(query, *key).push(" is null")),
            Term::NotNull(key) => drop(self.push_key(query, *key).push(" is not null")),
            Term::Never => drop(query.push("1 = 0")),
            Term::Equal(key) => {
                self.push_key(query, *key).push(" = ");
                self.push_value(query, *key);
            }
            Term::Beyond { keys, descending, inclusive } => {
                query.push("(");
                for key in keys.clone() {
                    query.push(if key == keys.start { "" } else { ", " });
                    self.push_key(query, key);
                }
                query.push(match (descending, inclusive) {
                    (false, false) => ") > (",
                    (false, true) => ") >= (",
                    (true, false) => ") < (",
                    (true, true) => ") <= (",
                });
                for key in keys.clone() {
                    query.push(if key == keys.start { "" } else { ", " });
                    self.push_value(query, key);
                }
                query.push(")");
            }
        }
    }

    fn push_order(&self, query: &mut QueryBuilder<DB>, order: &[Order]) {
        for (index, Order { key, descending, nulls }) in order.iter().enumerate() {
            query.push(if index == 0 { " order by " } else { ", " });
            self.push_key(query, *key);
            if *descending {
                query.push(" desc");
            }
            match nulls {
                Some(Nulls::First) => drop(query.push(" nulls first")),
                Some(Nulls::Last) => drop(query.push(" nulls last")),
                None => {}
            }
        }
    }

    fn push_key<'q>(
        &self,
        query: &'q mut QueryBuilder<DB>,
        key: usize,
    ) -> &'q mut QueryBuilder<DB> {
        push_column(query, self.columns.get(key).copied().unwrap_or_default())
    }

    fn push_value(&self, query: &mut QueryBuilder<DB>, key: usize) {
        push_value(query, self.values.get(key).unwrap_or(&Value::Null));
    }
}

fn push_name<DB: Backend>(query: &mut QueryBuilder<DB>, number: usize) {
    query.push("saas_page_").push(number);
}

fn push_column<'q, DB: Backend>(
    query: &'q mut QueryBuilder<DB>,
    column: &'static str,
) -> &'q mut QueryBuilder<DB> {
    query.push("base.").push(quoted(column))
}

fn push_predicate<DB: Backend>(query: &mut QueryBuilder<DB>, predicate: &Predicate) {
    match predicate.target {
        Target::Column(column) => drop(push_column(query, column)),
        Target::Expression(sql) => drop(query.push("(").push(sql).push(")")),
    }
    query.push(match predicate.operator {
        Operator::Eq => " = ",
        Operator::Ne => " <> ",
        Operator::Lt => " < ",
        Operator::Lte => " <= ",
        Operator::Gt => " > ",
        Operator::Gte => " >= ",
        Operator::In => " in (",
        Operator::Is if predicate.values.iter().all(Value::is_null) => " is null",
        Operator::Is => " is not null",
    });
    if predicate.operator == Operator::Is {
        return;
    }
    for (index, value) in predicate.values.iter().enumerate() {
        query.push(if index == 0 { "" } else { ", " });
        push_value(query, value);
    }
    if predicate.operator == Operator::In {
        query.push(")");
    }
}

fn push_value<DB: Backend>(query: &mut QueryBuilder<DB>, value: &Value) {
    match value {
        // The planner asks for no value where there is none.
        Value::Null => drop(query.push("null")),
        Value::Bool(value) => <DB as Binds<bool>>::push_bind(query, value),
        Value::I64(value) => <DB as Binds<i64>>::push_bind(query, value),
        Value::F64(value) => <DB as Binds<f64>>::push_bind(query, value),
        Value::Text(value) => <DB as Binds<String>>::push_bind(query, value),
        Value::Bytes(value) => <DB as Binds<Vec<u8>>>::push_bind(query, value),
        Value::Uuid(value) => DB::push_bind(query, value),
        Value::Timestamp(value) => DB::push_bind(query, value),
        Value::Date(value) => DB::push_bind(query, value),
    }
}
