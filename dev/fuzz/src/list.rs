//! A list with a sort and a filter of every kind.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use saas_pagination::Operator::{self, *};
use saas_pagination::{Cursors, Key, List, Nulls};
use uuid::Uuid;

pub const SECRET: [u8; 32] = [7; 32];

pub static CURSORS: LazyLock<Cursors> = LazyLock::new(|| Cursors::new(SECRET).unwrap());

#[derive(Debug, Clone, Default)]
pub struct Row {
    pub id: i64,
    pub whole: Option<i64>,
    pub float: Option<f64>,
    pub text: Option<String>,
    pub bytes: Option<Vec<u8>>,
    pub uuid: Option<Uuid>,
    pub moment: Option<DateTime<Utc>>,
    pub day: Option<NaiveDate>,
    pub flag: Option<bool>,
}

const ALL: [Operator; 8] = [Eq, Ne, Lt, Lte, Gt, Gte, In, Is];

pub static LIST: LazyLock<List<Row>> = LazyLock::new(|| {
    List::new("fuzzed", "id", |row: &Row| row.id)
        .sort("whole", "whole", |row| row.whole)
        .sort("float", "float", |row| row.float)
        .sort("text", "text", |row| row.text.clone())
        .sort("bytes", "bytes", |row| row.bytes.clone())
        .sort("uuid", "uuid", |row| row.uuid)
        .sort("moment", "moment", |row| row.moment)
        .sort("day", "day", |row| row.day)
        .sort("flag", "flag", |row| row.flag)
        .sort_by(
            "several",
            [
                Key::new("text", |row: &Row| row.text.clone()).nulls(Nulls::First),
                Key::new("moment", |row: &Row| row.moment).descending(),
                Key::new("float", |row: &Row| row.float),
            ],
        )
        .filter::<i64>("whole", "whole", ALL)
        .filter::<f64>("float", "float", ALL)
        .filter::<String>("text", "text", ALL)
        .filter::<Vec<u8>>("bytes", "bytes", ALL)
        .filter::<Uuid>("uuid", "uuid", ALL)
        .filter::<DateTime<Utc>>("moment", "moment", ALL)
        .filter::<NaiveDate>("day", "day", ALL)
        .filter::<bool>("flag", "flag", ALL)
        .filter_expression("lower", "lower(text)", |text: String| text.to_lowercase(), ALL)
        .ignore("include")
});
