//! Reads a JSON body member by member and collects what is wrong with each, so that the client hears
//! of every mistake at once.

use chrono::{Datelike, NaiveDate};
use saas_core::{FieldError, Problem};
use serde_json::{Map, Value};

/// A JSON object being read. Members are taken out; what is left at the end is unknown.
#[derive(Debug)]
pub struct Members {
    path: String,
    members: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Members {
    /// The members of a body that must be an object.
    pub fn of(body: Value) -> Result<Self, Problem> {
        match body {
            Value::Object(members) => Ok(Self::at(String::new(), members)),
            _ => Err(invalid().detail("the body must be a JSON object")),
        }
    }

    fn at(path: String, members: Map<String, Value>) -> Self {
        Self { path, members, errors: Vec::new() }
    }

    /// Says what is wrong with a member.
    pub fn refuse(&mut self, name: &str, detail: impl Into<String>) {
        self.errors
            .push(FieldError { field: format!("{}{name}", self.path), detail: detail.into() });
    }

    /// Whether the member is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A member that must be there, read by `read`; its error is noted.
    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.members.remove(name) {
            None => {
                self.refuse(name, "is required");
                None
            }
            Some(value) => self.noted(name, read(value)),
        }
    }

    /// A member that may be absent or null.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.members.remove(name)? {
            Value::Null => None,
            value => self.noted(name, read(value)),
        }
    }

    /// A member that is a list of at least one object, each read by `read`.
    pub fn objects<T>(
        &mut self,
        name: &str,
        read: impl Fn(&mut Members) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.required(name, |value| match value {
            Value::Array(items) if items.is_empty() => Err("must hold at least one".to_owned()),
            Value::Array(items) => Ok(items),
            _ => Err("must be a list".to_owned()),
        })?;
        let mut found = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            if self.errors.len() >= MOST_ERRORS {
                break;
            }
            let Value::Object(members) = item else {
                self.refuse(&format!("{name}[{index}]"), "must be an object");
                continue;
            };
            let mut members = Self::at(format!("{}{name}[{index}].", self.path), members);
            found.extend(read(&mut members));
            members.refuse_unknown();
            self.errors.append(&mut members.errors);
        }
        Some(found)
    }

    /// The end: an error if anything was wrong or unknown.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.refuse_unknown();
        if self.errors.is_empty() {
            return Ok(());
        }
        let problem = invalid().detail("the request body is not valid");
        Err(self
            .errors
            .into_iter()
            .fold(problem, |problem, error| problem.field(error.field, error.detail)))
    }

    fn refuse_unknown(&mut self) {
        for name in std::mem::take(&mut self.members).keys() {
            // The name is the stranger's: cut before it goes into an answer.
            let name: String = name.chars().take(100).collect();
            self.refuse(&name, "is not known here");
        }
    }

    fn noted<T>(&mut self, name: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|detail| self.refuse(name, detail)).ok()
    }
}

/// As many mistakes as a client can mend at once.
const MOST_ERRORS: usize = 20;

/// A 422 on its way to name the fields.
pub fn invalid() -> Problem {
    Problem::new(422).with_type("urn:problem-type:validation").with_title("Invalid Request")
}

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
    fn every_mistake_is_named_with_its_path() {
        let body = json!({"name": " ", "lines": [{"quantity": 0, "odd": 1}, 7], "extra": null});
        let mut members = Members::of(body).unwrap();
        members.required("name", text(200));
        members.required("email", email);
        members.objects("lines", |line| line.required("quantity", whole(1)));
        let problem = members.finish().unwrap_err();
        let fields: Vec<_> = problem.errors().iter().map(|error| error.field.as_str()).collect();
        assert_eq!(
            fields,
            ["name", "email", "lines[0].quantity", "lines[0].odd", "lines[1]", "extra"]
        );
    }

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
    fn a_body_full_of_mistakes_gets_a_short_answer() {
        let body = json!({"lines": vec![json!({}); 10_000]});
        let mut members = Members::of(body).unwrap();
        members.objects("lines", |line| line.required("quantity", whole(1)));
        assert_eq!(members.finish().unwrap_err().errors().len(), MOST_ERRORS);
    }

    #[test]
    fn numbers_that_are_not_whole_are_refused() {
        for value in [json!(1.5), json!("1"), json!(u64::MAX), json!(0)] {
            assert!(whole(1)(value).is_err());
        }
        assert_eq!(whole(1)(json!(i64::MAX)), Ok(i64::MAX));
    }
}
