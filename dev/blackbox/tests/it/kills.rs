//! SIGKILL at every point between a request and its end, by a failpoint in the service.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;

use mail_parser::MessageParser;
use saas_blackbox::{
    Call, Client, MailServer, PATIENCE, Reply, Service, Target, eventually, fresh, id, invoice_body,
};
use serde_json::json;
use tokio::task::{JoinSet, LocalSet};

/// The points of a request; the work itself is in the middle.
fn points(work: &[&'static str]) -> Vec<&'static str> {
    let before = [
        "request.received",
        "auth.done",
        "idempotency.admitted",
        "tx.opened",
        "idempotency.claimed",
    ];
    let after = ["idempotency.recorded", "commit.before", "commit.after", "reply.before"];
    [&before, work, &after].concat()
}

fn committed(point: &str) -> bool {
    ["commit.after", "reply.before"].contains(&point)
}

async fn killed(service: &mut Service, point: &str) {
    let status = service.end().await;
    assert_eq!(status.signal(), Some(9), "{point}: the service ended by {status}");
}

/// Retries until the service answers; a first attempt that counts as in flight is waited for.
async fn answered(point: &str, call: impl Fn() -> Call) -> Reply {
    eventually(&format!("{point}: a retry is answered"), PATIENCE, async || {
        let reply = call().attempt().await.ok()?;
        (reply.status != 409 || reply.header("retry-after").is_none()).then_some(reply)
    })
    .await
}

/// Kills the service at a point of this call, starts it again and retries until it answers.
async fn played(service: &mut Service, point: &str, call: impl Fn() -> Call) -> Reply {
    service.run(&[("FAILPOINT", point)]).await;
    if let Ok(reply) = call().attempt().await {
        panic!("{point} was not reached; is it built with the feature failpoints?\n{reply}");
    }
    killed(service, point).await;
    service.run(&[]).await;
    answered(point, call).await.replayed(committed(point))
}

/// Makes rows at a list, killed at every point, and finds each once.
async fn makes_one(
    service: &mut Service,
    api: &Client,
    points: Vec<&str>,
    call: impl Fn(&str) -> Call,
    list: &str,
) {
    let mut made = Vec::new();
    for point in points {
        let key = fresh("key");
        let row = played(service, point, || call(point).key(&key)).await.expect(201).json();
        assert_eq!(call(point).key(&key).await.expect(201).replayed(true).json(), row, "{point}");
        assert_eq!(api.read(list, &row).await, row, "{point}");
        made.insert(0, id(&row).to_owned());
        assert_eq!(api.ids(list, "").await, made, "{point}");
    }
}

pub(crate) async fn slow_a_kill_at_any_point_of_making_a_customer_makes_one(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let call = |point: &str| {
        api.post("/customers")
            .json(&json!({"name": point, "email": format!("{point}@example.com")}))
    };
    makes_one(&mut service, &api, points(&["customer.inserted"]), call, "/customers").await;
}

pub(crate) async fn slow_a_kill_at_any_point_of_making_an_invoice_makes_one(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let body = invoice_body(&api.customer().await);
    let call = |_: &str| api.post("/invoices").json(&body);
    makes_one(&mut service, &api, points(&["invoice.inserted"]), call, "/invoices").await;
}

pub(crate) async fn slow_a_kill_at_any_point_of_sending_sends_once(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let mut jobs = BTreeSet::new();
    for point in points(&["invoice.updated", "job.enqueued"]) {
        let invoice = api.invoice(&customer).await;
        let key = fresh("key");
        let call = || api.post(&format!("/invoices/{}/send", id(&invoice))).key(&key);
        let accepted = played(&mut service, point, call).await.expect(202);
        jobs.insert(sent_once(&service, &api, point, accepted, call).await);
        assert_eq!(service.mails(), jobs, "{point}");
        assert_eq!(api.ids("/customers", "").await, [id(&customer)], "{point}");
        assert_eq!(api.ids("/invoices", "").await.len(), jobs.len(), "{point}");
        assert_eq!(api.ids("/invoices", "status=sent").await.len(), jobs.len(), "{point}");
    }
    assert_eq!(jobs.len(), 11);
}

/// Waits for the job and asks again: the same job, and the mail that it is named by.
async fn sent_once(
    service: &Service,
    api: &Client,
    point: &str,
    accepted: Reply,
    call: impl Fn() -> Call,
) -> String {
    let job = accepted.json()["job_id"].as_str().expect("a job_id").to_owned();
    api.done(&job).await;
    let again = call().await.expect(202).replayed(true);
    assert_eq!(
        (&again.body, again.must("location")),
        (&accepted.body, accepted.must("location")),
        "{point}"
    );
    assert!(service.mails().contains(&job), "{point}: no mail of the job");
    job
}

pub(crate) async fn slow_a_kill_at_any_point_of_the_job_mails_once(target: Target) {
    // Each waits for a lease to lapse: all at once, each with a service of its own.
    let points = [
        "job.started",
        "mail.before",
        "mail.written",
        "mail.renamed",
        "job.completed",
        "job.committed",
    ];
    let play = async {
        let mut stories = JoinSet::new();
        for point in points {
            stories.spawn_local(a_kill_in_the_job(target, point));
        }
        while let Some(story) = stories.join_next().await {
            if let Err(error) = story {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    };
    LocalSet::new().run_until(play).await;
}

async fn a_kill_in_the_job(target: Target, point: &'static str) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let invoice = api.draft().await;
    service.run(&[("FAILPOINT", point)]).await;
    let call = || api.post(&format!("/invoices/{}/send", id(&invoice))).key("k");
    // The worker may be faster than the answer.
    let first = call().attempt().await;
    killed(&mut service, point).await;
    service.run(&[]).await;
    let accepted = answered(point, call).await.expect(202).replayed(true);
    if let Ok(first) = first {
        assert_eq!(first.body, accepted.body, "{point}");
    }
    let job = sent_once(&service, &api, point, accepted, call).await;
    assert_eq!(api.ids("/invoices", "status=sent").await, [id(&invoice)], "{point}");
    assert!(service.terminate().await.success(), "{point}");
    assert_eq!(service.mails(), BTreeSet::from([job]), "{point}");
}

/// The server has the mail, and the process dies before it can say so: the next attempt sends it
/// again, and a receiver that knows the Message-ID drops it.
pub(crate) async fn slow_a_kill_after_smtp_repeats_the_mail_under_one_message_id(target: Target) {
    let server = MailServer::start().await;
    let mut service = Service::install(target).await;
    service.set("SMTP_URL", &server.url());
    service.run(&[]).await;
    let api = service.api().await;
    let once = api.send(&api.draft().await).await;
    api.done(&once).await;
    assert_eq!(server.mails().len(), 1);

    let invoice = api.draft().await;
    service.run(&[("FAILPOINT", "job.completed")]).await;
    let call = || api.post(&format!("/invoices/{}/send", id(&invoice))).key("k");
    // The worker may be faster than the answer.
    drop(call().attempt().await);
    killed(&mut service, "job.completed").await;
    assert_eq!(server.mails().len(), 2);
    service.run(&[]).await;
    let accepted = answered("job.completed", call).await.expect(202).replayed(true).json();
    let job = accepted["job_id"].as_str().expect("a job_id");
    api.done(job).await;

    let mails = server.mails();
    assert_eq!(mails.len(), 3, "the second mail once more, and nothing else");
    assert_eq!(mails[1], mails[2]);
    let ids = mails.iter().map(|mail| {
        let mail = MessageParser::default().parse(mail).expect("a mail");
        mail.message_id().expect("a Message-ID").to_owned()
    });
    let ids: Vec<_> = ids.collect();
    assert!(ids[0].starts_with(&once) && ids[1].starts_with(job) && ids[1] == ids[2], "{ids:?}");
    assert_eq!(api.read("/invoices", &invoice).await["status"], "sent");
    assert!(service.mails().is_empty(), "nothing goes to the outbox");
}
