//! Reads a JSON body member by member and collects what is wrong with each, so that the client hears
//! of every mistake at once.

mod values;

use saas_core::{FieldError, Problem};
use serde_json::{Map, Value};

pub use values::{date, email, parsed, text, whole};

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

    /// A member that may be absent, but not null.
    pub fn present<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.members.remove(name)?;
        self.noted(name, read(value))
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
    fn a_body_full_of_mistakes_gets_a_short_answer() {
        let body = json!({"lines": vec![json!({}); 10_000]});
        let mut members = Members::of(body).unwrap();
        members.objects("lines", |line| line.required("quantity", whole(1)));
        assert_eq!(members.finish().unwrap_err().errors().len(), MOST_ERRORS);
    }
}
