//! Who asks: an API key decides the tenant, and whatever else names one must agree.

use std::net::IpAddr;
use std::time::Instant;

use saas_core::{Problem, TenantId};
use tracing::Span;
use tracing::field::display;

use crate::failpoint::point;
use crate::head::Head;
use crate::{App, Db, keys, tenants};

/// What a request shows to be let in.
#[derive(Debug)]
pub struct Credentials {
    token: String,
    named: Vec<String>,
    client: IpAddr,
}

impl Credentials {
    /// Those of a request; without a token it is 401, which is no failed login.
    pub fn of<D: Db>(app: &App<D>, head: &Head<'_>) -> Result<Self, Problem> {
        point("request.received");
        Ok(Self {
            token: head.bearer().ok_or_else(unauthorized)?.to_owned(),
            named: head.named_tenants(app.base_domain.as_deref()),
            client: head.client(&app.proxies),
        })
    }
}

/// The tenant that the key stands for.
pub async fn tenant<D: Db>(app: &App<D>, credentials: Credentials) -> Result<TenantId, Problem> {
    let Credentials { token, named, client } = credentials;
    let hash = keys::hash(&token);
    app.logins.check(client, Some(&hash), Instant::now())?;
    let (keys, lookup) = (app.admission.keys.clone(), tenants::of_key(app.clone(), token));
    let question = hash.clone();
    let found = app.tasks.run(async move { keys.ask(question, lookup).await }).await?;
    let Some(holder) = found else {
        app.logins.failed(client, Instant::now());
        return Err(unauthorized());
    };
    app.logins.succeeded(hash);
    if named.iter().any(|slug| *slug != holder.slug) {
        return Err(Problem::new(403).detail("the key belongs to another tenant"));
    }
    let span = Span::current();
    span.record("tenant", &holder.slug).record("tenant_id", display(holder.tenant));
    point("auth.done");
    Ok(holder.tenant)
}

/// Whether the token is the operator's.
pub fn operator<D: Db>(app: &App<D>, credentials: Credentials) -> Result<(), Problem> {
    let Credentials { token, client, .. } = credentials;
    app.logins.check(client, None, Instant::now())?;
    if keys::matches(&token, &app.operator) {
        return Ok(());
    }
    app.logins.failed(client, Instant::now());
    Err(unauthorized())
}

fn unauthorized() -> Problem {
    Problem::new(401).header("www-authenticate", "Bearer")
}
