use saas_blackbox::{Service, Target};

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

pub(crate) async fn openapi_is_served_without_a_token(target: Target) {
    let service = Service::start(target).await;
    let document = service.anonymous().get("/openapi.json").await.expect(200).json();
    assert!(
        document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")),
        "{document}"
    );
    for path in
        ["/tenants", "/customers", "/customers/{id}", "/customers/{id}/restore", "/invoices"]
            .into_iter()
            .chain(["/invoices/{id}", "/invoices/{id}/send", "/jobs/{id}"])
    {
        assert!(
            document["paths"][format!("/api/v1{path}")].is_object(),
            "{path} is not in the document"
        );
    }
}
