use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{NoContext, Timestamp, Uuid};

use crate::Error;
use crate::error::excerpt;

/// The id of an `E`: a UUID of version 7 that cannot be mistaken for another entity's.
///
/// Sixteen bytes; `uuid` on PostgreSQL, a 16-byte blob on SQLite, the hyphenated text in JSON.
/// Ids made by one process ascend, so they fill an index from the right instead of all over
/// ([RFC 9562, section 5.7](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)).
///
/// Version 7 tells when the row was made, to the millisecond. Where that is a secret (an invitation
/// link, a share token), do not use an id as the token: make one of version 4 beside it.
///
/// ```
/// use saas_core::Id;
/// struct Invoice;
///
/// let id = Id::<Invoice>::new();
/// assert_eq!(id.to_string().parse::<Id<Invoice>>().unwrap(), id);
/// assert!(id < Id::new());
/// ```
///
/// Ids of two entities do not mix:
///
/// ```compile_fail,E0308
/// use saas_core::Id;
/// struct Invoice;
/// struct Customer;
///
/// fn send(_: Id<Invoice>) {}
/// send(Id::<Customer>::new());
/// ```
pub struct Id<E>(Uuid, PhantomData<fn() -> E>);

impl<E> Id<E> {
    /// A new id, greater than every id this process made before.
    #[allow(clippy::new_without_default)] // An id out of thin air is a decision, not a default.
    pub fn new() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// A new id that tells `moment` as its time, for imports and for tests with a turned clock.
    /// Ids of one millisecond made so have no order among themselves. Moments before 1970 count
    /// as 1970.
    pub fn at(moment: DateTime<Utc>) -> Self {
        let seconds = u64::try_from(moment.timestamp()).unwrap_or(0);
        let nanos = if moment.timestamp() < 0 { 0 } else { moment.timestamp_subsec_nanos() };
        let moment = Timestamp::from_unix(NoContext, seconds, nanos.min(999_999_999));
        Self::from_uuid(Uuid::new_v7(moment))
    }

    /// The id with this value; any version is taken, since tables are older than this crate.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// When the id was made, in milliseconds; `None` if it is not of version 7.
    pub fn created_at(self) -> Option<DateTime<Utc>> {
        created_at(self.0)
    }
}

pub(crate) fn created_at(uuid: Uuid) -> Option<DateTime<Utc>> {
    if uuid.get_version_num() != 7 {
        return None;
    }
    let (seconds, nanos) = uuid.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

/// One spelling per id: the hyphenated form, in either case. Braces, URNs and bare digits would be
/// other names of the same resource.
pub(crate) fn parse(text: &str) -> Result<Uuid, Error> {
    let invalid = || Error::InvalidId { text: excerpt(text) };
    if text.len() != 36 {
        return Err(invalid());
    }
    Uuid::try_parse(text).map_err(|_| invalid())
}

/// Serde and text forms of a newtype around a `Uuid`, given once for ids of every kind.
macro_rules! uuid_newtype {
    ([$($generics:tt)*] $name:ty, $make:expr) => {
        impl<$($generics)*> std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl<$($generics)*> std::str::FromStr for $name {
            type Err = $crate::Error;
            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                $crate::id::parse(text).map($make)
            }
        }
        impl<$($generics)*> serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::id::serialize(self.0, serializer)
            }
        }
        impl<'de, $($generics)*> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::id::deserialize(deserializer).map($make)
            }
        }
    };
}
pub(crate) use uuid_newtype;

uuid_newtype!([E] Id<E>, Id::from_uuid);

pub(crate) fn serialize<S: Serializer>(uuid: Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    uuid.serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    if !deserializer.is_human_readable() {
        return Uuid::deserialize(deserializer);
    }
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

// Written by hand, since a derive would demand the same of `E`.
impl<E> Copy for Id<E> {}
impl<E> Clone for Id<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> fmt::Debug for Id<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}
impl<E> PartialEq for Id<E> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<E> Eq for Id<E> {}
impl<E> PartialOrd for Id<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Id<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<E> Hash for Id<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

const _: () = {
    const fn stays_send_and_sync<T: Send + Sync + Unpin>() {}
    // Whatever the entity holds, its id crosses threads.
    stays_send_and_sync::<Id<*mut ()>>();
    const fn stays_parsable<T: FromStr>() {}
    stays_parsable::<Id<()>>();
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Thing;

    #[test]
    fn ids_of_one_process_ascend() {
        let ids: Vec<_> = (0..10_000).map(|_| Id::<Thing>::new()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn an_id_made_at_a_moment_tells_it() {
        let moment: DateTime<Utc> = "2031-05-06T07:08:09.123Z".parse().unwrap();
        assert_eq!(Id::<Thing>::at(moment).created_at(), Some(moment));
        let early = Id::<Thing>::at(DateTime::<Utc>::MIN_UTC);
        assert_eq!(early.created_at().map(|at| at.timestamp()), Some(0));
    }

    #[test]
    fn a_random_id_tells_no_time() {
        assert_eq!(Id::<Thing>::from_uuid(Uuid::from_u128(4 << 76)).created_at(), None);
    }

    #[test]
    fn other_spellings_are_refused() {
        let uuid = Uuid::now_v7();
        for text in [
            uuid.simple().to_string(),
            uuid.braced().to_string(),
            uuid.urn().to_string(),
            String::new(),
        ] {
            assert!(text.parse::<Id<Thing>>().is_err(), "{text}");
        }
        assert!(uuid.to_string().to_uppercase().parse::<Id<Thing>>().is_ok());
    }

    proptest! {
        #[test]
        fn text_and_json_round_trip(value: u128) {
            let id = Id::<Thing>::from_uuid(Uuid::from_u128(value));
            prop_assert_eq!(id.to_string().parse::<Id<Thing>>().unwrap(), id);
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<Id<Thing>>(&json).unwrap(), id);
        }

        #[test]
        fn any_text_parses_or_errs(text in ".{0,80}") {
            let _ = text.parse::<Id<Thing>>();
        }
    }
}
