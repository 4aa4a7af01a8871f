use std::fmt;

use serde::{Deserialize, Serialize};

/// How often a row was written: the optimistic lock, and what an `ETag` shows.
///
/// A row begins at [`Version::FIRST`]; every update adds one and can demand the version it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(i64);

impl Version {
    /// The version of a row just inserted.
    pub const FIRST: Self = Self(1);

    /// A version read from elsewhere.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The bare number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
