//! What a cursor that was taken holds, read a second time.

use chrono::{DateTime, NaiveDate};
use uuid::Uuid;

use crate::list::Row;
use crate::signed::Column;

pub fn row(keys: &[Column], mut content: &[u8]) -> Row {
    let mut row = Row::default();
    for (column, ..) in keys {
        let [tag] = fixed(&mut content);
        match (*column, tag) {
            (_, 0) => {}
            ("id", 3) => row.id = i64::from_be_bytes(fixed(&mut content)),
            ("whole", 3) => row.whole = Some(i64::from_be_bytes(fixed(&mut content))),
            ("float", 4) => row.float = Some(f64::from_be_bytes(fixed(&mut content))),
            ("flag", 1 | 2) => row.flag = Some(tag == 2),
            ("text", 5) => row.text = Some(String::from_utf8(sized(&mut content)).unwrap()),
            ("bytes", 6) => row.bytes = Some(sized(&mut content)),
            ("uuid", 7) => row.uuid = Some(Uuid::from_bytes(fixed(&mut content))),
            ("moment", 8) => {
                row.moment =
                    DateTime::from_timestamp_micros(i64::from_be_bytes(fixed(&mut content)));
            }
            ("moment", 9) => {
                let seconds = i64::from_be_bytes(fixed(&mut content));
                let nanos = u32::from_be_bytes(fixed(&mut content));
                row.moment = DateTime::from_timestamp(seconds, nanos);
            }
            ("day", 10) => {
                let days = i32::from_be_bytes(fixed(&mut content));
                row.day = NaiveDate::from_num_days_from_ce_opt(days);
            }
            _ => panic!("{column} holds {tag}"),
        }
    }
    assert!(content.is_empty());
    row
}

fn fixed<const N: usize>(content: &mut &[u8]) -> [u8; N] {
    let (bytes, rest) = content.split_first_chunk().unwrap();
    *content = rest;
    *bytes
}

fn sized(content: &mut &[u8]) -> Vec<u8> {
    let length = u32::from_be_bytes(fixed(content));
    let (bytes, rest) = content.split_at(length as usize);
    *content = rest;
    bytes.to_vec()
}
