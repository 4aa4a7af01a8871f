//! What is counted, in one place; without the feature `metrics` it is only said, at level debug.
//!
//! No label names a tenant, a key or a route: how many series there are is seen in this file.

/// How a covered request with a key ended, or why it was refused.
pub(crate) fn request(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("saas_idempotency_requests_total", "outcome" => outcome).increment(1);
    tracing::debug!(outcome, "idempotency: a covered request ended");
}

/// Which of the two calls that a new request makes.
#[cfg(any(feature = "shell", feature = "sqlx"))]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Claim,
    Complete,
}

/// Times a call of the store.
#[cfg(any(feature = "shell", feature = "sqlx"))]
pub(crate) async fn timed<T>(which: Call, call: impl Future<Output = T>) -> T {
    #[cfg(feature = "metrics")]
    let began = std::time::Instant::now();
    let result = call.await;
    #[cfg(feature = "metrics")]
    {
        let name = match which {
            Call::Claim => "saas_idempotency_claim_seconds",
            Call::Complete => "saas_idempotency_complete_seconds",
        };
        ::metrics::histogram!(name).record(began.elapsed().as_secs_f64());
    }
    let _ = which;
    result
}

/// One pass of a sweeper that ended.
#[cfg(feature = "shell")]
pub(crate) fn swept(records: u64, took: std::time::Duration) {
    #[cfg(feature = "metrics")]
    {
        ::metrics::counter!("saas_idempotency_swept_total").increment(records);
        ::metrics::histogram!("saas_idempotency_sweep_seconds").record(took.as_secs_f64());
    }
    let _ = (records, took);
}

/// One pass of a sweeper that broke off.
#[cfg(feature = "shell")]
pub(crate) fn sweep_failed() {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("saas_idempotency_sweep_failures_total").increment(1);
}
