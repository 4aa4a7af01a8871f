use std::fmt;

use bytes::Bytes;
use saas_core::Problem;
use serde::Serialize;

use crate::Error;

/// The header that marks a replayed response.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

/// The version of the stored form, its first byte.
const V1: u8 = 1;

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
}

impl Reply {
    /// No body, no headers.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), replayed: false }
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

    /// Headers and body in the form that stores keep beside the status: a version byte, the number
    /// of headers, each with its lengths, the body to the end.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![V1];
        put(&mut out, self.headers.len());
        for (name, value) in &self.headers {
            put(&mut out, name.len());
            out.extend_from_slice(name.as_bytes());
            put(&mut out, value.len());
            out.extend_from_slice(value);
        }
        out.extend_from_slice(&self.body);
        out
    }

    /// The reply whose status and encoded form a store gives back. Of a form that this release
    /// does not know it says [`Error::Unreadable`].
    pub fn decode(status: u16, stored: impl Into<Bytes>) -> Result<Self, Error> {
        let mut rest: Bytes = stored.into();
        if take(&mut rest, 1)?[..] != [V1] {
            return Err(Error::Unreadable);
        }
        let mut reply = Self::new(status);
        for _ in 0..length(&mut rest)? {
            let name = length(&mut rest).and_then(|length| take(&mut rest, length))?;
            let value = length(&mut rest).and_then(|length| take(&mut rest, length))?;
            let name = std::str::from_utf8(&name).map_err(|_| Error::Unreadable)?;
            reply.headers.push((name.to_owned(), value.to_vec()));
        }
        Ok(reply.with_body(rest))
    }
}

fn put(out: &mut Vec<u8>, length: usize) {
    // A header beyond four gigabytes is one that no server took in.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn length(rest: &mut Bytes) -> Result<usize, Error> {
    let bytes = take(rest, 4)?;
    bytes[..]
        .try_into()
        .map(|bytes| u32::from_be_bytes(bytes) as usize)
        .map_err(|_| Error::Unreadable)
}

fn take(rest: &mut Bytes, count: usize) -> Result<Bytes, Error> {
    if rest.len() < count {
        return Err(Error::Unreadable);
    }
    Ok(rest.split_to(count))
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
    use proptest::prelude::*;

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
    fn another_version_or_a_cut_form_is_unreadable() {
        let stored = Reply::new(200).header("etag", "1").encode();
        assert!(matches!(Reply::decode(200, vec![2]), Err(Error::Unreadable)));
        for cut in 0..stored.len() {
            assert!(matches!(Reply::decode(200, stored[..cut].to_vec()), Err(Error::Unreadable)));
        }
    }

    #[test]
    fn debug_shows_no_body() {
        assert_eq!(
            format!("{:?}", Reply::new(200).with_body("secret")),
            "Reply { status: 200, replayed: false, .. }",
        );
    }

    proptest! {
        #[test]
        fn the_stored_form_round_trips(
            status in 200u16..600,
            headers in prop::collection::vec(("[a-z-]{1,12}", any::<Vec<u8>>()), 0..6),
            body: Vec<u8>,
        ) {
            let reply = headers
                .iter()
                .fold(Reply::new(status), |reply, (name, value)| reply.header(name, value))
                .with_body(body);
            prop_assert_eq!(Reply::decode(status, reply.encode()).unwrap(), reply);
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = Reply::decode(200, bytes);
        }
    }
}
