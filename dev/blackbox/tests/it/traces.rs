//! One trace from a client's request to the job that it leaves behind, in logs and at a collector.

use std::time::{Duration, Instant};

use saas_blackbox::{Collector, Service, Target, id};
use serde_json::Value;
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

pub(crate) async fn a_job_continues_the_trace_of_its_request(target: Target) {
    let collector = Collector::start().await;
    let mut service = Service::install(target).await;
    service.set("LOG_FORMAT", "json");
    service.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
    service.run(&[]).await;
    let tenant = service.tenant().await;
    let invoice = tenant.api.draft().await;
    let send = tenant.api.post(&format!("/invoices/{}/send", id(&invoice))).keyed();
    let sent = send.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).await.expect(202);
    let job = sent.json()["job_id"].as_str().expect("a job_id").to_owned();
    tenant.api.done(&job).await;
    // What is not sent yet is sent at the end.
    assert!(service.terminate().await.success());

    let of_request = collector.span("POST /api/v1/invoices/{id}/send");
    let of_job = collector.span("send_invoice");
    assert_eq!([hex(&of_request.trace_id), hex(&of_job.trace_id)], [TRACE; 2]);
    assert_eq!(hex(&of_request.parent_span_id), PARENT);
    assert_eq!(of_job.parent_span_id, of_request.span_id);
    assert_ne!(hex(&collector.span("POST /api/v1/customers").trace_id), TRACE);

    let logs = logs(&service);
    let of = |id: &str| {
        let mut found = logs.iter().filter(|log| log["span"]["id"] == id);
        let log = found.find(|log| log["span"]["trace_id"] == TRACE);
        log.unwrap_or_else(|| panic!("no line of {id} in the trace: {logs:#?}"))
    };
    let (of_request, of_job) = (of(sent.must("x-request-id")), of(&job));
    assert_eq!(of_request["span"]["tenant"], tenant.slug.as_str());
    assert!(of_job["span"]["tenant_id"].is_string(), "{of_job}");
    assert_eq!(of_job["span"]["tenant_id"], of_request["span"]["tenant_id"]);
}

pub(crate) async fn requests_have_a_trace_without_a_collector(target: Target) {
    let mut service = Service::install(target).await;
    service.set("LOG_FORMAT", "json");
    service.run(&[]).await;
    let api = service.api().await;
    let job = api.send(&api.draft().await).await;
    let own = api.get("/customers").header("traceparent", "00-nonsense-01").await.expect(200);
    api.done(&job).await;
    assert!(service.terminate().await.success());
    let logs = logs(&service);
    let trace = |log: &Value| log["span"]["trace_id"].as_str().expect("a trace").to_owned();
    let of_job = logs.iter().find(|log| log["span"]["id"] == job.as_str()).expect("the job's line");
    let same: Vec<_> = logs.iter().filter(|log| log["span"]["trace_id"] == trace(of_job)).collect();
    assert!(same.iter().any(|log| log["span"]["method"] == "POST"), "{logs:#?}");
    let own = logs.iter().find(|log| log["span"]["id"] == own.must("x-request-id"));
    let own = trace(own.expect("the request's line"));
    assert!(own.len() == 32 && own != trace(of_job) && own.bytes().any(|c| c != b'0'), "{own}");
}

pub(crate) async fn nobody_waits_for_a_collector(target: Target) {
    // It takes connections, and never says a word.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let mut service = Service::install(target).await;
    service.set("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    service.set("OTEL_BSP_SCHEDULE_DELAY", "10");
    service.run(&[]).await;
    let api = service.api().await;
    let begun = Instant::now();
    for _ in 0..20 {
        api.customer().await;
    }
    api.done(&api.send(&api.draft().await).await).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "it took {:?}", begun.elapsed());
    let begun = Instant::now();
    assert!(service.terminate().await.success());
    assert!(begun.elapsed() < Duration::from_secs(8), "the end took {:?}", begun.elapsed());
}

fn logs(service: &Service) -> Vec<Value> {
    let output = service.output();
    let lines = output.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
