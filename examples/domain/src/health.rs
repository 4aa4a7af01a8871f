//! For whoever watches the process.

use std::time::Duration;

use saas_core::Problem;
use saas_idempotency::Reply;

use crate::tenants::Tenant;
use crate::{App, Db};

/// `GET /healthz`: the process answers.
pub fn alive() -> Reply {
    ok()
}

/// `GET /readyz`: the database answers, with the tables that this version needs: starting has checked
/// those.
pub async fn ready<D: Db>(app: App<D>) -> Result<Reply, Problem> {
    let probe = app.db.read_global();
    let probe = probe.select::<Tenant>().limit(1);
    match tokio::time::timeout(Duration::from_secs(2), probe.optional()).await {
        Ok(Ok(_)) => Ok(ok()),
        _ => Err(Problem::new(503).detail("the database does not answer")),
    }
}

fn ok() -> Reply {
    Reply::new(200).header("content-type", "text/plain; charset=utf-8").with_body("ok")
}
