use std::fmt;
use std::net::IpAddr;

use saas_core::TenantId;

use super::{Unresolved, host};

/// The tenant that authentication found out: put it into the request's extensions, before the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim(pub TenantId);

/// Whose request it is, in the request's extensions behind the layer, and what handlers extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentTenant(pub TenantId);

/// What a request says of itself, in plain values: what a shell for any framework fills in.
#[derive(Clone, Copy)]
pub struct Seen<'r> {
    /// The host it was sent to, from the `Host` header or the authority.
    pub host: Option<&'r str>,
    /// The path, still percent-encoded.
    pub path: &'r str,
    /// Who opened the connection, as far as it is known.
    pub peer: Option<IpAddr>,
    /// What authentication found out.
    pub claim: Option<Claim>,
    /// All values of a header, by its lower-case name.
    pub headers: &'r dyn Fn(&str) -> Vec<&'r [u8]>,
}

impl<'r> Seen<'r> {
    /// The one host that a request was sent to. HTTP/2 has it in the URI, HTTP/1 in a header, and in
    /// both they are the same; two hosts are none. For whoever writes a shell.
    ///
    /// # Errors
    /// [`Unresolved::Ambiguous`] for several hosts, or one that is no text.
    pub fn one_host(
        authority: Option<&'r str>,
        headers: &[&'r [u8]],
    ) -> Result<Option<&'r str>, Unresolved> {
        let header = match headers {
            [] => None,
            [host] => Some(std::str::from_utf8(host).map_err(|_| Unresolved::Ambiguous("host"))?),
            _ => return Err(Unresolved::Ambiguous("host")),
        };
        match (authority, header) {
            (Some(uri), Some(header)) if host::normal(uri) != host::normal(header) => {
                Err(Unresolved::Ambiguous("host"))
            }
            (uri, header) => Ok(uri.or(header)),
        }
    }

    /// The one value of a header; `Err` if there are several or it is no text.
    pub(super) fn header(&self, name: &str) -> Result<Option<&'r str>, ()> {
        match (self.headers)(name)[..] {
            [] => Ok(None),
            [value] => std::str::from_utf8(value).map(Some).map_err(drop),
            _ => Err(()),
        }
    }
}

impl fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("host", &self.host)
            .field("path", &self.path)
            .field("peer", &self.peer)
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}
