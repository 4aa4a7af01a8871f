//! What is counted, in one place; nothing is without the feature `metrics`.

use std::borrow::Cow;
use std::time::Duration;

use crate::JobInfo;

/// Jobs that were enqueued, whether or not the caller's transaction commits.
pub(crate) fn enqueued(kind: Cow<'static, str>, queue: &str, count: usize) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("saas_jobs_enqueued_total", "kind" => kind, "queue" => queue.to_owned())
        .increment(count as u64);
    #[cfg(not(feature = "metrics"))]
    let _ = (kind, queue, count);
}

/// One run that ended.
pub(crate) fn ran(job: &JobInfo, outcome: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    {
        let (kind, queue) = (job.kind.clone(), std::sync::Arc::clone(&job.queue));
        let labels = [
            ::metrics::Label::new("kind", kind),
            ::metrics::Label::new("queue", queue),
            ::metrics::Label::new("outcome", outcome),
        ];
        ::metrics::histogram!("saas_jobs_run_seconds", labels[..2].to_vec())
            .record(took.as_secs_f64());
        ::metrics::counter!("saas_jobs_runs_total", labels.to_vec()).increment(1);
    }
    let _ = (job, outcome, took);
}

/// Jobs whose outcome was not recorded, because another worker holds them by now.
pub(crate) fn lost(count: usize) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("saas_jobs_lost_total").increment(count as u64);
    let _ = count;
}

/// Jobs taken back from workers that died.
pub(crate) fn rescued(count: usize) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("saas_jobs_rescued_total").increment(count as u64);
    let _ = count;
}

/// Jobs put back because no handler here knows their kind.
pub(crate) fn unknown() {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("saas_jobs_unknown_total").increment(1);
}

/// How full a queue is: ready, scheduled, running and dead jobs, and how old the oldest ready one.
#[cfg(feature = "metrics")]
pub(crate) fn gauge(queue: &str, depth: [i64; 4], age: Duration) {
    for (state, jobs) in ["ready", "scheduled", "running", "dead"].into_iter().zip(depth) {
        let queue = queue.to_owned();
        #[allow(clippy::cast_precision_loss)] // Beyond 2^53 jobs nobody counts.
        ::metrics::gauge!("saas_jobs_depth", "queue" => queue, "state" => state).set(jobs as f64);
    }
    ::metrics::gauge!("saas_jobs_oldest_seconds", "queue" => queue.to_owned())
        .set(age.as_secs_f64());
}
