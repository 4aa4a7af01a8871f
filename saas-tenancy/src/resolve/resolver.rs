use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use saas_core::TenantId;

use super::source::{Source, Trust};
use super::{Directory, Entry, Key, Seen, Standing, Unresolved, host};

/// Finds out whose request it is: a chain of sources and a directory.
///
/// Every source that names a tenant must name the same one: a client that is authenticated for one
/// tenant and asks at the host of another is answered as if that tenant did not exist.
#[derive(Clone)]
pub struct Resolver {
    directory: Arc<dyn Directory>,
    sources: Vec<Source>,
    trust: Trust,
    mistake: Option<String>,
}

/// What a request calls its tenant by, each name once: still to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(Vec<Key>);

impl Resolver {
    /// Looks tenants up in `directory`; without a source, no request has a tenant.
    pub fn new(directory: impl Directory + 'static) -> Self {
        let (sources, trust) = (Vec::new(), Trust::default());
        Self { directory: Arc::new(directory), sources, trust, mistake: None }
    }

    /// Takes the [`Claim`](super::Claim) that authentication left with the request.
    #[must_use]
    pub fn claim(self) -> Self {
        self.source(Source::Claim)
    }

    /// Takes the one label before `parent` in the host for a slug.
    #[must_use]
    pub fn subdomain_of(mut self, parent: &str) -> Self {
        let Some(parent) = self.host(parent) else { return self };
        self.trust.own_hosts.push(parent.clone());
        self.trust.parents.push(parent.clone());
        self.source(Source::Subdomain { parent })
    }

    /// Takes any other host for a tenant's own domain. A host that the directory does not know names
    /// nobody, so that sources after this one, or a claim, still count.
    #[must_use]
    pub fn custom_domain(self) -> Self {
        self.source(Source::Domain)
    }

    /// Takes the path's segment after `prefix`, such as `/t/`, for an id or a slug.
    #[must_use]
    pub fn path(mut self, prefix: &'static str) -> Self {
        if !prefix.starts_with('/') || !prefix.ends_with('/') {
            self.mistake = Some(format!("the path `{prefix}` does not begin and end with `/`"));
        }
        self.source(Source::Path { prefix })
    }

    /// Takes a header for an id or a slug, from a trusted proxy only; from anybody else it is
    /// ignored. The name is in lower case.
    #[must_use]
    pub fn header(self, name: &'static str) -> Self {
        self.source(Source::Header { name })
    }

    /// Whose word on headers counts: the networks of one's own proxies, which must themselves drop
    /// what a client sent under these names.
    #[must_use]
    pub fn trust_proxies(mut self, networks: impl IntoIterator<Item = ipnet::IpNet>) -> Self {
        for network in networks {
            // Peers are compared as what they are, IPv4 in IPv6 as IPv4.
            if matches!(network.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
                self.mistake = Some(format!("write the network {network} as one of IPv4"));
            }
            self.trust.proxies.push(network);
        }
        self
    }

    /// Takes the host from a trusted proxy's `X-Forwarded-Host` where it sends one.
    #[must_use]
    pub fn forwarded_host(mut self) -> Self {
        self.trust.forwarded_host = true;
        self
    }

    /// Hosts of the platform itself, which name no tenant.
    #[must_use]
    pub fn own_hosts<'h>(mut self, hosts: impl IntoIterator<Item = &'h str>) -> Self {
        for host in hosts {
            let host = self.host(host);
            self.trust.own_hosts.extend(host);
        }
        self
    }

    /// A host as it is compared; what is none, a URL say, is a mistake.
    fn host(&mut self, text: &str) -> Option<String> {
        let host = host::normal(text);
        if host.is_none() {
            self.mistake = Some(format!("`{text}` is no host name"));
        }
        host
    }

    /// Whether the declaration holds together: for a test, since requests can only fail on it.
    ///
    /// # Errors
    /// [`Unresolved::Declaration`] for a host that is none, a path without slashes, a network that no
    /// peer can be in.
    pub fn check(&self) -> Result<(), Unresolved> {
        self.mistake.clone().map_or(Ok(()), |mistake| Err(Unresolved::Declaration(mistake)))
    }

    fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// What the request names, without looking it up; pure.
    ///
    /// # Errors
    /// [`Unresolved::Missing`], [`Unresolved::Ambiguous`], or [`Unresolved::Unknown`] for what can be
    /// nobody's name.
    pub fn named(&self, seen: &Seen<'_>) -> Result<Named, Unresolved> {
        self.check()?;
        let mut keys = Vec::new();
        for source in &self.sources {
            let key = source.key(seen, &self.trust)?;
            keys.extend(key.filter(|key| !keys.contains(key)));
        }
        if keys.is_empty() { Err(Unresolved::Missing) } else { Ok(Named(keys)) }
    }

    /// The tenant of these names, if it is served.
    ///
    /// # Errors
    /// [`Unresolved::Unknown`], [`Unresolved::Suspended`], [`Unresolved::Unavailable`].
    pub async fn find(&self, named: Named) -> Result<TenantId, Unresolved> {
        let mut found = Vec::with_capacity(named.0.len());
        for key in named.0 {
            let entry = self.directory.find(&key).await.map_err(Unresolved::Unavailable)?;
            found.push((key, entry));
        }
        let entry = agreed(&found).ok_or(Unresolved::Unknown)?;
        match entry.standing {
            Standing::Active => Ok(entry.tenant),
            Standing::Suspended => Err(Unresolved::Suspended),
        }
    }
}

/// The one tenant that all names stand for. A domain that nobody registered is no name.
fn agreed(found: &[(Key, Option<Entry>)]) -> Option<Entry> {
    let mut one = None;
    for (key, entry) in found {
        match (key, entry, one) {
            (Key::Domain(_), None, _) => {}
            (_, Some(entry), None) => one = Some(*entry),
            (_, Some(entry), Some(first)) if entry.tenant == first.tenant => {}
            _ => return None,
        }
    }
    one
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("sources", &self.sources)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}
