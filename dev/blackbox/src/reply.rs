use std::collections::HashSet;
use std::sync::Mutex;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer. Every one has a request id that no other answer had; that is checked when it is made.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte by byte.
    pub body: Vec<u8>,
    call: String,
}

impl Reply {
    pub(crate) fn new(
        call: String,
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
        seen: &Mutex<HashSet<String>>,
    ) -> Self {
        let reply = Self { status, headers, body, call };
        let request_id = reply.header("x-request-id").unwrap_or_default().to_owned();
        assert!(!request_id.is_empty(), "no X-Request-Id\n{reply}");
        assert!(
            seen.lock().unwrap().insert(request_id),
            "an X-Request-Id of another answer\n{reply}"
        );
        reply
    }

    /// Fails unless the status is this one. An error must be a problem document that says so, too.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        self.expect_one_of(&[status])
    }

    /// Fails unless the status is one of these.
    #[track_caller]
    pub fn expect_one_of(self, statuses: &[u16]) -> Self {
        assert!(statuses.contains(&self.status), "{self}");
        if self.status >= 400 {
            self.problem();
        }
        self
    }

    #[track_caller]
    fn problem(&self) {
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("application/problem+json"),
            "no problem document\n{self}"
        );
        let problem = self.json();
        assert!(problem["type"].is_string(), "no type\n{self}");
        assert!(
            problem["title"].as_str().is_some_and(|title| !title.is_empty()),
            "no title\n{self}"
        );
        assert_eq!(problem["status"], self.status, "{self}");
        let text = problem.to_string().to_lowercase();
        for word in ["sqlx", "sqlite", "postgres", "constraint", "panicked"] {
            assert!(!text.contains(word), "an error tells of {word}\n{self}");
        }
    }

    /// Fails unless the problem names this field.
    #[track_caller]
    pub fn naming(self, field: &str) -> Self {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let named =
            errors.iter().any(|error| error["field"] == field && error["detail"].is_string());
        assert!(named, "the problem does not name {field}\n{self}");
        self
    }

    /// Fails unless it says whether it is a replay, as it should.
    #[track_caller]
    pub fn replayed(self, yes: bool) -> Self {
        assert_eq!(self.header("idempotency-replayed"), yes.then_some("true"), "{self}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON: {error}\n{self}"))
    }

    /// A header's value, where it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header's value.
    #[track_caller]
    pub fn must(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name}\n{self}"))
    }

    /// The `ETag`, which must be a strong one.
    #[track_caller]
    pub fn etag(&self) -> String {
        let tag = self.must("etag");
        assert!(
            tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
            "no strong ETag\n{self}"
        );
        tag.to_owned()
    }

    /// The references of `Link` by relation.
    pub fn link(&self, relation: &str) -> Option<String> {
        self.headers
            .get_all("link")
            .iter()
            .flat_map(|value| value.to_str().unwrap().split(','))
            .find_map(|link| {
                let (reference, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
                let found =
                    parameters.split(';').any(|p| p.trim() == format!("rel=\"{relation}\""));
                found.then(|| reference.to_owned())
            })
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let body: String = body.chars().take(2_000).collect();
        write!(f, "{} answered {} {:?}\n{body}", self.call, self.status, self.headers)
    }
}
