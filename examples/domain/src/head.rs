//! The head of a request in plain values, whatever framework has read it, and what is decided on it.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// Who sent a request, and its headers.
#[derive(Debug)]
pub struct Head<'r> {
    /// The other end of the connection.
    pub peer: Option<IpAddr>,
    /// The host in the request's target, which is rarely there.
    pub target: Option<&'r str>,
    /// Names in lower case, and values.
    pub headers: Vec<(&'r str, &'r [u8])>,
}

impl<'r> Head<'r> {
    /// The token of the one `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&'r str> {
        let mut values = self.all("authorization");
        let (value, None) = (values.next()?, values.next()) else { return None };
        let (scheme, token) = value?.split_once(' ')?;
        let token = scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())?;
        Some(token).filter(|token| !token.is_empty())
    }

    /// The tenants that the request names besides its key: by header, and by each host it names, since
    /// two readers of an ambiguous request could believe two of them.
    pub fn named_tenants(&self, base_domain: Option<&str>) -> Vec<String> {
        // A header that is no text names nobody we know.
        let text = |value: Option<&str>| value.unwrap_or("\0").to_owned();
        let mut named: Vec<_> = self.all("x-tenant").map(text).collect();
        let Some(base) = base_domain else { return named };
        let hosts = self.all("host").map(text).chain(self.target.map(str::to_owned));
        named.extend(hosts.filter_map(|host| {
            let host = host.rsplit_once(':').map_or(&*host, |(host, _)| host).to_ascii_lowercase();
            let host = host.strip_suffix('.').unwrap_or(&host);
            host.strip_suffix(base)?.strip_suffix('.').map(str::to_owned)
        }));
        named
    }

    /// `If-Match` as one list, if there is any.
    pub fn if_match(&self) -> Option<String> {
        let tags: Vec<_> = self.all("if-match").collect();
        // A tag that is no text is one that no row has.
        (!tags.is_empty()).then(|| tags.into_iter().flatten().collect::<Vec<_>>().join(","))
    }

    /// Whether it says that the body is `application/json`, with parameters or not, or of any type that
    /// is JSON.
    pub fn is_json(&self) -> bool {
        let Some(Some(content_type)) = self.all("content-type").next() else { return false };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    }

    /// Whether it says that the body is something else until it is decoded.
    pub fn is_encoded(&self) -> bool {
        let plain = |value: Option<&str>| {
            value.is_some_and(|value| value.trim().eq_ignore_ascii_case("identity"))
        };
        !self.all("content-encoding").all(plain)
    }

    /// How long it says that the body is.
    pub fn content_length(&self) -> Option<usize> {
        self.all("content-length").next()??.parse().ok()
    }

    /// The client's address: the peer's or, behind proxies of ours, the last one that those did not
    /// add themselves. What stands before it can be anybody's invention.
    pub fn client(&self, proxies: &[IpNet]) -> IpAddr {
        let ours = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
        let peer = self.peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.to_canonical());
        if !ours(&peer) {
            return peer;
        }
        let forwarded = self.all("x-forwarded-for").flatten().flat_map(|list| list.split(','));
        let forwarded: Vec<&str> = forwarded.map(str::trim).collect();
        // One that cannot be read ends what can be believed.
        let read = forwarded.iter().rev().map_while(|address| address.parse().ok());
        read.map(|address: IpAddr| address.to_canonical()).find(|at| !ours(at)).unwrap_or(peer)
    }

    /// The values of a header, `None` for one that is no text.
    fn all(&self, name: &str) -> impl Iterator<Item = Option<&'r str>> {
        let values = self.headers.iter().filter(move |(other, _)| *other == name);
        values.map(|(_, value)| str::from_utf8(value).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'r>(headers: &[(&'r str, &'r str)]) -> Head<'r> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        Head { peer: Some([10, 0, 0, 1].into()), target: None, headers }
    }

    #[test]
    fn one_bearer_token_and_nothing_else() {
        assert_eq!(head(&[("authorization", "bearer abc")]).bearer(), Some("abc"));
        for other in ["Basic abc", "Bearer", "Bearer ", ""] {
            assert_eq!(head(&[("authorization", other)]).bearer(), None, "{other}");
        }
        let twice = head(&[("authorization", "Bearer a"), ("authorization", "Bearer a")]);
        assert_eq!(twice.bearer(), None);
    }

    #[test]
    fn a_subdomain_names_a_tenant_and_the_bare_domain_does_not() {
        let named = |host| head(&[("host", host)]).named_tenants(Some("example.com"));
        assert_eq!(named("Acme.example.com:3000"), ["acme"]);
        assert_eq!(named("acme.example.com."), ["acme"]);
        assert_eq!(named("example.com"), [""; 0]);
        assert_eq!(named("acmeexample.com"), [""; 0]);
    }

    #[test]
    fn every_tenant_that_a_request_names_counts() {
        let mut head = head(&[("host", "a.example.com"), ("x-tenant", "c"), ("x-tenant", "d")]);
        head.target = Some("b.example.com");
        assert_eq!(head.named_tenants(Some("example.com")), ["c", "d", "a", "b"]);
    }

    #[test]
    fn the_tags_of_several_headers_are_one_list() {
        let two = head(&[("if-match", "\"1\""), ("if-match", "\"2\"")]);
        assert_eq!(two.if_match().unwrap(), "\"1\",\"2\"");
        assert_eq!(head(&[]).if_match(), None);
    }

    #[test]
    fn only_proxies_of_ours_are_believed_who_the_client_is() {
        let ours = ["10.0.0.0/8".parse().unwrap()];
        let seen = |forwarded| head(&[("x-forwarded-for", forwarded)]);
        let client = |forwarded, ours| seen(forwarded).client(ours).to_string();
        assert_eq!(client("1.1.1.1", &[]), "10.0.0.1");
        assert_eq!(client("1.1.1.1", &ours), "1.1.1.1");
        assert_eq!(client("6.6.6.6, 1.1.1.1, 10.2.3.4", &ours), "1.1.1.1");
        assert_eq!(client("6.6.6.6, nonsense", &ours), "10.0.0.1");
        assert_eq!(head(&[]).client(&ours).to_string(), "10.0.0.1");
    }
}
