use std::sync::Arc;

use saas_core::{Clock, Problem, TenantId};
use saas_idempotency::{Claim, Idempotency, Reply};
use saas_jobs::Queue;
use saas_pagination::Cursors;
use saas_tenancy::{TenantDb, TenantTx};

use crate::Db;
use crate::failpoint::point;
use crate::mail::Mailer;

/// What every request and every job works with.
pub struct App<D: Db> {
    /// The tenants' rows.
    pub db: TenantDb<D>,
    /// The jobs.
    pub queue: Queue<D>,
    /// Seals the cursors of lists.
    pub cursors: Cursors,
    /// Where mail goes.
    pub mailer: Mailer,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The hash of the operator's token.
    pub operator: Arc<[u8]>,
    /// The domain whose subdomains name tenants.
    pub base_domain: Option<Arc<str>>,
}

impl<D: Db> App<D> {
    /// Does `work` at most once, in one transaction: the tenant's scope, the idempotency record, the
    /// rows and the jobs that it writes commit together, or none of them does.
    ///
    /// An error of `work` rolls everything back; if it is one that a retry cannot mend, the
    /// idempotency layer keeps the answer.
    pub async fn once(
        &self,
        tenant: TenantId,
        idempotency: &Idempotency,
        work: impl AsyncFnOnce(&mut TenantTx<D>) -> Result<Reply, Problem>,
    ) -> Result<Reply, Problem> {
        let mut tx = self.db.tenant(tenant).await?;
        point("tx.opened");
        let turn = match idempotency.claim(tx.connection()).await? {
            Claim::Replay(reply) => return Ok(reply),
            Claim::Fresh(turn) => turn,
        };
        point("idempotency.claimed");
        let reply = work(&mut tx).await?;
        turn.record(tx.connection(), &reply).await?;
        point("idempotency.recorded");
        point("commit.before");
        tx.commit().await?;
        point("commit.after");
        Ok(reply)
    }
}

impl<D: Db> Clone for App<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            queue: self.queue.clone(),
            cursors: self.cursors.clone(),
            mailer: self.mailer.clone(),
            clock: self.clock.clone(),
            operator: self.operator.clone(),
            base_domain: self.base_domain.clone(),
        }
    }
}
