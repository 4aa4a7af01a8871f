use std::fmt;

use crate::Error;

/// The longest key that is taken, in characters.
const LONGEST: usize = 255;

/// The key a client sent: 1 to 255 visible ASCII characters. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// Reads the header's values; `None` where the header is absent.
    ///
    /// The draft (section 2.1) asks for a structured-field string, `"8e03978e"`; most clients send
    /// the bare characters. Both spellings name the same key.
    pub(crate) fn parse(values: &[&[u8]]) -> Result<Option<Self>, Error> {
        match values {
            [] => Ok(None),
            [value] => match trim(value) {
                [b'"', rest @ ..] => quoted(rest),
                bare => bare_token(bare),
            }
            .filter(|key| (1..=LONGEST).contains(&key.len()))
            .map(|key| Some(Self(key)))
            .ok_or(Error::MalformedKey),
            _ => Err(Error::SeveralKeys),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// What follows the opening quote, up to the closing one, which must be the last character.
fn quoted(rest: &[u8]) -> Option<String> {
    let mut key = String::with_capacity(rest.len());
    let mut bytes = rest.iter().copied();
    loop {
        match bytes.next()? {
            b'"' => return bytes.next().is_none().then_some(key),
            b'\\' => match bytes.next()? {
                escaped @ (b'"' | b'\\') => key.push(char::from(escaped)),
                _ => return None,
            },
            visible @ 0x21..=0x7e => key.push(char::from(visible)),
            _ => return None,
        }
    }
}

/// Without quotes. A comma may be a proxy's join of two headers and a semicolon the start of a
/// parameter: either would name a key that the client did not mean.
fn bare_token(bytes: &[u8]) -> Option<String> {
    bytes
        .iter()
        .map(|byte| match byte {
            b'"' | b'\\' | b',' | b';' => None,
            0x21..=0x7e => Some(char::from(*byte)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(value: &str) -> Result<Option<Key>, Error> {
        Key::parse(&[value.as_bytes()])
    }

    fn key(value: &str) -> String {
        parse(value).unwrap().unwrap().0
    }

    #[test]
    fn quoted_and_bare_name_the_same_key() {
        assert_eq!(key("8e03978e-40d5"), "8e03978e-40d5");
        assert_eq!(key(" \"8e03978e-40d5\"\t"), "8e03978e-40d5");
        assert_eq!(key(r#""a\"b\\c""#), r#"a"b\c"#);
        assert_eq!(key(r#""a,b;c""#), "a,b;c");
    }

    #[test]
    fn no_header_is_no_key() {
        assert!(Key::parse(&[]).unwrap().is_none());
    }

    #[test]
    fn empty_long_and_malformed_keys_are_refused() {
        let long = "k".repeat(256);
        for value in [
            "",
            " ",
            "\"\"",
            "\"",
            "\"open",
            "open\"",
            "\"a\"b",
            "\"a\"; v=1",
            "\"a\", \"b\"",
            "a,b",
            "a b",
            "\"a b\"",
            r#""a\b""#,
            "clé",
            "a\u{7f}",
            &long,
            &format!("\"{long}\""),
        ] {
            assert!(matches!(parse(value), Err(Error::MalformedKey)), "{value}");
        }
        assert_eq!(key(&long[1..]).len(), 255);
    }

    #[test]
    fn two_headers_are_refused_even_if_equal() {
        assert!(matches!(Key::parse(&[b"a", b"a"]), Err(Error::SeveralKeys)));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", parse("secret").unwrap()), "Some(Key(..))");
    }

    proptest! {
        #[test]
        fn every_visible_key_survives_quoting(text in "[!-~]{1,255}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(key(&quoted), text);
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes: Vec<u8>) {
            let _ = Key::parse(&[&bytes]);
        }
    }
}
