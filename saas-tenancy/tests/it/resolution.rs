//! Whose request it is: one suite, run against the tower layer and the actix middleware.

mod cache;
mod shells;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_core::future::BoxFuture;
use saas_core::TenantId;
use saas_tenancy::resolve::{
    Directory, DirectoryError, Entry, Key, Resolver, Standing, Unresolved,
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
