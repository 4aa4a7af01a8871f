use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, Utc};
use saas_core::{DeletionId, Id, Kind, TenantId, Version};
use uuid::Uuid;

/// The value of a sort key or a filter, as it is bound to a statement and kept in a cursor.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// NULL.
    Null,
    /// A boolean; false sorts before true.
    Bool(bool),
    /// A whole number of any width.
    I64(i64),
    /// A floating-point number; kept to the bit.
    F64(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID.
    Uuid(Uuid),
    /// A moment; kept as precisely as the row has it.
    Timestamp(DateTime<Utc>),
    /// A date.
    Date(NaiveDate),
}

impl Value {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn is_a(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Bool(_), Kind::Bool)
                | (Self::I64(_), Kind::SmallInt | Kind::Int | Kind::BigInt)
                | (Self::F64(_), Kind::Float)
                | (Self::Text(_), Kind::Text)
                | (Self::Bytes(_), Kind::Bytes)
                | (Self::Uuid(_), Kind::Uuid)
                | (Self::Timestamp(_), Kind::Timestamp)
                | (Self::Date(_), Kind::Date)
        )
    }
}

/// A Rust type whose columns a list can be sorted and filtered by.
///
/// An enum that a column stores as text says so in a few lines:
///
/// ```
/// use saas_core::Kind;
/// use saas_pagination::{Scalar, Value};
///
/// #[derive(Clone, Copy)]
/// enum Status { Draft, Sent }
///
/// impl Scalar for Status {
///     const KIND: Kind = Kind::Text;
///     const EXPECTED: &'static str = "`draft` or `sent`";
///
///     fn into_value(self) -> Value {
///         Value::Text(match self { Self::Draft => "draft", Self::Sent => "sent" }.into())
///     }
///     fn parse(text: &str) -> Option<Self> {
///         match text { "draft" => Some(Self::Draft), "sent" => Some(Self::Sent), _ => None }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a list can be neither sorted nor filtered by `{Self}`",
    note = "implement `saas_pagination::Scalar` for the type"
)]
pub trait Scalar: Sized + 'static {
    /// What the column holds; [`Scalar::into_value`] gives a [`Value`] of this kind.
    const KIND: Kind;

    /// What a filter takes, to complete "must be …" in an error.
    const EXPECTED: &'static str;

    /// Whether it can be NULL; true of `Option` alone.
    const NULLABLE: bool = false;

    /// The value as it is bound and kept in a cursor.
    fn into_value(self) -> Value;

    /// The value from a query string's text; `None` if it is none.
    fn parse(text: &str) -> Option<Self>;
}

impl<T: Scalar> Scalar for Option<T> {
    const KIND: Kind = T::KIND;
    const EXPECTED: &'static str = T::EXPECTED;
    const NULLABLE: bool = true;

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }
}

macro_rules! scalars {
    ($([$($generics:tt)*] $type:ty: $kind:ident, $expected:literal, $into:expr, $parse:expr;)*) => {
        $(impl<$($generics)*> Scalar for $type {
            const KIND: Kind = Kind::$kind;
            const EXPECTED: &'static str = $expected;

            fn into_value(self) -> Value {
                $into(self)
            }
            fn parse(text: &str) -> Option<Self> {
                $parse(text)
            }
        })*
    };
}

scalars! {
    [] bool: Bool, "`true` or `false`", Value::Bool, parsed;
    [] i16: SmallInt, "a whole number", |n| Value::I64(i64::from(n)), parsed;
    [] i32: Int, "a whole number", |n| Value::I64(i64::from(n)), parsed;
    [] i64: BigInt, "a whole number", Value::I64, parsed;
    [] Version: BigInt, "a whole number", |n: Version| Value::I64(n.get()),
        |text| parsed(text).map(Version::new);
    [] f64: Float, "a number", Value::F64, |text| parsed(text).filter(|n: &f64| n.is_finite());
    [] String: Text, "a text", Value::Text, |text: &str| Some(text.to_owned());
    [] Vec<u8>: Bytes, "bytes in URL-safe base64 without padding", Value::Bytes,
        |text| URL_SAFE_NO_PAD.decode(text).ok();
    [] Uuid: Uuid, "a UUID", Value::Uuid, uuid;
    [] TenantId: Uuid, "a UUID", |id: TenantId| Value::Uuid(id.uuid()), parsed;
    [] DeletionId: Uuid, "a UUID", |id: DeletionId| Value::Uuid(id.uuid()), parsed;
    [E: 'static] Id<E>: Uuid, "a UUID", |id: Id<E>| Value::Uuid(id.uuid()), parsed;
    [] DateTime<Utc>: Timestamp, "a moment such as 2026-01-31T12:00:00Z", Value::Timestamp, moment;
    [] NaiveDate: Date, "a date such as 2026-01-31", Value::Date, date;
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The hyphenated form alone, as ids have it everywhere.
fn uuid(text: &str) -> Option<Uuid> {
    parsed::<TenantId>(text).map(TenantId::uuid)
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    // A `+` that the client forgot to escape arrives as a space; a moment has no other.
    let moment = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?;
    Some(moment.to_utc())
}

fn date(text: &str) -> Option<NaiveDate> {
    // chrono alone would take `2026-1-1` too, and years that no column holds.
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_whose_plus_was_not_escaped_is_understood() {
        let moment = DateTime::<Utc>::parse("2026-01-01T02:00:00 02:00").unwrap();
        assert_eq!(moment.to_rfc3339(), "2026-01-01T00:00:00+00:00");
    }

    #[test]
    fn numbers_that_no_column_can_be_compared_with_are_refused() {
        assert_eq!(f64::parse("NaN"), None);
        assert_eq!(f64::parse("1e999"), None);
        assert_eq!(i64::parse("9223372036854775808"), None);
        assert_eq!(i16::parse("40000"), None);
    }

    #[test]
    fn every_value_is_of_its_types_kind() {
        fn check<T: Scalar>(value: T) {
            assert!(value.into_value().is_a(T::KIND));
        }
        check(true);
        check(1i16);
        check(1i32);
        check(1i64);
        check(1f64);
        check(String::new());
        check(vec![1u8]);
        check(Uuid::nil());
        check(TenantId::new());
        check(Version::FIRST);
        check(Utc::now());
        check(NaiveDate::default());
    }
}
