use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use saas_blackbox::{Database, Service, Target, eventually, fresh, id};
use serde_json::json;
use tokio::net::TcpStream;

pub(crate) async fn a_bad_value_names_its_variable(target: Target) {
    let service = Service::install(target).await;
    let mut values = vec![
        ("BIND", "nowhere"),
        ("BIND", "127.0.0.1:99999"),
        ("METRICS_BIND", "nowhere"),
        ("DRAIN_DELAY", "a while"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:hunter2@127.0.0.1"),
        ("DATABASE_POOLER", "session"),
        ("DATABASE_URL", "mysql://u:hunter2@127.0.0.1/x"),
        ("DATABASE_URL", "hunter2"),
        ("SMTP_URL", "gopher://u:hunter2@127.0.0.1"),
        ("MAIL_FROM", "nobody"),
        ("RUST_LOG", "invoicing=hunter2"),
        ("LOG_FORMAT", "yaml"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, the-proxy"),
    ];
    if target.database == Database::Postgres {
        values.push(("ADMIN_DATABASE_URL", "mysql://u:hunter2@127.0.0.1/x"));
    }
    for (variable, value) in values {
        let before = service.output().len();
        let status = service.spawn(&[], &[(variable, value)]).end().await;
        let said = service.output().split_off(before);
        assert!(
            !status.success() && status.code().is_some(),
            "{variable}={value}: {status}\n{said}"
        );
        assert!(
            said.contains(variable) && !said.contains("panicked"),
            "{variable}={value}: {said}"
        );
        assert!(!said.contains("u:hunter2"), "{variable}: a password is in the output: {said}");
    }
}

fn printed_lines(service: &Service) -> Vec<String> {
    service.stdout().lines().filter(|line| line.starts_with("curl ")).map(str::to_owned).collect()
}

async fn first_start(target: Target) -> Service {
    let mut service = Service::install(target).await;
    service.unset("OPERATOR_TOKEN");
    service.run(&[]).await;
    service
}

pub(crate) async fn the_printed_lines_work_as_printed(target: Target) {
    let service = first_start(target).await;
    let lines = printed_lines(&service);
    assert_eq!(lines.len(), 3, "{}", service.stdout());
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("curl is not installed: the lines were counted and not run");
        return;
    }
    // As typed into one shell; curl fails on an answer that is an error.
    std::fs::write(service.directory().join(".curlrc"), "fail-with-body\nsilent\nshow-error\n")
        .unwrap();
    let (directory, script) =
        (service.directory(), format!("set -eo pipefail\n{}", lines.join("\necho\n")));
    let run = move || -> Output {
        let mut bash = Command::new("bash");
        bash.args(["-c", &script])
            .current_dir(&directory)
            .env("CURL_HOME", &directory)
            .output()
            .expect("bash")
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{lines:#?}\n{output:?}");
}

pub(crate) async fn the_generated_operator_token_outlives_a_restart(target: Target) {
    let mut service = first_start(target).await;
    let lines = printed_lines(&service).join("\n");
    let token = lines.split("Bearer ").nth(1).expect("a token in the first line");
    let end =
        token.find(|c: char| c.is_whitespace() || "\"'".contains(c)).expect("an end of the token");
    let operator = service.anonymous().with_token(&token[..end]);
    for _ in 0..2 {
        operator.post("/tenants").json(&json!({"slug": fresh("t"), "name": "A"})).await.expect(201);
        service.restart().await;
    }
}

pub(crate) async fn an_unknown_subcommand_is_an_error(target: Target) {
    let service = Service::install(target).await;
    for arguments in [&["dance"][..], &["serve", "dance"], &["--dance"]] {
        let status = service.spawn(arguments, &[]).end().await;
        assert!(!status.success() && status.code().is_some(), "{arguments:?}: {status}");
    }
    assert!(!service.output().contains("panicked"), "{}", service.output());
}

pub(crate) async fn api_answers_and_work_works(target: Target) {
    let mut service = Service::install(target).await;
    for _ in 0..2 {
        assert!(service.spawn(&["migrate"], &[]).end().await.success(), "{}", service.output());
    }
    service.run_as(&["api"], &[]).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let invoice = api.invoice(&customer).await;
    let job = api.send(&invoice).await;
    // Nobody works: everything stands where sending left it.
    let path = format!("/invoices/{}", id(&invoice));
    assert_eq!(api.read("/invoices", &invoice).await["status"], "sending");
    assert_eq!(api.get(&format!("/jobs/{job}")).await.expect(200).json()["state"], "ready");
    assert_eq!(api.ids("/invoices", "status=sending").await, [id(&invoice)]);
    api.post(&format!("{path}/send")).keyed().await.expect(409);
    api.delete(&path).await.expect(409);
    api.delete(&format!("/customers/{}", id(&customer))).await.expect(409);
    assert!(service.mails().is_empty());

    let mut worker = service.spawn(&["work"], &[]);
    api.done(&job).await;
    assert_eq!(api.read("/invoices", &invoice).await["status"], "sent");
    assert_eq!(service.mails(), BTreeSet::from([job]));
    for status in [worker.terminate().await, service.terminate().await] {
        assert_eq!(status.code(), Some(0), "{status}\n{}", service.output());
    }
}

pub(crate) async fn sigterm_lets_a_request_finish(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let body = json!({"name": "A", "email": "a@example.com"}).to_string();
    let length = body.len().to_string();
    let mut call = api
        .raw(
            "POST",
            "/customers",
            &[
                ("content-type", "application/json"),
                ("content-length", length.as_str()),
                ("idempotency-key", "k"),
                ("expect", "100-continue"),
            ],
        )
        .await;
    call.wait_for_continue().await;
    service.process().ask_to_end();
    eventually("no new connection is accepted", Duration::from_secs(10), async || {
        TcpStream::connect(api.authority()).await.is_err().then_some(())
    })
    .await;
    let made = call.finish(body.as_bytes()).await.expect(201).json();
    let status = service.end().await;
    assert_eq!(status.code(), Some(0), "{status}");
    service.run(&[]).await;
    assert_eq!(api.ids("/customers", "").await, [id(&made)]);
}

pub(crate) async fn slow_a_head_that_does_not_end_is_not_waited_for(target: Target) {
    let service = Service::start(target).await;
    let api = service.anonymous();
    let begun = Instant::now();
    let (silent, slow) = tokio::join!(async { api.connect().await.end_after("").await }, async {
        api.connect().await.end_after("GET /healthz HTTP/1.1\r\nhost: a\r\n").await
    },);
    let took = begun.elapsed();
    assert!((5..20).contains(&took.as_secs()), "{took:?}");
    for said in [silent, slow] {
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
}

pub(crate) async fn sigterm_loses_no_job(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let mut jobs = BTreeSet::new();
    for _ in 0..5 {
        jobs.insert(api.send(&api.invoice(&customer).await).await);
        let status = service.terminate().await;
        assert_eq!(status.code(), Some(0), "{status}");
        service.run(&[]).await;
    }
    for job in &jobs {
        api.done(job).await;
    }
    assert_eq!(service.mails(), jobs);
}
