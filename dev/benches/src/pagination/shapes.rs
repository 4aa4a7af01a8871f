//! The orders a list is paged in, each with the statements that a good engineer writes for it.

use sqlx::{Database, QueryBuilder, SqlStr};

use super::engine::Value;
use super::table::Rows;
use super::{COLUMNS, Entry, TENANT};

/// A sort and a place in it.
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// As the query string says it.
    pub(super) sort: &'static str,
    /// As SQL says it.
    pub(super) order: &'static str,
    /// How many rows are before the place.
    pub(super) depth: fn(Rows) -> u32,
    /// What the statements bind after the tenant, from `$2` on.
    values: fn(&Entry) -> Vec<Value>,
    /// The ranges that follow a row.
    ahead: &'static [Range],
    /// The ranges that hold the row itself and what is before it.
    behind: &'static [Range],
}

/// A condition and the order in which an index has the rows that fulfil it. To PostgreSQL a column
/// that `is null` is none that `order by` could do without.
type Range = (&'static str, &'static str);

pub(super) const ONE_DIRECTION: Shape = Shape {
    name: "one_direction",
    sort: "sort=-created_at",
    order: "created_at desc, id desc",
    depth: |rows| rows.depth,
    values: |row| vec![Value::Time(row.created_at), Value::Uuid(row.id)],
    ahead: &[("(created_at, id) < ($2, $3)", "created_at desc, id desc")],
    behind: &[("(created_at, id) >= ($2, $3)", "created_at, id")],
};

pub(super) const MIXED: Shape = Shape {
    name: "mixed_directions",
    sort: "sort=mixed",
    order: "total desc, created_at, id",
    depth: |rows| rows.depth,
    values: |row| vec![Value::Number(row.total), Value::Time(row.created_at), Value::Uuid(row.id)],
    ahead: &[
        ("total = $2 and (created_at, id) > ($3, $4)", "created_at, id"),
        ("total < $2", "total desc, created_at, id"),
    ],
    behind: &[
        ("total = $2 and (created_at, id) <= ($3, $4)", "created_at desc, id desc"),
        ("total > $2", "total"),
    ],
};

/// A fifth of the rows have the same first key: 220,000 where there are 1.1 million.
const TIED: Shape = Shape {
    name: "inside_a_tie",
    sort: "sort=tied",
    order: "batch desc, created_at, id",
    depth: |rows| rows.depth,
    values: |row| vec![Value::Number(row.batch), Value::Time(row.created_at), Value::Uuid(row.id)],
    ahead: &[
        ("batch = $2 and (created_at, id) > ($3, $4)", "created_at, id"),
        ("batch < $2", "batch desc, created_at, id"),
    ],
    behind: &[
        ("batch = $2 and (created_at, id) <= ($3, $4)", "created_at desc, id desc"),
        ("batch > $2", "batch"),
    ],
};

const NULLABLE: Shape = Shape {
    name: "nullable_key",
    sort: "sort=due_on",
    order: "due_on nulls last, id",
    depth: |rows| rows.depth,
    values: |row| vec![Value::Date(row.due_on), Value::Uuid(row.id)],
    ahead: &[
        ("due_on = $2 and id > $3", "id"),
        ("due_on > $2", "due_on, id"),
        ("due_on is null", "due_on, id"),
    ],
    behind: &[("due_on = $2 and id <= $3", "id desc"), ("due_on < $2", "due_on desc")],
};

/// Each page begins among the values and ends among the NULLs.
const BEFORE_THE_NULLS: Shape =
    Shape { name: "before_the_nulls", depth: |rows| rows.values() - 4, ..NULLABLE };

const INSIDE_THE_NULLS: Shape = Shape {
    name: "inside_the_nulls",
    depth: |rows| rows.values() + rows.nulls() / 2,
    values: |row| vec![Value::Uuid(row.id)],
    ahead: &[("due_on is null and id > $2", "due_on, id")],
    behind: &[
        ("due_on is null and id <= $2", "due_on desc, id desc"),
        ("due_on is not null", "due_on desc"),
    ],
    ..NULLABLE
};

pub(super) const ALL: [Shape; 6] =
    [ONE_DIRECTION, MIXED, TIED, NULLABLE, BEFORE_THE_NULLS, INSIDE_THE_NULLS];

impl Shape {
    /// The tenant and the position's keys.
    pub(super) fn values(&self, row: &Entry) -> Vec<Value> {
        [vec![Value::Uuid(TENANT)], (self.values)(row)].concat()
    }

    /// The rows after a position, one range or several.
    pub(super) fn page<DB: Database>(&self, limit: usize) -> SqlStr {
        sql::<DB>(self.after(limit))
    }

    /// The same, with what tells whether a row is before it.
    pub(super) fn page_and_has_prev<DB: Database>(&self, limit: usize) -> SqlStr {
        let probes: Vec<_> = self
            .behind
            .iter()
            .map(|(condition, order)| {
                format!("(select 1 from entries where tenant_id = $1 and {condition} order by {order} limit 1)")
            })
            .collect();
        let probe = match &probes[..] {
            [only] => only.clone(),
            several => format!("coalesce({})", several.join(", ")),
        };
        let page = self.after(limit);
        sql::<DB>(format!("select page.*, {probe} is not null as has_prev from ({page}) as page"))
    }

    fn after(&self, limit: usize) -> String {
        let branches: Vec<_> = self
            .ahead
            .iter()
            .map(|(condition, order)| {
                format!(
                    "select {COLUMNS} from entries where tenant_id = $1 and {condition}
                    order by {order} limit {limit}"
                )
            })
            .collect();
        match &branches[..] {
            [only] => only.clone(),
            // SQLite takes no `limit` inside a union but in a select of its own.
            several => {
                let union: Vec<_> = several
                    .iter()
                    .map(|branch| format!("select * from ({branch}) as branch"))
                    .collect();
                let (union, order) = (union.join(" union all "), self.order);
                format!("select * from ({union}) as branches order by {order} limit {limit}")
            }
        }
    }

    /// The page that begins after `offset` rows.
    pub(super) fn page_by_offset<DB: Database>(&self, limit: usize, offset: u32) -> SqlStr {
        let order = self.order;
        sql::<DB>(format!(
            "select {COLUMNS} from entries where tenant_id = $1
            order by {order} limit {limit} offset {offset}"
        ))
    }
}

fn sql<DB: Database>(text: String) -> SqlStr {
    QueryBuilder::<DB>::new(text).into_sql()
}
