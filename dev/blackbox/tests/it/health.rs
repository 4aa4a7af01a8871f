use saas_blackbox::{Service, Target};
use serde_json::Value;

pub(crate) async fn a_service_that_runs_is_alive_and_ready(target: Target) {
    let service = Service::start(target).await;
    service.anonymous().root("GET", "/healthz").await.expect(200);
    service.anonymous().root("GET", "/readyz").await.expect(200);
    service.api().await.get("/healthz").await.expect(404);
}

pub(crate) async fn metrics_are_prometheus_text(target: Target) {
    let service = Service::start(target).await;
    service.api().await.customer().await;
    let metrics = service.anonymous().root("GET", "/metrics").await.expect(200);
    assert!(metrics.must("content-type").starts_with("text/plain"), "{metrics}");
    let text = String::from_utf8(metrics.body).unwrap();
    let samples: Vec<_> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(!samples.is_empty(), "no sample in {text}");
    for sample in samples {
        let value = sample.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "no value in {sample}");
    }
}

pub(crate) async fn requests_are_measured_by_route(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    api.read("/customers", &customer).await;
    api.get("/customers/nope").await.expect(404);
    api.get("/nope").await.expect(404);
    let metrics = service.anonymous().root("GET", "/metrics").await.expect(200);
    let text = String::from_utf8(metrics.body).unwrap();
    for (method, path, status) in [
        ("POST", "/api/v1/customers", 201),
        ("GET", "/api/v1/customers/{id}", 200),
        ("GET", "/api/v1/customers/{id}", 404),
        ("GET", "unknown", 404),
    ] {
        let labels = format!("method=\"{method}\",path=\"{path}\",status=\"{status}\"");
        let count = format!("http_request_duration_seconds_count{{{labels}}} 1");
        assert!(text.lines().any(|line| line == count), "no {count} in {text}");
    }
}

pub(crate) async fn logs_are_json_when_asked(target: Target) {
    let mut service = Service::install(target).await;
    service.set("LOG_FORMAT", "json");
    service.run(&[]).await;
    let tenant = service.tenant().await;
    let listed = tenant.api.get("/customers").await.expect(200);
    assert!(service.terminate().await.success());
    let output = service.output();
    let logs: Vec<Value> = output
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let request = listed.must("x-request-id");
    let found = logs.iter().find(|log| log["span"]["id"] == request && log["status"] == 200);
    let answered = found.unwrap_or_else(|| panic!("no word of {request}: {output}"));
    assert_eq!(answered["span"]["tenant"], tenant.slug.as_str());
    assert_eq!(answered["span"]["path"], "/api/v1/customers");
}
