mod stored;

use std::fmt;

use bytes::Bytes;
use saas_core::Problem;
use serde::Serialize;

use crate::Error;

/// The header that marks a replayed response.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

/// Headers that belong to one client or one connection and are never stored.
const NEVER_STORED: &[&str] = &[
    "authentication-info",
    "authorization",
    "connection",
    "date",
    "idempotency-replayed",
    "keep-alive",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-request-id",
];

/// A response in plain values: what a handler in atomic mode answers, what is stored, and what a
/// retry gets.
///
/// ```
/// use saas_idempotency::Reply;
///
/// let reply = Reply::json(201, &"made")?.header("location", "/invoices/7");
/// assert_eq!(reply.status(), 201);
/// assert_eq!(&reply.body()[..], b"\"made\"");
/// # Ok::<_, saas_idempotency::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    replayed: bool,
    /// The body is a whole reply that nobody can read; there are no headers.
    sealed: bool,
}

impl Reply {
    /// No body, no headers.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), replayed: false, sealed: false }
    }

    /// A JSON body.
    pub fn json<T: Serialize + ?Sized>(status: u16, value: &T) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(Error::Serialize)?;
        Ok(Self::new(status).header("content-type", "application/json").with_body(body))
    }

    /// Adds a header. One that HTTP does not allow is left out where the reply becomes a response.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers in order, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether it was given before and is repeated: its response says `Idempotency-Replayed: true`.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    #[cfg(feature = "aead")]
    pub(crate) fn of_sealed(status: u16, bytes: impl Into<Bytes>) -> Self {
        Self { sealed: true, ..Self::new(status).with_body(bytes) }
    }

    /// What is sealed, where it is.
    pub(crate) fn sealed(&self) -> Option<&Bytes> {
        self.sealed.then_some(&self.body)
    }

    pub(crate) fn into_replay(self) -> Self {
        Self { replayed: true, ..self }
    }

    /// Without the headers that belong to one client or one connection.
    pub(crate) fn storable(mut self) -> Self {
        let of_connection: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| name == "connection")
            .flat_map(|(_, value)| value.split(|byte| *byte == b','))
            .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
            .collect();
        self.headers.retain(|(name, _)| {
            !NEVER_STORED.contains(&name.as_str())
                && !name.starts_with("proxy-")
                && !of_connection.contains(name)
        });
        self.replayed = false;
        self
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let reply = Self::new(problem.status()).header("content-type", Problem::CONTENT_TYPE);
        problem
            .headers()
            .iter()
            .fold(reply, |reply, (name, value)| reply.header(name, value))
            .with_body(problem.to_json())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Reply");
        shown
            .field("status", &self.status)
            .field("replayed", &self.replayed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(reply: &Reply) -> Vec<&str> {
        reply.headers().map(|(name, _)| name).collect()
    }

    #[test]
    fn headers_of_one_client_or_connection_are_not_stored() {
        let reply = Reply::new(201)
            .header("Location", "/invoices/7")
            .header("ETag", "\"3\"")
            .header("Set-Cookie", "session=secret")
            .header("WWW-Authenticate", "Bearer")
            .header("Proxy-Authenticate", "Basic")
            .header("Date", "now")
            .header("Server", "x")
            .header("X-Request-Id", "1")
            .header("Connection", "close, X-Hop")
            .header("X-Hop", "1")
            .header("Transfer-Encoding", "chunked")
            .storable();
        assert_eq!(names(&reply), ["location", "etag"]);
    }

    #[test]
    fn debug_shows_no_body() {
        assert_eq!(
            format!("{:?}", Reply::new(200).with_body("secret")),
            "Reply { status: 200, replayed: false, .. }",
        );
    }
}
