//! The lines of an export, as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saas_core::{Kind, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::encode;
use crate::Table;

pub(super) const FORMAT: &str = "saas-tenancy export";
pub(super) const VERSION: u64 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u64,
    pub(super) tenant: TenantId,
    /// The version of the tenant's record, if it was suspended: while that is the same, so are its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) still: Option<i64>,
    pub(super) tables: Vec<Described>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) name: String,
    /// Name and kind.
    pub(super) columns: Vec<(String, String)>,
}

impl Described {
    pub(super) fn of(table: &Table) -> Self {
        let columns = table.columns.iter();
        let described = columns
            .map(|column| (column.name.to_owned(), encode::kind_name(column.kind).to_owned()));
        Self { name: table.name.to_owned(), columns: described.collect() }
    }
}

/// Any other line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'l> {
    #[serde(borrow)]
    pub(super) t: Option<Cow<'l, str>>,
    /// A row.
    #[serde(borrow)]
    pub(super) r: Option<Values<'l>>,
    /// What a row has in columns that point to its own table, said when all rows are there.
    #[serde(borrow)]
    pub(super) s: Option<Values<'l>>,
    pub(super) end: Option<End>,
}

pub(super) type Values<'l> = BTreeMap<Cow<'l, str>, &'l RawValue>;

/// What the last line holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) rows: BTreeMap<String, u64>,
    pub(super) sha256: String,
}

/// Rows, or what they have in columns that point to their own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Rows,
    Selves,
}

/// What was written or read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    sha: Sha256,
    pub(super) lines: u64,
    pub(super) rows: BTreeMap<String, u64>,
}

impl Tally {
    /// A line before the last.
    pub(super) fn add(&mut self, line: &str, row_of: Option<&str>) {
        self.sha.update(line);
        self.sha.update("\n");
        self.lines += 1;
        match row_of.map(|table| (table, self.rows.get_mut(table))) {
            Some((_, Some(count))) => *count += 1,
            Some((table, None)) => drop(self.rows.insert(table.to_owned(), 1)),
            None => {}
        }
    }

    /// Of the lines so far.
    pub(super) fn checksum(&self) -> String {
        hex(&self.sha.clone().finalize())
    }

    /// The last line.
    pub(super) fn end(&self) -> End {
        End { rows: self.rows.clone(), sha256: self.checksum() }
    }
}

/// A kind that a header names.
pub(super) fn is_kind(name: &str, kind: Kind) -> bool {
    encode::kind_name(kind) == name
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
