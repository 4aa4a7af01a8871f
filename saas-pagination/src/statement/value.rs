use saas_core::sql::{Backend, Binds};
use sqlx::QueryBuilder;

use crate::Value;

/// Binds a value.
pub(super) fn push_value<DB: Backend>(query: &mut QueryBuilder<DB>, value: &Value) {
    match value {
        // The planner asks for no value where there is none.
        Value::Null => drop(query.push("null")),
        Value::Bool(value) => <DB as Binds<bool>>::push_bind(query, value),
        Value::I64(value) => <DB as Binds<i64>>::push_bind(query, value),
        Value::F64(value) => <DB as Binds<f64>>::push_bind(query, value),
        // An enum, a `citext`, a `char(n)`: compared by the column's own rules, as it is sorted.
        Value::Text(value) => DB::push_untyped(query, value),
        Value::Bytes(value) => <DB as Binds<Vec<u8>>>::push_bind(query, value),
        Value::Uuid(value) => DB::push_bind(query, value),
        Value::Timestamp(value) => DB::push_bind(query, value),
        Value::Date(value) => DB::push_bind(query, value),
    }
}
