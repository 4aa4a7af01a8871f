//! Looks for a number that JSON has no word for: `serde_json` would write NaN and infinity as `null`,
//! which is another value, or none.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};

/// Whether every floating-point number in it is one.
pub(super) fn is_finite<T: Serialize>(value: &T) -> bool {
    !matches!(value.serialize(Look), Err(Seen::NoNumber))
}

/// Serializes into nothing.
#[derive(Clone, Copy)]
struct Look;

#[derive(Debug)]
enum Seen {
    NoNumber,
    /// The value cannot be serialized at all: whoever serializes it next says so.
    Unserializable,
}

fn number(finite: bool) -> Result<(), Seen> {
    if finite { Ok(()) } else { Err(Seen::NoNumber) }
}

macro_rules! passes {
    ($($method:ident($of:ty)),* $(,)?) => {
        $(fn $method(self, _: $of) -> Result<(), Seen> {
            Ok(())
        })*
    };
}

macro_rules! goes_into {
    ($($begin:ident($($arg:ty),*)),* $(,)?) => {
        $(fn $begin(self, $(_: $arg),*) -> Result<Self, Seen> {
            Ok(self)
        })*
    };
}

impl Serializer for Look {
    type Ok = ();
    type Error = Seen;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    passes!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str),
    );

    fn serialize_f32(self, value: f32) -> Result<(), Seen> {
        number(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Seen> {
        number(value.is_finite())
    }

    fn serialize_unit(self) -> Result<(), Seen> {
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Seen> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Seen> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &str, _: u32, _: &str) -> Result<(), Seen> {
        Ok(())
    }

    fn serialize_newtype_struct<T>(self, _: &'static str, value: &T) -> Result<(), Seen>
    where
        T: Serialize + ?Sized,
    {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Seen>
    where
        T: Serialize + ?Sized,
    {
        value.serialize(self)
    }

    goes_into!(
        serialize_seq(Option<usize>),
        serialize_tuple(usize),
        serialize_tuple_struct(&'static str, usize),
        serialize_tuple_variant(&'static str, u32, &'static str, usize),
        serialize_map(Option<usize>),
        serialize_struct(&'static str, usize),
        serialize_struct_variant(&'static str, u32, &'static str, usize),
    );
}

/// Lists, tuples and maps: their elements one after the other, structs with the field's name.
macro_rules! elements {
    ($($of:ident { $($method:ident $(($name:ty))?),* }),* $(,)?) => {
        $(impl ser::$of for Look {
            type Ok = ();
            type Error = Seen;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                value: &T,
            ) -> Result<(), Seen> {
                value.serialize(*self)
            })*

            fn end(self) -> Result<(), Seen> {
                Ok(())
            }
        })*
    };
}
elements!(
    SerializeSeq { serialize_element },
    SerializeTuple { serialize_element },
    SerializeTupleStruct { serialize_field },
    SerializeTupleVariant { serialize_field },
    SerializeMap { serialize_key, serialize_value },
    SerializeStruct { serialize_field(&'static str) },
    SerializeStructVariant { serialize_field(&'static str) },
);

impl ser::Error for Seen {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Unserializable
    }
}

impl std::error::Error for Seen {}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("looked at, not written")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Rate {
        Free,
        Flat(f64),
        Range { from: f32, to: Option<f64> },
        Pair(f64, f64),
    }

    #[test]
    fn a_number_that_is_none_is_found_wherever_it_is() {
        let (nan, none) = (f64::NAN, f32::INFINITY);
        assert!(!is_finite(&nan) && !is_finite(&none));
        assert!(!is_finite(&Some(nan)) && !is_finite(&vec![Some(1.0), Some(nan)]));
        assert!(!is_finite(&BTreeMap::from([("a", (1, nan))])));
        for rate in [
            Rate::Flat(nan),
            Rate::Range { from: none, to: None },
            Rate::Range { from: 0.0, to: Some(nan) },
            Rate::Pair(1.0, nan),
        ] {
            assert!(!is_finite(&rate));
        }
    }

    #[test]
    fn everything_else_passes() {
        assert!(is_finite(&f64::MAX) && is_finite(&None::<f64>) && is_finite(&"NaN"));
        assert!(is_finite(&[Rate::Free, Rate::Flat(0.0), Rate::Pair(1.0, -1.0)]));
        let range = Rate::Range { from: f32::MIN, to: Some(f64::MIN_POSITIVE) };
        assert!(is_finite(&(range, 'a', 1_u8, -1_i128, (), true, b"x")));
    }
}
