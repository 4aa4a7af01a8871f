use saas_core::schema::Dialect;
use serde::{Deserialize, Serialize};

/// How a request has its list counted; see [`Request::total`](crate::Request::total).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Count {
    /// Every row: costs as much as reading them all.
    Exact,
    /// Every row as long as there are no more than this: costs no more than reading so many.
    UpTo(u32),
    /// As PostgreSQL's planner estimates it from its statistics: costs next to nothing, and is as
    /// right as those. SQLite estimates nothing; there it is `UpTo(10_000)`.
    ///
    /// An `explain` is no part of another statement: it needs an executor that runs it as it is.
    Estimated,
}

/// How many rows a list has, as far as it was asked.
///
/// As JSON: `{"exact": 35}`, `{"at_least": 10000}` or `{"estimated": 12345}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Total {
    /// So many.
    Exact(u64),
    /// More than this: where the count stopped.
    AtLeast(u64),
    /// About so many.
    Estimated(u64),
}

/// What stands in for an estimate on SQLite.
const ESTIMATE: u32 = 10_000;

impl Count {
    /// Differs: SQLite has no estimate to give.
    pub(crate) fn on(self, dialect: Dialect) -> Self {
        match (self, dialect) {
            (Self::Estimated, Dialect::Sqlite) => Self::UpTo(ESTIMATE),
            _ => self,
        }
    }

    /// How many rows are counted at most: one more than are told, to know whether there are more.
    pub(crate) fn limit(self) -> Option<u64> {
        match self {
            Self::UpTo(most) => Some(u64::from(most) + 1),
            Self::Exact | Self::Estimated => None,
        }
    }

    /// What the number that came back means.
    pub(crate) fn total(self, number: u64) -> Total {
        match self {
            Self::UpTo(most) if number > u64::from(most) => Total::AtLeast(most.into()),
            Self::Exact | Self::UpTo(_) => Total::Exact(number),
            Self::Estimated => Total::Estimated(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capped_count_is_exact_up_to_its_cap_and_says_at_least_beyond_it() {
        let count = Count::UpTo(3);
        assert_eq!(count.limit(), Some(4));
        assert_eq!(count.total(3), Total::Exact(3));
        assert_eq!(count.total(4), Total::AtLeast(3));
        assert_eq!(Count::UpTo(u32::MAX).limit(), Some(1 << 32));
    }

    #[test]
    fn only_sqlite_counts_where_an_estimate_is_asked_for() {
        assert_eq!(Count::Estimated.on(Dialect::Sqlite), Count::UpTo(10_000));
        assert_eq!(Count::Estimated.on(Dialect::Postgres), Count::Estimated);
        assert_eq!(Count::Exact.on(Dialect::Sqlite), Count::Exact);
    }

    #[test]
    fn the_json_is_the_contracts() {
        let totals = [Total::Exact(35), Total::AtLeast(10_000), Total::Estimated(12_345)];
        assert_eq!(
            serde_json::to_string(&totals).unwrap(),
            r#"[{"exact":35},{"at_least":10000},{"estimated":12345}]"#,
        );
    }
}
