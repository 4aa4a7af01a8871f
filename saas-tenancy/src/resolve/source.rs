//! Where a request may name its tenant; pure.

use super::key::slug;
use super::{Key, Seen, Unresolved, host};

#[derive(Debug, Clone)]
pub(super) enum Source {
    Claim,
    Subdomain { parent: String },
    Domain,
    Path { prefix: &'static str },
    Header { name: &'static str },
}

/// What all sources share.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    pub(super) proxies: Vec<ipnet::IpNet>,
    pub(super) forwarded_host: bool,
    /// Hosts that are the platform's own and name nobody.
    pub(super) own_hosts: Vec<String>,
    /// Domains whose subdomains are tenants; none of their names is a custom domain.
    pub(super) parents: Vec<String>,
}

impl Trust {
    /// Whether what the peer adds to a request is to be believed.
    fn is_proxy(&self, seen: &Seen<'_>) -> bool {
        seen.peer
            .is_some_and(|peer| self.proxies.iter().any(|net| net.contains(&peer.to_canonical())))
    }

    /// The host that the client asked for, unless it is one of our own.
    fn host(&self, seen: &Seen<'_>) -> Result<Option<String>, Unresolved> {
        let forwarded = if self.forwarded_host && self.is_proxy(seen) {
            seen.header("x-forwarded-host")
                .map_err(|()| Unresolved::Ambiguous("x-forwarded-host"))?
        } else {
            None
        };
        // A chain of proxies makes a list of it, of which the client wrote the first.
        if forwarded.is_some_and(|hosts| hosts.contains(',')) {
            return Err(Unresolved::Ambiguous("x-forwarded-host"));
        }
        let host = forwarded.or(seen.host).and_then(host::normal);
        Ok(host.filter(|host| !self.own_hosts.contains(host)))
    }
}

impl Source {
    /// The tenant that this source names, if it names one.
    pub(super) fn key(&self, seen: &Seen<'_>, trust: &Trust) -> Result<Option<Key>, Unresolved> {
        Ok(match self {
            Self::Claim => seen.claim.map(|claim| Key::Id(claim.0)),
            Self::Subdomain { parent } => {
                let host = trust.host(seen)?;
                let label = host.as_deref().and_then(|host| host::label_before(host, parent));
                label.and_then(slug).map(Key::Slug)
            }
            Self::Domain => {
                let is_ours =
                    |host: &String| trust.parents.iter().any(|p| host::is_within(host, p));
                trust.host(seen)?.filter(|host| !is_ours(host)).map(Key::Domain)
            }
            Self::Path { prefix } => {
                let Some(rest) = seen.path.strip_prefix(prefix) else { return Ok(None) };
                let segment = rest.split('/').next().unwrap_or_default();
                // Something is named there, and it can be nobody's name.
                Some(Key::id_or_slug(segment).ok_or(Unresolved::Unknown)?)
            }
            Self::Header { name } => {
                // A client could have written it: without a proxy in between it says nothing.
                if !trust.is_proxy(seen) {
                    return Ok(None);
                }
                let value = seen.header(name).map_err(|()| Unresolved::Ambiguous(name))?;
                let key = |value: &str| Key::id_or_slug(value.trim()).ok_or(Unresolved::Unknown);
                value.map(key).transpose()?
            }
        })
    }
}
