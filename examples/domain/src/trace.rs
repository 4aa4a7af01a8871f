//! Traces: a request continues the one that it comes with, and its jobs continue the request's.
//!
//! Every request and every run of a job has the ids of [W3C Trace Context](https://www.w3.org/TR/trace-context/),
//! by which logs of several processes are joined. Spans leave the process only where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use saas_jobs::{JobRequest, JobService, Worker};
use tower::layer::layer_fn;
use tower::{Service, service_fn};
use tracing::{Instrument, Span, Subscriber, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::config::variable;
use crate::{App, Db, Error};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// What the environment says, in OpenTelemetry's own variables: beside the endpoint
    /// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and `OTEL_BSP_…`.
    pub fn from_env() -> Result<Self, Error> {
        let provider = SdkTracerProvider::builder();
        let Some(endpoint) = variable(ENDPOINT) else {
            // Ids for the logs, and no spans.
            return Ok(Self(provider.with_sampler(Sampler::AlwaysOff).build()));
        };
        // A collector beside the process needs no TLS; it is what speaks it to the world.
        if !endpoint.starts_with("http://") {
            return Err(format!("{ENDPOINT}: must begin with http://").into());
        }
        let exporter = SpanExporter::builder().with_http().build();
        let exporter = exporter.map_err(|error| format!("{ENDPOINT}: {error}"))?;
        let resource = Resource::builder();
        let resource = match variable("OTEL_SERVICE_NAME") {
            Some(_) => resource.build(),
            None => resource.with_service_name("invoicing").build(),
        };
        // Spans wait for a thread that sends them, and are dropped when too many do: nobody else
        // waits for a collector.
        Ok(Self(provider.with_resource(resource).with_batch_exporter(exporter).build()))
    }

    /// Takes part in what is logged: the service's own spans, whatever `RUST_LOG` says.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let own = Targets::new().with_target("invoicing", LevelFilter::INFO);
        let tracer = self.0.tracer("invoicing");
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(own)
    }

    /// Sends what is left.
    pub fn flush(self) {
        if let Err(error) = self.0.shutdown_with_timeout(Duration::from_secs(3)) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Names a span that nobody has entered yet, lets it continue the trace of a `traceparent`, and says
/// the trace's id in its field `trace_id`. Without one, or with something else, it begins a trace.
pub fn continued(span: &Span, name: String, traceparent: Option<&str>) {
    if let Some(text) = traceparent {
        let told = HashMap::from([("traceparent".to_owned(), text.to_owned())]);
        let _ = span.set_parent(TraceContextPropagator::new().extract(&told));
    }
    let context = span.context();
    context.span().update_name(name);
    span.record("trace_id", field::display(context.span().span_context().trace_id()));
}

/// The `traceparent` of what is being done, for jobs that continue it.
pub fn traceparent() -> String {
    let mut told = HashMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut told);
    told.remove("traceparent").unwrap_or_default()
}

/// Says of a span that what it is about went wrong.
pub fn failed(span: &Span) {
    span.set_status(Status::error(""));
}

/// Runs every job in a span that continues the trace of the request that enqueued it.
pub fn jobs<D: Db>(worker: Worker<D, App<D>>) -> Worker<D, App<D>> {
    worker.layer(layer_fn(|jobs: JobService| {
        service_fn(move |run: JobRequest| {
            let info = run.info();
            let span = info_span!(
                // Of the worker's own span this one has all fields.
                parent: None, "job", otel.kind = "consumer", id = %info.id, kind = info.kind,
                attempt = info.attempt, tenant_id = info.tenant.map(field::display),
                trace_id = field::Empty,
            );
            continued(&span, info.kind.clone(), info.trace.as_deref());
            let result = jobs.clone().call(run);
            let done = async move {
                let result = result.await;
                tracing::info!(ok = result.is_ok(), "ran");
                if result.is_err() {
                    failed(&Span::current());
                }
                result
            };
            done.instrument(span)
        })
    }))
}
