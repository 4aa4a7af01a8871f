//! How a version, a path or a field says that it will go: `Deprecation`
//! ([RFC 9745](https://www.rfc-editor.org/rfc/rfc9745)) and `Sunset`
//! ([RFC 8594](https://www.rfc-editor.org/rfc/rfc8594)).

use chrono::{DateTime, Utc};
use saas_idempotency::Reply;

/// What will go, since when one knows, and when it is gone.
///
/// ```
/// use invoicing_domain::deprecation::Deprecation;
/// use saas_idempotency::Reply;
///
/// // A field that `GET /customers` has had, say.
/// const FULL_NAME: Deprecation = Deprecation {
///     since: "2026-01-01T00:00:00Z",
///     sunset: "2026-07-01T00:00:00Z",
///     more: "https://example.com/changes#full-name",
/// };
/// let reply = FULL_NAME.announce(Reply::new(200));
/// let headers: Vec<_> = reply.headers().map(|(name, value)| (name, str::from_utf8(value).unwrap())).collect();
/// assert_eq!(headers, [
///     ("deprecation", "@1767225600"),
///     ("sunset", "Wed, 01 Jul 2026 00:00:00 GMT"),
///     ("link", r#"<https://example.com/changes#full-name>; rel="deprecation""#),
/// ]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Deprecation {
    /// RFC 3339.
    pub since: &'static str,
    /// RFC 3339; from then on it may be missing.
    pub sunset: &'static str,
    /// Where to read what to do instead.
    pub more: &'static str,
}

impl Deprecation {
    /// The reply with the headers that say so.
    pub fn announce(&self, reply: Reply) -> Reply {
        let moment = |text: &str| text.parse::<DateTime<Utc>>().unwrap_or_default();
        let sunset = moment(self.sunset).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        reply
            .header("deprecation", format!("@{}", moment(self.since).timestamp()))
            .header("sunset", sunset)
            .header("link", format!("<{}>; rel=\"deprecation\"", self.more))
    }
}
