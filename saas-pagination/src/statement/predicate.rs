use saas_core::schema::{Dialect, quoted};
use saas_core::sql::Backend;
use sqlx::QueryBuilder;

use super::value::push_value;
use crate::Value;
use crate::filter::{Operator, Predicate, Target};

/// A filter as a condition.
pub(super) fn push_predicate<DB: Backend>(query: &mut QueryBuilder<DB>, predicate: &Predicate) {
    match predicate.target {
        Target::Column(column) => query.push("base.").push(quoted(column)),
        // Differs: SQLite would think a range of it a good one, though it is nearly all rows, and
        // sort what it found there. To a `+` it puts no index.
        Target::Bound(column) => {
            query.push(if DB::DIALECT == Dialect::Sqlite { "+base." } else { "base." });
            query.push(quoted(column))
        }
        Target::Expression(sql) => query.push("(").push(sql).push(")"),
    };
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
