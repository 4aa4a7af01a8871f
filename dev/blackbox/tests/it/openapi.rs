use saas_blackbox::{Database, Service, Target};

/// A client that was generated from one service speaks to the other.
#[tokio::test]
async fn both_services_serve_the_same_description_to_anyone() {
    let mut served = Vec::new();
    for service in ["invoicing-axum", "invoicing-actix"] {
        let service = Service::start(Target { service, database: Database::Sqlite }).await;
        let reply = service.anonymous().get("/openapi.json").await.expect(200);
        assert_eq!(reply.must("content-type"), "application/json");
        let document = reply.json();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{reply}");
        assert!(document["paths"]["/customers"]["post"].is_object(), "{reply}");
        served.push(reply.body);
    }
    assert!(served[0] == served[1], "the services describe themselves differently");
}
