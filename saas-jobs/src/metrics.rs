//! What is counted, in one place; nothing is without the feature `metrics`.

use std::time::Duration;

/// Jobs that were enqueued, whether or not the caller's transaction commits.
pub(crate) fn enqueued(kind: &'static str, count: usize) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("saas_jobs_enqueued_total", "kind" => kind).increment(count as u64);
    let _ = (kind, count);
}

/// One run that ended.
pub(crate) fn ran(kind: &'static str, outcome: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    {
        ::metrics::counter!("saas_jobs_runs_total", "kind" => kind, "outcome" => outcome)
            .increment(1);
        ::metrics::histogram!("saas_jobs_run_seconds", "kind" => kind).record(took.as_secs_f64());
    }
    let _ = (kind, outcome, took);
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
