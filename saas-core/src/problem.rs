use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// An error as an HTTP client sees it: a problem document of
/// [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), `application/problem+json`.
///
/// It holds what the client may know and nothing else: there is no way to put a database error in,
/// so no SQL, no constraint's name and no other tenant's existence comes out.
///
/// ```
/// use saas_core::Problem;
///
/// let problem = Problem::new(422)
///     .with_type("urn:problem-type:validation")
///     .detail("the invoice cannot be saved")
///     .field("lines", "at least one line is needed");
/// assert_eq!(
///     serde_json::to_string(&problem).unwrap(),
///     r#"{"type":"urn:problem-type:validation","title":"Unprocessable Content","status":422,"detail":"the invoice cannot be saved","errors":[{"field":"lines","detail":"at least one line is needed"}]}"#,
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Document>);

/// Boxed, so that a `Result` with a problem is as small as one with a pointer.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Document {
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(flatten)]
    extensions: Map<String, Value>,
    #[serde(skip)]
    headers: Vec<(&'static str, String)>,
}

/// What is wrong with one field of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field, as the client wrote it: `email`, `lines[2].quantity`.
    pub field: String,
    /// What is wrong with it, for a person.
    pub detail: String,
}

impl Problem {
    /// The media type of a problem document.
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    /// A problem that the status says all about: `about:blank`, titled by the status.
    ///
    /// A status outside 400 to 599 is no problem and becomes 500.
    pub fn new(status: u16) -> Self {
        let status = if (400..=599).contains(&status) { status } else { 500 };
        Self(Box::new(Document {
            kind: "about:blank".into(),
            title: title_of(status).into(),
            status,
            detail: None,
            instance: None,
            errors: Vec::new(),
            extensions: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// Sets `type`, a URI that names this kind of problem for programs.
    #[must_use]
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = uri.into();
        self
    }

    /// Sets `title`, which is the same for every problem of this type.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// Sets `detail`, what went wrong this time, for a person.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Sets `instance`, a URI of this occurrence.
    #[must_use]
    pub fn instance(mut self, uri: impl Into<String>) -> Self {
        self.0.instance = Some(uri.into());
        self
    }

    /// Adds what is wrong with one field to `errors`.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), detail: detail.into() });
        self
    }

    /// Adds an extension member. The members that RFC 9457 and this type define stay what they are.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        if !["type", "title", "status", "detail", "instance", "errors"].contains(&name.as_str()) {
            self.0.extensions.insert(name, value.into());
        }
        self
    }

    /// Adds a header that goes with this problem: `retry-after`, `allow`, `www-authenticate`.
    /// A value that cannot stand in a header is left out by the adapters.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// The HTTP status, 400 to 599.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The `type` member.
    pub fn type_uri(&self) -> &str {
        &self.0.kind
    }

    /// The `detail` member.
    pub fn detail_text(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The `errors` member.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The headers that go with it.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.0.headers
    }

    /// The document as JSON.
    pub fn to_json(&self) -> String {
        // Strings, numbers and JSON values always serialize; the bare status is a floor to stand on.
        serde_json::to_string(self)
            .unwrap_or_else(|_| format!(r#"{{"type":"about:blank","status":{}}}"#, self.0.status))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status, self.0.title)?;
        self.0.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl std::error::Error for Problem {}

fn title_of(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        other if other < 500 => "Client Error",
        _ => "Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defined_members_cannot_be_overwritten_by_extensions() {
        let problem = Problem::new(409).with("status", 200).with("retry_after", 3);
        let json: Value = serde_json::from_str(&problem.to_json()).unwrap();
        assert_eq!(json["status"], 409);
        assert_eq!(json["retry_after"], 3);
    }

    #[test]
    fn what_was_said_can_be_read() {
        let problem = Problem::new(422).detail("no").field("name", "is taken");
        assert_eq!((problem.type_uri(), problem.detail_text()), ("about:blank", Some("no")));
        assert_eq!(problem.errors()[0].field, "name");
        assert_eq!(Problem::new(404).detail_text(), None);
    }

    #[test]
    fn a_status_that_is_no_error_becomes_500() {
        assert_eq!(Problem::new(200).status(), 500);
        assert_eq!(Problem::new(9999).status(), 500);
    }
}
