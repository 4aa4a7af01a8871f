//! What the command line says.

use std::time::Duration;

use crate::data::Size;
use crate::database::Kind;
use crate::tally::Window;

pub(crate) const USAGE: &str = "usage: dev/load [--quick] [--rate REQUESTS_PER_SECOND] [--seed NUMBER] [--publish] \
    [axum|actix] [postgres|sqlite]";

#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    /// `axum` or `actix`.
    pub(crate) framework: &'static str,
    pub(crate) kind: Kind,
    pub(crate) quick: bool,
    /// Requests a second at 1x; measured if it is not said.
    pub(crate) rate: Option<f64>,
    pub(crate) seed: u64,
    /// Whether the plot goes beside the service's README.
    pub(crate) publish: bool,
}

impl Arguments {
    pub(crate) fn read(words: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut read = Self {
            framework: "axum",
            kind: Kind::Postgres,
            quick: false,
            rate: None,
            seed: 1,
            publish: false,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => read.quick = true,
                "--publish" => read.publish = true,
                "--rate" => {
                    let rate = words.next()?.parse().ok()?;
                    read.rate = Some(rate).filter(|rate: &f64| rate.is_finite() && *rate >= 1.0);
                    read.rate?;
                }
                "--seed" => read.seed = words.next()?.parse().ok()?,
                "axum" => read.framework = "axum",
                "actix" => read.framework = "actix",
                "postgres" => read.kind = Kind::Postgres,
                "sqlite" => read.kind = Kind::Sqlite,
                _ => return None,
            }
        }
        Some(read)
    }

    pub(crate) fn size(&self) -> Size {
        match self.quick {
            true => Size { tenants: 50, customers: 2_000, invoices: 20_000 },
            false => Size { tenants: 1_000, customers: 100_000, invoices: 1_000_000 },
        }
    }

    /// Of each step, the seconds that count and those before them.
    pub(crate) fn window(&self) -> Window {
        let (warm_up, measured) = if self.quick { (500, 1500) } else { (3_000, 12_000) };
        let begin = Duration::from_millis(warm_up);
        Window { begin, end: begin + Duration::from_millis(measured) }
    }

    pub(crate) fn database(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => "postgres",
            Kind::Sqlite => "sqlite",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Arguments> {
        Arguments::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_said_means_axum_on_postgres_in_full() {
        let read = read("").unwrap();
        assert_eq!((read.framework, read.kind, read.quick), ("axum", Kind::Postgres, false));
        assert_eq!((read.size().tenants, read.size().invoices), (1_000, 1_000_000));
    }

    #[test]
    fn everything_can_be_said_in_any_order() {
        let read = read("sqlite --rate 120 actix --quick --seed 7 --publish").unwrap();
        assert_eq!((read.framework, read.kind, read.rate), ("actix", Kind::Sqlite, Some(120.0)));
        assert!(read.quick && read.publish && read.seed == 7);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["mysql", "--rate", "--rate fast", "--rate 0", "--rate nan", "--seed -1"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
