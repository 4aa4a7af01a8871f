//! Tables, sorts and walks at random.

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use saas_core::Kind;
use saas_core::schema::Dialect;
use saas_pagination::{Key, List, Nulls};
use uuid::Uuid;

use crate::rows::{COLUMNS, Row};

/// One key of a random sort.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) column: usize,
    pub(crate) descending: bool,
    pub(crate) nulls: Nulls,
    pub(crate) nullable: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) rows: Vec<Row>,
    pub(crate) keys: Vec<Spec>,
    pub(crate) reversed: bool,
    pub(crate) limit: usize,
    /// To and fro: true is onward.
    pub(crate) steps: Vec<bool>,
    /// What others do to the table between one page and the next.
    pub(crate) changes: Vec<Vec<Change>>,
}

/// What somebody else does in mid-walk.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Insert(Row),
    /// One of the rows that the table began with.
    Delete(Index),
}

fn spec() -> impl Strategy<Value = Spec> {
    let nulls = select(vec![Nulls::First, Nulls::Last]);
    (0..COLUMNS.len(), any::<bool>(), nulls, any::<bool>()).prop_map(
        |(column, descending, nulls, nullable)| Spec { column, descending, nulls, nullable },
    )
}

/// Few values of each kind, so that there are ties, and those at which others stumble.
fn row() -> impl Strategy<Value = Row> {
    let float = vec![f64::NEG_INFINITY, -0.0, 0.0, 5e-324, 1.5, f64::INFINITY, f64::NAN];
    let text = vec![
        "",
        " ",
        "a",
        "A",
        "a ",
        "a\0",
        "a\0b",
        "a,b",
        "a|b",
        "ä",
        "a\u{308}",
        "ß",
        "b",
        "%",
        "'\"\\",
        "a\nb",
        "\u{1f600}",
        "\u{ffff}",
        "null",
        "0",
        "10",
        "9",
    ];
    let micros = vec![0, 1, 2, 1_000, 1_001, 999_999, 1_000_000, -1];
    let base = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    (
        any::<u128>().prop_map(Uuid::from_u128),
        prop::option::weighted(0.7, select(vec![i64::MIN, -1, 0, 1, i64::MAX])),
        prop::option::weighted(0.7, select(float)),
        prop::option::weighted(0.7, select(text).prop_map(str::to_owned)),
        prop::option::weighted(
            0.7,
            select(micros).prop_map(move |n| base + chrono::TimeDelta::microseconds(n)),
        ),
        prop::option::weighted(0.7, (0..4u128).prop_map(Uuid::from_u128)),
        prop::option::weighted(0.7, any::<bool>()),
        prop::option::weighted(
            0.7,
            (0..4u32).prop_map(|n| NaiveDate::from_yo_opt(2026, 31 + n).unwrap()),
        ),
        prop::option::weighted(0.7, select(vec![vec![], vec![0], vec![0, 0], vec![255], vec![1]])),
    )
        .prop_map(|(id, whole, float, text, moment, uuid, flag, day, bytes)| Row {
            id,
            whole,
            float,
            text,
            moment,
            uuid,
            flag,
            day,
            bytes,
        })
}

/// Small tables more often: they are walked in a moment, and have every edge that great ones have.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop_oneof![
        2 => prop::collection::vec(row(), 0..=12),
        1 => prop::collection::vec(row(), 0..=60),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![row().prop_map(Change::Insert), any::<Index>().prop_map(Change::Delete)]
}

/// Any table, any sort, any page size.
pub(crate) fn case() -> impl Strategy<Value = Case> {
    (
        rows(),
        prop::collection::vec(spec(), 1..=4),
        any::<bool>(),
        prop_oneof![1 => 1..=4usize, 2 => 5..=9usize, 4 => 10..=25usize],
        prop::collection::vec(any::<bool>(), 0..8),
        prop::collection::vec(prop::collection::vec(change(), 0..4), 0..12),
    )
        .prop_map(|(rows, mut keys, reversed, limit, steps, changes)| {
            let mut seen = [false; COLUMNS.len()];
            keys.retain(|key| !std::mem::replace(&mut seen[key.column], true));
            Case { rows, keys, reversed, limit, steps, changes }
        })
}

impl Case {
    /// The same case as far as the database can hold it: a key that is taken for NOT NULL has no
    /// NULL, nor what SQLite makes one of, and a text on PostgreSQL no NUL.
    pub(crate) fn fitted(mut self, dialect: Dialect) -> Self {
        let inserted = self.changes.iter_mut().flatten().filter_map(|change| match change {
            Change::Insert(row) => Some(row),
            Change::Delete(_) => None,
        });
        for row in self.rows.iter_mut().chain(inserted) {
            if dialect == Dialect::Postgres {
                row.text = row.text.take().map(|text| text.replace('\0', ""));
            }
            for spec in self.keys.iter().filter(|spec| !spec.nullable) {
                fill(row, COLUMNS[spec.column].1, dialect);
            }
        }
        self
    }
}

fn fill(row: &mut Row, kind: Kind, dialect: Dialect) {
    match kind {
        Kind::BigInt => drop(row.whole.get_or_insert(2)),
        Kind::Float => {
            let float = row.float.get_or_insert(2.5);
            if float.is_nan() && dialect == Dialect::Sqlite {
                *float = 2.5;
            }
        }
        Kind::Text => drop(row.text.get_or_insert_default()),
        Kind::Timestamp => drop(row.moment.get_or_insert_default()),
        Kind::Uuid => drop(row.uuid.get_or_insert_default()),
        Kind::Bool => drop(row.flag.get_or_insert_default()),
        Kind::Date => drop(row.day.get_or_insert_default()),
        _ => drop(row.bytes.get_or_insert_default()),
    }
}

macro_rules! key {
    ($spec:expr, $field:ident) => {
        if $spec.nullable {
            Key::new(stringify!($field), |row: &Row| row.$field.clone())
        } else {
            Key::new(stringify!($field), |row: &Row| row.$field.clone().unwrap())
        }
    };
}

pub(crate) fn list(keys: &[Spec]) -> List<Row> {
    let keys = keys.iter().map(|spec| {
        let key = match COLUMNS[spec.column].0 {
            "whole" => key!(spec, whole),
            "float" => key!(spec, float),
            "text" => key!(spec, text),
            "moment" => key!(spec, moment),
            "uuid" => key!(spec, uuid),
            "flag" => key!(spec, flag),
            "day" => key!(spec, day),
            _ => key!(spec, bytes),
        };
        let key = key.nulls(spec.nulls);
        if spec.descending { key.descending() } else { key }
    });
    let keys: Vec<_> = keys.collect();
    match keys.len() {
        1 => offering::<1>(keys),
        2 => offering::<2>(keys),
        3 => offering::<3>(keys),
        _ => offering::<4>(keys),
    }
}

/// A declaration says how many keys a sort has.
fn offering<const N: usize>(keys: Vec<Key<Row>>) -> List<Row> {
    let keys: [_; N] = keys.try_into().unwrap();
    List::new("walked", "id", |row: &Row| row.id).sort_by("keys", keys)
}
