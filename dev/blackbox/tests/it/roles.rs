//! What is one database's own: its roles, its file, its locks.

use std::time::Duration;

use reqwest::Url;
use saas_blackbox::{PATIENCE, Proxy, Service, Target, eventually, fresh, id, invoice_body};
use sqlx::{Connection, PgConnection};
use tokio::net::TcpStream;

pub(crate) async fn the_database_is_a_file_here_unless_told_otherwise(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let file = service.directory().join("invoicing.db");
    assert!(file.is_file());
    service.kill();
    // Another file is another database, and the same file by its path the same.
    let other = service.directory().join("other.db");
    service.run(&[("DATABASE_URL", &format!("sqlite://{}", other.display()))]).await;
    assert!(other.is_file());
    api.get("/customers").await.expect(401);
    service.run(&[("DATABASE_URL", &format!("sqlite://{}", file.display()))]).await;
    assert_eq!(api.read("/customers", &customer).await, customer);
}

fn url(service: &Service, variable: &str) -> Url {
    Url::parse(service.setting(variable)).expect("a database URL")
}

/// The service's database, as one who may do everything there.
fn superuser(service: &Service) -> Url {
    let superuser = saas_testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
    let mut superuser = Url::parse(&superuser).expect("a database URL");
    superuser.set_path(url(service, "DATABASE_URL").path());
    superuser
}

pub(crate) async fn a_role_that_bypasses_row_level_security_is_refused(target: Target) {
    let mut service = Service::install(target).await;
    let superuser = superuser(&service);
    service.unset("ADMIN_DATABASE_URL");
    let refused = async |service: &Service| {
        let before = service.output().len();
        let status = service.spawn(&[], &[("DATABASE_URL", superuser.as_str())]).end().await;
        let said = service.output().split_off(before);
        assert!(!status.success() && status.code().is_some(), "{status}\n{said}");
        for word in ["row-level security", "ADMIN_DATABASE_URL"] {
            assert!(said.contains(word), "no word of {word}: {said}");
        }
        assert!(
            !said.contains("panicked") && !said.contains(superuser.password().unwrap()),
            "{said}"
        );
    };
    // On an empty database, and on one that another start has migrated.
    refused(&service).await;
    let owner = saas_testkit::required("TEST_POSTGRES_OWNER_URL", "postgres");
    let mut owner = Url::parse(&owner).unwrap();
    owner.set_path(superuser.path());
    service.run(&[("ADMIN_DATABASE_URL", owner.as_str())]).await;
    service.kill();
    refused(&service).await;
}

pub(crate) async fn the_applications_role_suffices_once_migrated(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    service.unset("ADMIN_DATABASE_URL");
    service.restart().await;
    api.done(&api.send(&api.draft().await).await).await;
}

pub(crate) async fn the_applications_role_is_created_when_missing(target: Target) {
    let mut service = Service::install(target).await;
    let mut application = url(&service, "DATABASE_URL");
    application.set_username(&fresh("blackbox").replace('-', "_")).unwrap();
    application.set_password(Some("p%40ss'word")).unwrap();
    service.set("DATABASE_URL", application.as_str());
    for _ in 0..2 {
        service.run(&[]).await;
        let api = service.api().await;
        api.done(&api.send(&api.draft().await).await).await;
    }
}

pub(crate) async fn it_is_not_ready_while_the_database_is_away(target: Target) {
    let mut service = Service::install(target).await;
    let direct = url(&service, "DATABASE_URL");
    let proxy =
        Proxy::to(direct.host_str().unwrap().to_owned(), direct.port().unwrap_or(5432)).await;
    for variable in ["DATABASE_URL", "ADMIN_DATABASE_URL"] {
        let mut through = url(&service, variable);
        through.set_host(Some("127.0.0.1")).unwrap();
        through.set_port(Some(proxy.port())).unwrap();
        service.set(variable, through.as_str());
    }
    service.run(&[]).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let ready = async |status: u16| {
        eventually(&format!("GET /readyz is {status}"), Duration::from_secs(60), async || {
            let reply = service.anonymous().root("GET", "/readyz").attempt().await.ok()?;
            (reply.status == status).then_some(())
        })
        .await;
    };
    proxy.cut();
    ready(503).await;
    service.anonymous().root("GET", "/healthz").await.expect(200);
    proxy.mend();
    ready(200).await;
    assert_eq!(api.read("/customers", &customer).await, customer);
    api.done(&api.send(&api.draft().await).await).await;
}

pub(crate) async fn work_whose_client_has_left_is_finished_before_the_end(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let invoice = || api.post("/invoices").json(&invoice_body(&customer)).key("k");
    let url = superuser(&service);
    let mut observer = PgConnection::connect(url.as_str()).await.unwrap();
    let mut other = PgConnection::connect(url.as_str()).await.unwrap();
    // As long as the customer is locked, its invoice is not made.
    let mut lock = other.begin().await.unwrap();
    sqlx::query("select 1 from customers for update").execute(&mut *lock).await.unwrap();
    let (body, connection) = (invoice_body(&customer).to_string(), api.connect().await);
    let client = tokio::spawn(async move {
        let length = body.len().to_string();
        let headers = [
            ("content-type", "application/json"),
            ("content-length", length.as_str()),
            ("idempotency-key", "k"),
        ];
        let call = connection.reset_when_dropped().send("POST", "/invoices", &headers).await;
        call.finish(body.as_bytes()).await
    });
    eventually("the request waits for the customer", PATIENCE, async || {
        let waits = "select 1 from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock'";
        sqlx::query(waits).fetch_optional(&mut observer).await.unwrap()
    })
    .await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    service.process().ask_to_end();
    eventually("no new connection is accepted", Duration::from_secs(10), async || {
        TcpStream::connect(api.authority()).await.is_err().then_some(())
    })
    .await;
    lock.commit().await.unwrap();
    let status = service.end().await;
    assert_eq!(status.code(), Some(0), "{status}");
    service.run(&[]).await;
    let made = invoice().await.expect(201).replayed(true).json();
    assert_eq!(api.ids("/invoices", "").await, [id(&made)]);
}
