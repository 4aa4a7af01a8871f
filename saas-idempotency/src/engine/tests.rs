use saas_core::{ManualClock, TenantId};

use super::*;

pub(crate) fn engine(policy: Policy) -> Arc<Engine> {
    Arc::new(Engine {
        policy,
        mode: Mode::Standalone,
        clock: Arc::new(ManualClock::at(chrono::DateTime::UNIX_EPOCH)),
        #[cfg(feature = "sqlx")]
        statements: Default::default(),
    })
}

fn head<'a>(scope: Option<&'a Scope>, keys: &[&'a [u8]]) -> Head<'a> {
    Head {
        method: "POST",
        target: "/invoices?draft=1",
        content_type: Some(b"application/json"),
        content_length: None,
        keys: keys.to_vec(),
        scope,
    }
}

/// The handle of a request with this key and body.
pub(crate) fn handle(scope: &Scope, key: &str, body: &str) -> Idempotency {
    let engine = engine(Policy::default());
    let Ok(Admission::Keyed(pending)) = engine.admit(&head(Some(scope), &[key.as_bytes()])) else {
        panic!("not admitted")
    };
    engine.identify(pending, body.as_bytes())
}

fn ticket(engine: &Arc<Engine>, head: &Head<'_>, body: &[u8]) -> Ticket {
    match engine.admit(head) {
        Ok(Admission::Keyed(pending)) => *engine.identify(pending, body).ticket().unwrap(),
        _ => panic!("not admitted"),
    }
}

#[test]
fn the_scope_is_checked_before_the_key_and_the_key_before_the_size() {
    let engine = engine(Policy::default());
    let scope = Scope::tenant(TenantId::new());
    let huge = |head| Head { content_length: Some(u64::MAX), ..head };
    assert!(matches!(engine.admit(&huge(head(None, &[b""]))), Err(Error::MissingScope)));
    assert!(matches!(engine.admit(&huge(head(Some(&scope), &[b""]))), Err(Error::MalformedKey)));
    assert!(matches!(engine.admit(&huge(head(Some(&scope), &[]))), Err(Error::MissingKey)));
    assert!(matches!(
        engine.admit(&huge(head(Some(&scope), &[b"k"]))),
        Err(Error::TooLarge { cap: 1_048_576 }),
    ));
}

#[test]
fn anonymous_requests_need_the_policys_leave() {
    let scope = Scope::anonymous();
    let refused = engine(Policy::default()).admit(&head(Some(&scope), &[b"k"]));
    assert!(matches!(refused, Err(Error::MissingScope)));
    let taken = engine(Policy::default().allow_anonymous()).admit(&head(Some(&scope), &[b"k"]));
    assert!(matches!(taken, Ok(Admission::Keyed(_))));
}

#[test]
fn a_mismatch_wins_over_in_progress_and_over_a_reply() {
    let engine = engine(Policy::default());
    let scope = Scope::tenant(TenantId::new());
    let one = ticket(&engine, &head(Some(&scope), &[b"k"]), b"one");
    let other = ticket(&engine, &head(Some(&scope), &[b"\"k\""]), b"other");
    assert_eq!(one.lease.id, other.lease.id);
    for outcome in [None, Some(Outcome::Reply(Reply::new(201)))] {
        let found = Claimed::Found(Record { fingerprint: other.fingerprint, outcome });
        assert!(matches!(engine.judge(&one, Ok(found)), Err(Error::Reused)));
    }
}

#[test]
fn path_query_method_type_and_mount_belong_to_the_request() {
    let scope = Scope::tenant(TenantId::new());
    let plain = engine(Policy::default());
    let base = || head(Some(&scope), &[b"k"]);
    let of = |head: &Head<'_>| ticket(&plain, head, b"").fingerprint;
    assert_eq!(of(&base()), of(&base()));
    assert_ne!(of(&base()), of(&Head { target: "/invoices", ..base() }));
    assert_ne!(of(&base()), of(&Head { method: "PATCH", ..base() }));
    assert_ne!(of(&base()), of(&Head { content_type: None, ..base() }));
    let mounted = engine(Policy::default().mount("/v2"));
    assert_ne!(of(&base()), ticket(&mounted, &base(), b"").fingerprint);
}

#[test]
fn a_policy_that_makes_no_sense_runs_nothing() {
    let scope = Scope::tenant(TenantId::new());
    let engine = engine(Policy::default().lease(std::time::Duration::ZERO));
    let refused = engine.admit(&head(Some(&scope), &[b"k"]));
    assert!(matches!(refused, Err(Error::Policy("the lease is zero"))));
    let uncovered = Head { method: "GET", ..head(None, &[]) };
    assert!(matches!(engine.admit(&uncovered), Ok(Admission::Pass)));
}

#[test]
fn a_route_may_require_a_key_where_others_need_none_or_be_left_alone() {
    let policy = Policy::default().optional().routes(|route| match route.path {
        "/invoices" => Coverage::Required,
        "/hooks" => Coverage::Not,
        _ => route.otherwise,
    });
    let (engine, scope) = (engine(policy), Scope::tenant(TenantId::new()));
    let to = |target| engine.admit(&Head { target, ..head(Some(&scope), &[]) });
    assert!(matches!(to("/invoices?draft=1"), Err(Error::MissingKey)));
    assert!(matches!(to("/customers"), Ok(Admission::Keyless(_))));
    assert!(matches!(to("/hooks"), Ok(Admission::Pass)));
}

#[test]
fn a_duplicate_waits_at_the_index_only_where_a_transaction_holds_the_key() {
    let (lock, reply) = (std::time::Duration::from_secs(1), std::time::Duration::from_secs(9));
    let standalone = engine(Policy::default().wait(lock).wait_for_reply(reply));
    let atomic = Arc::new(Engine { mode: Mode::Atomic, ..Engine::clone(&standalone) });
    let scope = Scope::tenant(TenantId::new());
    let ticket = ticket(&standalone, &head(Some(&scope), &[b"k"]), b"");
    assert_eq!(standalone.attempt(&ticket).wait, lock);
    assert_eq!(atomic.attempt(&ticket).wait, reply);
}
