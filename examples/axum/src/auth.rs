//! Who asks: an API key decides the tenant, and whatever else names one must agree.

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::middleware::Next;
use axum::response::Response;
use invoicing_domain::failpoint::point;
use invoicing_domain::tenants::{self, Tenant};
use invoicing_domain::together::Together;
use invoicing_domain::{App, Db, keys};
use saas_core::{Problem, TenantId};
use saas_idempotency::Scope;

/// The tenant of the request; only there behind [`tenant`].
#[derive(Debug, Clone, Copy)]
pub struct Current(pub TenantId);

impl<S: Sync> FromRequestParts<S> for Current {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(unauthorized)
    }
}

/// Lets a request pass whose key stands for a tenant, and says so to what comes after.
pub async fn tenant<D: Db>(
    State((app, lookups)): State<(App<D>, Together<Option<Tenant>>)>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response, Problem> {
    point("request.received");
    let secret = bearer(request.headers()).ok_or_else(unauthorized)?;
    let lookup = tenants::of_key(&app, secret);
    let tenant = lookups.ask(keys::hash(secret), lookup).await?.ok_or_else(unauthorized)?;
    let named = named_tenants(&request, app.base_domain.as_deref());
    if named.iter().any(|slug| *slug != tenant.slug) {
        return Err(Problem::new(403).detail("the key belongs to another tenant"));
    }
    point("auth.done");
    request.extensions_mut().insert(Current(tenant.scope()));
    request.extensions_mut().insert(Scope::tenant(tenant.scope()));
    Ok(next.run(request).await)
}

/// Lets a request pass that has the operator's token.
pub async fn operator<D: Db>(
    State(app): State<App<D>>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, Problem> {
    let token = bearer(request.headers()).filter(|token| keys::matches(token, &app.operator));
    token.ok_or_else(unauthorized)?;
    Ok(next.run(request).await)
}

fn unauthorized() -> Problem {
    Problem::new(401).header("www-authenticate", "Bearer")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The tenants that the request names besides its key: by header, and by each host it names, since
/// two readers of an ambiguous request could believe two of them.
fn named_tenants<B>(request: &Request<B>, base_domain: Option<&str>) -> Vec<String> {
    // A header that is no text names nobody we know.
    let text = |value: &HeaderValue| value.to_str().unwrap_or("\0").to_owned();
    let mut named: Vec<_> = request.headers().get_all("x-tenant").iter().map(text).collect();
    let Some(base) = base_domain else { return named };
    let target = request.uri().host().map(str::to_owned);
    let hosts = request.headers().get_all(header::HOST).iter().map(text).chain(target);
    named.extend(hosts.filter_map(|host| {
        let host = host.rsplit_once(':').map_or(&*host, |(host, _)| host).to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        host.strip_suffix(base)?.strip_suffix('.').map(str::to_owned)
    }));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn one_bearer_token_and_nothing_else() {
        assert_eq!(bearer(&headers("authorization", "bearer abc")), Some("abc"));
        for other in ["Basic abc", "Bearer", "Bearer ", ""] {
            assert_eq!(bearer(&headers("authorization", other)), None, "{other}");
        }
    }

    #[test]
    fn a_subdomain_names_a_tenant_and_the_bare_domain_does_not() {
        let named = |host| {
            let request = Request::builder().uri("/x").header("host", host).body(()).unwrap();
            named_tenants(&request, Some("example.com"))
        };
        assert_eq!(named("Acme.example.com:3000"), ["acme"]);
        assert_eq!(named("acme.example.com."), ["acme"]);
        assert_eq!(named("example.com"), [""; 0]);
        assert_eq!(named("acmeexample.com"), [""; 0]);
    }

    #[test]
    fn every_tenant_that_a_request_names_counts() {
        let request = Request::builder()
            .uri("http://b.example.com/x")
            .header("host", "a.example.com")
            .header("x-tenant", "c")
            .header("x-tenant", "d")
            .body(())
            .unwrap();
        assert_eq!(named_tenants(&request, Some("example.com")), ["c", "d", "a", "b"]);
    }
}
