//! What an entry may hold.

use serde_json::Value;

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

/// Some JSON that is not larger than this, as text.
pub(crate) fn within(what: &'static str, value: &Value, limit: usize) -> Result<()> {
    let bytes = value.to_string().len();
    if bytes > limit {
        return Err(Error::TooLarge { what, bytes, limit });
    }
    Ok(())
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

    #[test]
    fn json_is_measured_as_text() {
        assert!(within("change", &Value::from("123"), 5).is_ok());
        let error = within("change", &Value::from("1234"), 5).unwrap_err();
        assert_eq!(error.to_string(), "change takes 6 bytes, more than 5");
    }
}
