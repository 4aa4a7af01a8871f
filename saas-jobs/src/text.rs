use crate::Error;

/// The longest name or key, in bytes.
const LONGEST: usize = 512;

/// The most bytes of an error that are kept.
const MOST: usize = 4000;

/// A text that a database takes: no NUL, and not too long.
pub(crate) fn kept(text: &str) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(MOST));
    text
}

/// The same in ASCII.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, letter| {
        match letter.is_ascii() {
            true => escaped.push(letter),
            false => escaped.extend(letter.escape_unicode()),
        }
        escaped
    })
}

/// A name or key that every database takes.
pub(crate) fn checked<'t>(what: &'static str, text: &'t str) -> Result<&'t str, Error> {
    let problem = match text {
        "" => "it is empty",
        text if text.len() > LONGEST => "it has more than 512 bytes",
        text if text.contains('\0') => "it has a NUL in it",
        text => return Ok(text),
    };
    Err(Error::Name { what, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_nul_or_without_end_is_made_storable() {
        assert_eq!(kept("a\0b"), "a\u{fffd}b");
        assert_eq!(kept(&"é".repeat(4000)).len(), MOST);
        assert_eq!(escaped("a é\n"), "a \\u{e9}\n");
    }
}
