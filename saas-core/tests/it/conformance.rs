//! What holds on both databases: values come back as they went, conditions mean the same.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use saas_core::schema;
use saas_core::sql::{Backend, Binds, Condition, Fragment, Reads, Statements, Stores};
use saas_core::{Entity, Id, SoftDelete, TenantId, Timestamps, Version};
use saas_testkit as testkit;
use sqlx::{FromRow, QueryBuilder};

#[derive(Debug, Clone, PartialEq, Entity, FromRow)]
#[entity(table = "samples", tenant, unique(tenant_id, id))]
struct Sample {
    id: Id<Sample>,
    tenant_id: TenantId,
    note: Option<String>,
    size: i64,
    ratio: Option<f64>,
    live: bool,
    #[entity(column = "on_day")]
    #[sqlx(rename = "on_day")]
    day: NaiveDate,
    raw: Vec<u8>,
    json: serde_json::Value,
    #[entity(version)]
    version: Version,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    timestamps: Timestamps,
    #[entity(soft_delete)]
    #[sqlx(flatten)]
    deletion: SoftDelete,
}

trait Db: Backend + Stores<Sample> + Binds<Id<Sample>> {}
impl<DB: Backend + Stores<Sample> + Binds<Id<Sample>>> Db for DB {}

async fn insert<DB: Db>(conn: &mut DB::Connection, sample: &Sample) {
    let mut query = QueryBuilder::new("insert into samples (");
    let names: Vec<_> =
        Sample::COLUMNS.iter().map(|column| schema::quoted(column.name).to_string()).collect();
    query.push(names.join(", ")).push(") values (");
    for index in 0..names.len() {
        query.push(if index == 0 { "" } else { ", " });
        DB::push_value(sample, index, &mut query);
    }
    query.push(")");
    assert_eq!(DB::execute(conn, query, Statements::Named).await.unwrap(), 1);
}

async fn found<DB: Db>(conn: &mut DB::Connection, condition: &dyn Fragment<DB>) -> Vec<Sample> {
    let mut query = QueryBuilder::new("select * from samples where ");
    condition.push_to(&mut query);
    query.push(" order by id");
    let rows = DB::fetch_all(conn, query, condition.statements()).await.unwrap();
    rows.iter().map(|row| <DB as Reads<Sample>>::read(row).unwrap()).collect()
}

fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    // Whole microseconds over four centuries.
    (-6_000_000_000_000_000i64..7_000_000_000_000_000)
        .prop_map(|micros| DateTime::UNIX_EPOCH + TimeDelta::microseconds(micros))
}

fn samples() -> impl Strategy<Value = Sample> {
    let text = proptest::option::of("[^\0]{0,12}");
    let ratio = proptest::option::of(-1e300..1e300f64);
    let day = (0..60_000i64).prop_map(|days| NaiveDate::default() + TimeDelta::days(days));
    let raw = proptest::collection::vec(any::<u8>(), 0..20);
    (text, any::<i64>(), ratio, any::<bool>(), day, raw, moments(), moments()).prop_map(
        |(note, size, ratio, live, day, raw, created_at, updated_at)| Sample {
            id: Id::new(),
            tenant_id: TenantId::new(),
            json: serde_json::json!({"note": note, "size": [size]}),
            note,
            size,
            ratio,
            live,
            day,
            raw,
            version: Version::new(size),
            timestamps: Timestamps { created_at, updated_at },
            deletion: SoftDelete::LIVE,
        },
    )
}

/// Fifty random values of a strategy.
fn some<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::new(Config::default());
    (0..50).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

async fn values_come_back_as_they_went<DB: Db>(conn: &mut DB::Connection) {
    for sample in some(samples()) {
        insert::<DB>(conn, &sample).await;
        let read = found::<DB>(conn, &Sample::ID.eq(sample.id)).await;
        assert_eq!(read, std::slice::from_ref(&sample));
    }
}

async fn conditions_mean_what_they_say<DB: Db>(conn: &mut DB::Connection) {
    let tenant = TenantId::new();
    let mut all = some(samples());
    for sample in &mut all {
        sample.tenant_id = tenant;
        insert::<DB>(conn, sample).await;
    }
    all.sort_by_key(|sample| sample.id);
    let pivot = all[20].clone();
    let mine = || Sample::TENANT_ID.eq(tenant);
    let expect = |keep: &dyn Fn(&Sample) -> bool| -> Vec<Sample> {
        all.iter().filter(|sample| keep(sample)).cloned().collect()
    };
    let (size, at, note) =
        (pivot.size, pivot.timestamps.created_at, pivot.note.clone().unwrap_or_default());
    let cases: Vec<(Box<dyn Fragment<DB>>, Vec<Sample>)> = vec![
        (Box::new(mine().and(Sample::SIZE.lt(size))), expect(&|s| s.size < size)),
        (Box::new(mine().and(Sample::SIZE.ge(size))), expect(&|s| s.size >= size)),
        (Box::new(mine().and(Sample::SIZE.ne(size))), expect(&|s| s.size != size)),
        (
            Box::new(mine().and(Sample::CREATED_AT.le(at))),
            expect(&|s| s.timestamps.created_at <= at),
        ),
        (
            Box::new(mine().and(Sample::CREATED_AT.gt(at))),
            expect(&|s| s.timestamps.created_at > at),
        ),
        (Box::new(mine().and(Sample::NOTE.is_null())), expect(&|s| s.note.is_none())),
        (
            Box::new(mine().and(Sample::NOTE.is_not_null().and(Sample::LIVE.eq(true)).not())),
            expect(&|s| !(s.note.is_some() && s.live)),
        ),
        (
            Box::new(mine().and(Sample::SIZE.is_in([size, 0]).or(Sample::LIVE.eq(false)))),
            expect(&|s| s.size == size || s.size == 0 || !s.live),
        ),
        (
            Box::new(mine().and(Sample::NOTE.eq(note.clone()))),
            expect(&|s| s.note.as_ref() == Some(&note)),
        ),
    ];
    for (condition, expected) in cases {
        assert_eq!(found::<DB>(conn, &*condition).await, expected);
    }
}

/// A like pattern's own letters stand for themselves, on either database.
async fn wildcards_of_a_value_are_letters<DB: Db>(conn: &mut DB::Connection) {
    let tenant = TenantId::new();
    let model = some(samples()).remove(0);
    for note in ["50%", "50x", "a_b", "axb", r"c\d", "cd"] {
        let sample =
            Sample { id: Id::new(), tenant_id: tenant, note: Some(note.into()), ..model.clone() };
        insert::<DB>(conn, &sample).await;
    }
    for (text, hit) in [("50%", "50%"), ("a_", "a_b"), (r"c\", r"c\d")] {
        let condition = Sample::TENANT_ID.eq(tenant).and(Sample::NOTE.starts_with(text));
        let notes: Vec<_> =
            found::<DB>(conn, &condition).await.into_iter().map(|s| s.note).collect();
        assert_eq!(notes, [Some(hit.to_owned())]);
    }
}

macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let file = testkit::sqlite().await;
                let mut conn = file.pool.acquire().await.unwrap();
                // The advice is run as it is printed: it must be good SQL.
                let tables = schema::table::<Sample>(schema::Dialect::Sqlite);
                sqlx::raw_sql(sqlx::AssertSqlSafe(tables)).execute(&mut *conn).await.unwrap();
                super::$name::<sqlx::Sqlite>(&mut conn).await;
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let pg = testkit::postgres("t_core").await;
                pg.set_up(&schema::table::<Sample>(schema::Dialect::Postgres)).await;
                pg.set_up("grant all on samples to saas_app").await;
                super::$name::<sqlx::Postgres>(&mut *pg.app.acquire().await.unwrap()).await;
            })*
        }
    };
}

suite!(
    values_come_back_as_they_went,
    conditions_mean_what_they_say,
    wildcards_of_a_value_are_letters
);
