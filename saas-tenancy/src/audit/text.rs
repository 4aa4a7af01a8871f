//! What an entry may say.

use crate::{Error, Result};

/// Some text that a person reads in a log: not empty, not endless, and no control characters, which
/// would let one entry look like two.
pub(crate) fn plain(what: &'static str, text: &str, most: usize) -> Result<()> {
    let problem = if text.trim().is_empty() {
        "is empty"
    } else if text.chars().count() > most {
        "is too long"
    } else if text.chars().any(char::is_control) {
        "holds control characters"
    } else {
        return Ok(());
    };
    Err(Error::Unaccountable { what, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_there_ends_and_holds_one_line() {
        assert!(plain("actor", "Zoë 🦀", 5).is_ok());
        for (text, word) in [
            ("", "empty"),
            (" \t ", "empty"),
            ("sixsix", "long"),
            ("a\nb", "control"),
            ("\0", "control"),
        ] {
            let error = plain("actor", text, 5).unwrap_err().to_string();
            assert!(error.starts_with("the actor ") && error.contains(word), "{text:?}: {error}");
        }
    }
}
