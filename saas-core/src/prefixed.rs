use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::error::excerpt;
use crate::{Error, Id};

/// An entity whose ids have a prefixed form. `#[entity(prefix = "inv")]` writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no id prefix",
    note = "write `#[entity(prefix = \"…\")]` on the struct"
)]
pub trait HasPrefix {
    /// The prefix without the underscore: lower-case letters, at most 63.
    const PREFIX: &'static str;
}

/// An id as `inv_01h455vb4pex5vsknk084sn02q`, for people and for logs: it says what it names.
///
/// The form is [TypeID 0.3](https://github.com/jetify-com/typeid/tree/main/spec): the prefix, an
/// underscore and 26 characters of Crockford's base 32. Reading refuses another entity's prefix.
///
/// ```
/// use saas_core::{HasPrefix, Id, PrefixedId};
/// struct Invoice;
/// impl HasPrefix for Invoice {
///     const PREFIX: &'static str = "inv";
/// }
///
/// let id = Id::<Invoice>::new();
/// let text = id.prefixed().to_string();
/// assert!(text.starts_with("inv_"));
/// assert_eq!(text.parse::<PrefixedId<Invoice>>().unwrap().id(), id);
///
/// let error = text.replace("inv", "cus").parse::<PrefixedId<Invoice>>().unwrap_err();
/// assert_eq!(error.to_string(), "expected an id that begins with `inv_`, got `cus_`");
/// ```
pub struct PrefixedId<E>(Id<E>);

// Written by hand, since a derive would demand the same of `E`.
impl<E> Copy for PrefixedId<E> {}
impl<E> Clone for PrefixedId<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> PartialEq for PrefixedId<E> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<E> Eq for PrefixedId<E> {}
impl<E: HasPrefix> fmt::Debug for PrefixedId<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: HasPrefix> Id<E> {
    /// The same id in its prefixed form.
    pub const fn prefixed(self) -> PrefixedId<E> {
        PrefixedId(self)
    }
}

impl<E> PrefixedId<E> {
    /// The id itself.
    pub const fn id(self) -> Id<E> {
        self.0
    }
}

impl<E: HasPrefix> fmt::Display for PrefixedId<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_", E::PREFIX)?;
        let digits = encode(self.0.uuid().as_u128());
        digits.iter().try_for_each(|&digit| fmt::Write::write_char(f, char::from(digit)))
    }
}

impl<E: HasPrefix> FromStr for PrefixedId<E> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::InvalidPrefixedId { expected: E::PREFIX, text: excerpt(text) };
        let (prefix, digits) = text.rsplit_once('_').ok_or_else(invalid)?;
        if prefix != E::PREFIX {
            return Err(Error::WrongPrefix { expected: E::PREFIX, found: excerpt(prefix) });
        }
        let value = decode(digits.as_bytes()).ok_or_else(invalid)?;
        Ok(Self(Id::from_uuid(Uuid::from_u128(value))))
    }
}

impl<E: HasPrefix> Serialize for PrefixedId<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, E: HasPrefix> Deserialize<'de> for PrefixedId<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 digits hold 130 bits: the first one never exceeds 7.
fn encode(value: u128) -> [u8; 26] {
    let mut digits = [b'0'; 26];
    for (index, digit) in digits.iter_mut().enumerate() {
        let shift = 5 * (25 - index as u32);
        *digit = ALPHABET[(value >> shift) as usize & 31];
    }
    digits
}

fn decode(digits: &[u8]) -> Option<u128> {
    if digits.len() != 26 || digits[0] > b'7' {
        return None;
    }
    digits.iter().try_fold(0u128, |value, digit| {
        let position = ALPHABET.iter().position(|letter| letter == digit)?;
        Some(value << 5 | position as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Thing;
    impl HasPrefix for Thing {
        const PREFIX: &'static str = "thing";
    }

    #[test]
    fn the_specification_s_example_holds() {
        let uuid: Uuid = "01889c89-df6b-7f1c-a388-91396ec314bc".parse().unwrap();
        assert_eq!(encode(uuid.as_u128()), *b"01h2e8kqvbfwea724h75qc655w");
        assert_eq!(decode(b"80000000000000000000000000"), None);
    }

    proptest! {
        #[test]
        fn the_prefixed_form_round_trips(value: u128) {
            let id = Id::<Thing>::from_uuid(Uuid::from_u128(value));
            let read: PrefixedId<Thing> = id.prefixed().to_string().parse().unwrap();
            prop_assert_eq!(read.id(), id);
        }

        #[test]
        fn any_text_parses_or_errs(text in "(thing_)?.{0,40}") {
            let _ = text.parse::<PrefixedId<Thing>>();
        }
    }
}
