//! Single values: each is what it must be, or a sentence about what that is.

use chrono::{Datelike, NaiveDate};
use serde_json::Value;

/// Text of 1 to `max` characters after trimming, in one line: control characters, of which
/// PostgreSQL cannot even hold NUL, have no place in a name or in the header of a mail.
pub fn text(max: usize) -> impl Fn(Value) -> Result<String, String> {
    move |value| {
        let Value::String(text) = value else { return Err("must be a text".to_owned()) };
        let text = text.trim();
        if text.contains(char::is_control) {
            return Err("must not hold control characters, such as NUL or a line break".to_owned());
        }
        match text.chars().count() {
            0 => Err("must not be empty".to_owned()),
            length if length > max => Err(format!("must be at most {max} characters")),
            _ => Ok(text.to_owned()),
        }
    }
}

/// An email address that a mail can be sent to: a plain local part, and a domain that is a name.
/// Quoted local parts and address literals are legal and unused, and few programs read them alike.
pub fn email(value: Value) -> Result<String, String> {
    let email = text(254)(value)?;
    let plain = |part: &str| {
        part.chars()
            .all(|letter| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter))
    };
    let parts = email.rsplit_once('@').is_some_and(|(local, domain)| {
        plain(local)
            && !local.starts_with("=?")
            && domain.chars().all(|letter| letter.is_alphanumeric() || "-.".contains(letter))
    });
    if !parts || email.parse::<lettre::Address>().is_err() {
        return Err("must be an email address, as in jane@example.com".to_owned());
    }
    Ok(email)
}

/// A date of the years 1 to 9999 in the one form that both databases sort as text and as date.
pub fn date(value: Value) -> Result<NaiveDate, String> {
    let text = value.as_str().unwrap_or_default();
    let date = text.parse::<NaiveDate>().ok().filter(|date| {
        (1..=9999).contains(&date.year()) && date.format("%Y-%m-%d").to_string() == text
    });
    date.ok_or_else(|| "must be a date, as in 2026-12-31".to_owned())
}

/// A whole number of at least `min`.
pub fn whole(min: i64) -> impl Fn(Value) -> Result<i64, String> {
    move |value| match value.as_i64() {
        Some(number) if number >= min => Ok(number),
        _ => Err(format!("must be a whole number from {min} to {}", i64::MAX)),
    }
}

/// A value in the form that `T` parses.
pub fn parsed<T: std::str::FromStr>(form: &'static str) -> impl Fn(Value) -> Result<T, String> {
    move |value| {
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| format!("must be {form}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn emails_are_such_as_every_program_reads_alike() {
        for good in ["jane@example.com", "o'neil+tag@sub.example.co", "jürgen@exämple.com"] {
            assert!(email(json!(good)).is_ok(), "{good}");
        }
        let bad = [
            "",
            "nope",
            "@example.com",
            "a@",
            "a b@e.com",
            "\"a b\"@e.com",
            "a@[127.0.0.1]",
            "=?utf-8?q?x?=@e.com",
            "a@e.com\u{200b}",
            "a\r\nBcc: b@e.com",
            "a,b@e.com",
            "a@b@e.com",
        ];
        for bad in bad {
            assert!(email(json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_have_one_form() {
        assert!(date(json!("2026-12-31")).is_ok() && date(json!("0001-01-01")).is_ok());
        for bad in
            ["-0001-01-01", "+10000-01-01", " 2026-01-01", "2026-1-1", "2026-02-30", "0000-01-01"]
        {
            assert!(date(json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_that_are_not_whole_are_refused() {
        for value in [json!(1.5), json!("1"), json!(u64::MAX), json!(0)] {
            assert!(whole(1)(value).is_err());
        }
        assert_eq!(whole(1)(json!(i64::MAX)), Ok(i64::MAX));
    }
}
