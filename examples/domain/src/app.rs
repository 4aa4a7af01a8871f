use std::sync::Arc;

use ipnet::IpNet;
use saas_core::sql::Statements;
use saas_core::{Clock, Problem, TenantId};
use saas_idempotency::{Claim, Idempotency, Policy, Reply};
use saas_jobs::Queue;
use saas_pagination::Cursors;
use saas_tenancy::{TenantDb, TenantTx};
use tokio_util::sync::CancellationToken;

use crate::Db;
use crate::admission::Admission;
use crate::failpoint::point;
use crate::logins::Logins;
use crate::mail::Mailer;
use crate::observe::Metrics;
use crate::tasks::Tasks;

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
    /// Networks of proxies that are believed who the client is.
    pub proxies: Arc<[IpNet]>,
    /// How many requests use the database at once.
    pub admission: Admission,
    /// How often a client may fail to log in.
    pub logins: Logins,
    /// Where work runs.
    pub tasks: Tasks,
    /// What the process counts and measures.
    pub metrics: Metrics,
    /// How statements are prepared.
    pub statements: Statements,
    /// Cancelled when the process is told to end.
    pub ending: CancellationToken,
}

/// Which requests are executed once, and which of their answers are kept.
pub fn policy() -> Policy {
    Policy::default()
        .methods(["POST"])
        // Answered before the handler decided anything.
        .release(400)
        .release(415)
}

impl<D: Db> App<D> {
    /// Does `work` when its turn at the database comes.
    pub async fn at_work<T, F>(self, work: impl FnOnce(Self) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
    {
        let tasks = self.tasks.clone();
        let turn = self.admission.work.enter().await?;
        let work = Box::pin(work(self));
        let work = async {
            let _turn = turn;
            work.await
        };
        tasks.run(work).await
    }

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
        point("idempotency.admitted");
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
        point("reply.before");
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
            proxies: self.proxies.clone(),
            admission: self.admission.clone(),
            logins: self.logins.clone(),
            tasks: self.tasks.clone(),
            metrics: self.metrics.clone(),
            statements: self.statements,
            ending: self.ending.clone(),
        }
    }
}
