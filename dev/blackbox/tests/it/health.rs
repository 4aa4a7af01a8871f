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
