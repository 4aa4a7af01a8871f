//! For whoever watches the process.

use std::time::Duration;

use axum::extract::State;
use invoicing_domain::{App, Db};
use saas_core::Problem;

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok"
}

/// The database answers, with the tables that this version needs: starting has checked those.
pub async fn readyz<D: Db>(State(app): State<App<D>>) -> Result<&'static str, Problem> {
    let probe = app.db.read_global();
    let probe = probe.select::<invoicing_domain::tenants::Tenant>().limit(1);
    match tokio::time::timeout(Duration::from_secs(2), probe.optional()).await {
        Ok(Ok(_)) => Ok("ok"),
        _ => Err(Problem::new(503).detail("the database does not answer")),
    }
}
