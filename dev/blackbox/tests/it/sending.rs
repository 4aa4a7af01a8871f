use std::collections::BTreeSet;

use mail_parser::MessageParser;
use saas_blackbox::{MailServer, PATIENCE, Service, Target, eventually, id};
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn a_sent_invoice_is_mailed_once_by_its_job(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer_as("<b>Ann</b> & Söhne", "Ann@example.com").await;
    let invoice = api.invoice(&customer).await;
    let path = format!("/invoices/{}", id(&invoice));
    let tag = api.get(&path).await.expect(200).etag();

    let accepted = api.post(&format!("{path}/send")).keyed().await.expect(202);
    let job = accepted.json()["job_id"].as_str().expect("a job_id").to_owned();
    assert_eq!(accepted.json(), json!({"job_id": job}));
    assert_eq!(accepted.must("location"), format!("/api/v1/jobs/{job}"));
    let status = api.read("/invoices", &invoice).await["status"].clone();
    assert!(["sending", "sent"].contains(&status.as_str().unwrap()), "{status}");
    let seen = api.root("GET", accepted.must("location")).await.expect(200).json();
    assert_eq!(seen["id"], json!(job));
    assert!(seen["kind"].is_string() && seen["attempt"].is_u64(), "{seen}");

    api.done(&job).await;
    let sent = api.get(&path).await.expect(200);
    assert_eq!(sent.json()["status"], "sent");
    assert_ne!(sent.etag(), tag);
    assert_eq!(service.mails(), BTreeSet::from([job.clone()]));
    let mail = service.mail(&job);
    let mail = MessageParser::default().parse(&mail).expect("a mail");
    let to = mail.to().and_then(|to| to.first()).expect("who it is for");
    assert_eq!((to.name(), to.address()), (Some("<b>Ann</b> & Söhne"), Some("Ann@example.com")));
    assert!(mail.message_id().expect("a Message-ID").starts_with(&job));
    assert_eq!((mail.text_body_count(), mail.html_body_count()), (1, 1));
    let (text, html) = (mail.body_text(0).unwrap(), mail.body_html(0).unwrap());
    for body in [&text, &html] {
        for said in [id(&invoice), "5.00 EUR", "2.50 EUR", "12.50 EUR", "2026-12-31"] {
            assert!(body.contains(said), "{said}: {body}");
        }
    }
    assert!(text.contains("<b>Ann</b> & Söhne") && !html.contains("<b>"), "{text}\n{html}");
    api.get(&format!("/jobs/{}", Uuid::now_v7())).await.expect(404);
}

pub(crate) async fn a_mail_that_is_refused_for_good_leaves_a_draft(target: Target) {
    let server = MailServer::start().await;
    let mut service = Service::install(target).await;
    service.set("SMTP_URL", &server.url());
    service.set("MAIL_FROM", "billing@acme.example");
    service.run(&[]).await;
    let api = service.api().await;
    let draft = api.invoice(&api.customer_as("Nobody", "nobody@example.com").await).await;
    let job = api.send(&draft).await;
    let dead = eventually("the job is dead", PATIENCE, async || {
        let job = api.get(&format!("/jobs/{job}")).await.expect(200).json();
        (job["state"] == "dead").then_some(job)
    });
    assert_eq!(dead.await["attempt"], 1);
    assert_eq!(api.read("/invoices", &draft).await["status"], "draft");
    assert!(server.mails().is_empty());

    let email = json!({"email": "ann@example.com"});
    let customer = format!("/customers/{}", draft["customer_id"].as_str().unwrap());
    api.patch(&customer).json(&email).if_match("*").await.expect(200);
    let job = api.send(&draft).await;
    api.done(&job).await;
    let mails = server.mails();
    let mail = MessageParser::default().parse(&mails[0]).expect("a mail");
    let from = mail.from().and_then(|from| from.first()).and_then(|from| from.address());
    assert_eq!((mails.len(), from), (1, Some("billing@acme.example")));
    assert_eq!(mail.message_id(), Some(format!("{job}@acme.example").as_str()));
}

pub(crate) async fn anything_but_a_draft_cannot_be_sent(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let (invoice, deleted) = (api.draft().await, api.draft().await);
    let send = |id: &str| api.post(&format!("/invoices/{id}/send")).keyed();
    let job = api.send(&invoice).await;
    send(id(&invoice)).await.expect(409);
    api.done(&job).await;
    send(id(&invoice)).await.expect(409);
    api.delete(&format!("/invoices/{}", id(&deleted))).await.expect(204);
    send(id(&deleted)).await.expect(404);
    send(&Uuid::now_v7().to_string()).await.expect(404);
    assert_eq!(service.mails(), BTreeSet::from([job]));
}

pub(crate) async fn many_invoices_are_mailed_once_each(target: Target) {
    let service = Service::start(target).await;
    let mut jobs = BTreeSet::new();
    for _ in 0..3 {
        let api = service.api().await;
        let customer = api.customer().await;
        let mut own = Vec::new();
        for _ in 0..5 {
            own.push(api.send(&api.invoice(&customer).await).await);
        }
        for job in own {
            api.done(&job).await;
            jobs.insert(job);
        }
        assert_eq!(api.ids("/invoices", "status=sent").await.len(), 5);
    }
    assert_eq!((jobs.len(), service.mails()), (15, jobs));
}
