//! Whose request it is: one suite, run against the tower layer and the actix middleware.

mod shells;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use saas_core::TenantId;
use saas_tenancy::resolve::{
    Cached, Directory, DirectoryError, Entry, Key, Resolver, Standing, Unresolved,
};
use uuid::Uuid;

use shells::{Actix, Answer, Asked, Axum, Shell};

const ACME: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
const ZENITH: TenantId = TenantId::from_uuid(Uuid::from_u128(2));
const IDLE: TenantId = TenantId::from_uuid(Uuid::from_u128(3));

/// Three tenants, one of them suspended; counts who asks, and fails for one name.
#[derive(Default)]
struct Three {
    asked: AtomicUsize,
}

impl Directory for Three {
    fn find<'d>(&'d self, key: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let tenant = match key {
            Key::Slug(slug) if slug == "broken" => {
                return Box::pin(async {
                    Err("the directory's disk, /var/secret, is full".into())
                });
            }
            Key::Slug(slug) if slug == "acme" => Some(ACME),
            Key::Domain(domain) if domain == "billing.zenith.test" => Some(ZENITH),
            Key::Slug(slug) if slug == "idle" => Some(IDLE),
            Key::Id(id) if [ACME, ZENITH, IDLE].contains(id) => Some(*id),
            _ => None,
        };
        let standing = if tenant == Some(IDLE) { Standing::Suspended } else { Standing::Active };
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(tenant.map(|tenant| Entry { tenant, standing }))
        })
    }
}

fn resolver() -> Resolver {
    Resolver::new(Three::default())
        .claim()
        .subdomain_of("Example.test")
        .custom_domain()
        .path("/t/")
        .trust_proxies(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()])
        .forwarded_host()
        .header("x-tenant")
        .own_hosts(["api.example.test", "localhost:8080"])
}

/// What the answer to each is, by both shells.
macro_rules! by_both {
    ($($name:ident),* $(,)?) => {
        mod by_axum {
            $(#[tokio::test]
            async fn $name() {
                super::$name::<super::Axum>().await;
            })*
        }
        mod by_actix {
            $(#[tokio::test]
            async fn $name() {
                super::$name::<super::Actix>().await;
            })*
        }
    };
}

by_both!(
    each_source_names_a_tenant,
    the_platforms_own_hosts_and_foreign_names_name_nobody,
    a_header_counts_from_a_trusted_proxy_only,
    who_is_authenticated_for_one_tenant_is_not_served_at_another,
    the_answers_are_problems_that_reveal_nothing,
    a_handler_that_no_layer_covers_has_no_tenant,
);

async fn answer<S: Shell>(asked: Asked) -> Answer {
    S::ask(Some(resolver()), asked).await
}

async fn each_source_names_a_tenant<S: Shell>() {
    let proxy = || Asked::default().peer("10.1.2.3");
    let named = [
        (Asked::default().claim(ACME), ACME),
        (Asked::at("acme.example.test"), ACME),
        (Asked::at("ACME.Example.TEST:8443"), ACME),
        (Asked::at("acme.example.test."), ACME),
        (Asked::at("billing.zenith.test"), ZENITH),
        (Asked::at("api.example.test").path("/t/acme/invoices"), ACME),
        (Asked::at("localhost").path(&format!("/t/{ZENITH}")), ZENITH),
        (proxy().header("x-tenant", "acme"), ACME),
        (proxy().header("x-tenant", &ZENITH.to_string()), ZENITH),
        (proxy().header("x-forwarded-host", "acme.example.test"), ACME),
        (Asked::default().peer("fd00::7").header("x-tenant", "acme"), ACME),
        (Asked::default().peer("::ffff:10.1.2.3").header("x-tenant", "acme"), ACME),
        // Several names of one tenant.
        (Asked::at("acme.example.test").claim(ACME).path("/t/acme"), ACME),
        // A host that nobody registered is no name, a load balancer's for instance.
        (Asked::at("pod-7.internal").claim(ZENITH), ZENITH),
        (Asked::at("10.0.0.9:80").claim(ZENITH), ZENITH),
    ];
    for (asked, tenant) in named {
        let told = format!("{asked:?}");
        assert_eq!(answer::<S>(asked).await, Answer::Tenant(tenant), "{told}");
    }
}

async fn the_platforms_own_hosts_and_foreign_names_name_nobody<S: Shell>() {
    for host in ["example.test", "api.example.test", "localhost:8080", "127.0.0.1", "[::1]:80"] {
        assert_eq!(answer::<S>(Asked::at(host)).await.status(), 400, "{host}");
    }
    let unknown = ["nobody.example.test", "a.acme.example.test", "evil.test", "acme.evil.test"];
    for host in unknown {
        let status = answer::<S>(Asked::at(host)).await.status();
        // One label before the parent is a tenant's name; deeper ones are nobody's.
        assert_eq!(status, if host.starts_with("a.") { 400 } else { 404 }, "{host}");
    }
    for path in ["/t/", "/t/nobody", "/t/%61cme", "/t/..", "/t/acme'--", "/t/acme%2F"] {
        let asked = Asked::at("api.example.test").path(path);
        assert_eq!(answer::<S>(asked).await.status(), 404, "{path}");
    }
    assert_eq!(answer::<S>(Asked::default().path("/tacme")).await.status(), 400);
}

async fn a_header_counts_from_a_trusted_proxy_only<S: Shell>() {
    let spoofed =
        |header: &'static str, value: &'static str| Asked::default().header(header, value);
    for peer in [None, Some("192.0.2.1"), Some("11.0.0.1"), Some("fe80::1")] {
        for (header, value) in [("x-tenant", "acme"), ("x-forwarded-host", "acme.example.test")] {
            let mut asked = spoofed(header, value);
            asked.peer = peer.map(|peer| peer.parse().unwrap());
            assert_eq!(answer::<S>(asked).await.status(), 400, "{header} {peer:?}");
        }
    }
    // Nor do they disturb who is authenticated, or what the host says.
    let asked = spoofed("x-tenant", "acme").claim(ZENITH);
    assert_eq!(answer::<S>(asked).await, Answer::Tenant(ZENITH));
    let mut asked = spoofed("forwarded", "host=acme.example.test");
    asked.host = "api.example.test".into();
    assert_eq!(answer::<S>(asked).await.status(), 400);
    let list = spoofed("x-forwarded-host", "acme.example.test, evil.test").peer("10.0.0.1");
    assert_eq!(answer::<S>(list.claim(ACME)).await.status(), 400);
    // Two hosts are none, and nor are two values, from whomever.
    let uri = Asked::at("api.example.test").claim(ACME).path("http://acme.example.test/");
    assert_eq!(answer::<S>(uri).await.status(), 400);
    let uri = Asked::at("ACME.example.test:80").path("http://acme.example.test:80/");
    assert_eq!(answer::<S>(uri).await, Answer::Tenant(ACME));
    let twice = spoofed("x-tenant", "acme").header("x-tenant", "acme").peer("10.0.0.1");
    assert_eq!(answer::<S>(twice).await.status(), 400);
    let nobody = spoofed("x-tenant", "ac me").peer("10.0.0.1");
    assert_eq!(answer::<S>(nobody).await.status(), 404);
}

async fn who_is_authenticated_for_one_tenant_is_not_served_at_another<S: Shell>() {
    let elsewhere = [
        Asked::at("acme.example.test").claim(ZENITH),
        Asked::at("billing.zenith.test").claim(ACME),
        Asked::default().claim(ZENITH).path("/t/acme"),
        Asked::default().claim(ZENITH).peer("10.0.0.1").header("x-tenant", "acme"),
        Asked::at("acme.example.test").path(&format!("/t/{ZENITH}")),
    ];
    let missing = answer::<S>(Asked::at("nobody.example.test").claim(ZENITH)).await;
    for asked in elsewhere {
        let told = format!("{asked:?}");
        assert_eq!(answer::<S>(asked).await, missing, "{told}");
    }
    // A token that outlived its tenant.
    let gone = Asked::default().claim(TenantId::from_uuid(Uuid::from_u128(9)));
    assert_eq!(answer::<S>(gone).await.status(), 404);
}

async fn the_answers_are_problems_that_reveal_nothing<S: Shell>() {
    let expected = [
        (Asked::at("api.example.test"), 400, "the request names no tenant"),
        (Asked::at("nobody.example.test"), 404, ""),
        (Asked::at("idle.example.test"), 403, "the tenant is suspended"),
        (Asked::at("broken.example.test"), 503, ""),
    ];
    for (asked, status, detail) in expected {
        let Answer::Problem { status: answered, media_type, body } = answer::<S>(asked).await
        else {
            panic!("{status} expected");
        };
        assert_eq!((answered, media_type.as_str()), (status, "application/problem+json"));
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["status"], status);
        assert_eq!(body["detail"].as_str().unwrap_or_default(), detail);
        assert!(!body.to_string().contains("secret"));
    }
}

async fn a_handler_that_no_layer_covers_has_no_tenant<S: Shell>() {
    let answer = S::ask(None, Asked::at("acme.example.test").claim(ACME)).await;
    assert_eq!(answer.status(), 500);
}

#[tokio::test]
async fn what_many_ask_for_at_once_is_looked_up_once_and_forgotten_when_told() {
    let directory = Arc::new(Three::default());
    let hour = Duration::from_secs(3600);
    let cached = Arc::new(Cached::new(Arc::clone(&directory)).keep(hour, hour));
    let (acme, nobody) = (Key::Slug("acme".into()), Key::Slug("nobody".into()));
    let finds: Vec<_> = (0..64)
        .map(|number| {
            let cached = Arc::clone(&cached);
            let key = if number % 2 == 0 { acme.clone() } else { nobody.clone() };
            tokio::spawn(async move { cached.find(&key).await.unwrap() })
        })
        .collect();
    for (number, found) in finds.into_iter().enumerate() {
        assert_eq!(found.await.unwrap().is_some(), number % 2 == 0);
    }
    assert_eq!(directory.asked.load(Ordering::SeqCst), 2);
    cached.forget();
    cached.find(&acme).await.unwrap();
    cached.find(&nobody).await.unwrap();
    cached.find(&acme).await.unwrap();
    assert_eq!(directory.asked.load(Ordering::SeqCst), 4);
}

/// Answers when it is let, what it saw when it was asked.
struct Slow(tokio::sync::Semaphore, std::sync::Mutex<Standing>);

impl Directory for Slow {
    fn find<'d>(&'d self, _: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
        let standing = *self.1.lock().unwrap();
        Box::pin(async move {
            self.0.acquire().await?.forget();
            Ok(Some(Entry { tenant: ACME, standing }))
        })
    }
}

#[tokio::test]
async fn a_look_up_under_way_when_a_tenant_is_suspended_is_not_remembered() {
    let slow = Slow(tokio::sync::Semaphore::new(0), std::sync::Mutex::new(Standing::Active));
    let directory = Arc::new(slow);
    let hour = Duration::from_secs(3600);
    let cached = Arc::new(Cached::new(Arc::clone(&directory)).keep(hour, hour));
    let key = Key::Slug("acme".into());
    let early = tokio::spawn({
        let (cached, key) = (Arc::clone(&cached), key.clone());
        async move { cached.find(&key).await.unwrap().unwrap().standing }
    });
    // On this one thread the task runs until it waits for the directory.
    tokio::task::yield_now().await;
    *directory.1.lock().unwrap() = Standing::Suspended;
    cached.forget();
    directory.0.add_permits(2);
    assert_eq!(early.await.unwrap(), Standing::Active);
    let late = cached.find(&key).await.unwrap().unwrap();
    assert_eq!(late.standing, Standing::Suspended);
}

#[test]
fn a_wrong_declaration_is_told_and_serves_nobody() {
    let resolver = || Resolver::new(Three::default());
    let mistakes = [
        resolver().own_hosts(["https://www.example.test"]),
        resolver().subdomain_of("*.example.test"),
        resolver().path("/t"),
        resolver().trust_proxies(["::ffff:10.0.0.0/104".parse().unwrap()]),
    ];
    for resolver in mistakes {
        assert!(matches!(resolver.check(), Err(Unresolved::Declaration(_))), "{resolver:?}");
    }
    self::resolver().check().unwrap();
}

#[tokio::test]
async fn a_failure_is_not_remembered_and_an_entry_runs_out() {
    let directory = Arc::new(Three::default());
    let cached = Cached::new(Arc::clone(&directory)).keep(Duration::ZERO, Duration::ZERO);
    let broken = Key::Slug("broken".into());
    for asked in 1..=3 {
        let error = cached.find(&broken).await.unwrap_err();
        assert!(error.to_string().contains("is full"));
        assert_eq!(directory.asked.load(Ordering::SeqCst), asked);
    }
    for asked in 4..=6 {
        cached.find(&Key::Slug("acme".into())).await.unwrap();
        assert_eq!(directory.asked.load(Ordering::SeqCst), asked);
    }
}

#[tokio::test]
async fn a_flood_of_names_that_nobody_has_stays_within_bounds_and_leaves_the_known_ones() {
    let directory = Arc::new(Three::default());
    let hour = Duration::from_secs(3600);
    let cached = Cached::new(Arc::clone(&directory)).keep(hour, hour).capacity(100);
    let acme = Key::Slug("acme".into());
    for number in 0..5000 {
        cached.find(&Key::Slug(format!("nobody-{number}"))).await.unwrap();
        if number % 10 == 0 {
            cached.find(&acme).await.unwrap();
        }
    }
    let known = directory.asked.load(Ordering::SeqCst) - 5000;
    assert!(known < 25, "the known name was looked up {known} times of 500");
}
