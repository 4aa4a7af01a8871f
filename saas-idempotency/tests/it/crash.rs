//! Real processes, really killed, in the middle of a request that their client then repeats.

mod lost;
mod process;
mod provider;
mod random;
mod server;
mod site;
mod standalone;
mod transaction;

use saas_idempotency::Backend;
use serde::{Deserialize, Serialize};

use self::process::Process;
use self::server::Signal;
use self::site::Site;

/// How the server uses the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Mode {
    Standalone,
    Atomic,
    Optimistic,
}

/// Where a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Point {
    BeforeClaim,
    AfterClaim,
    BeforeEffect,
    AfterCharge,
    BeforeRecord,
    AfterRecord,
    AfterCommit,
    BeforeReply,
}

/// What the client meets that repeats its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    Runs,
    RunsAfterTheLease,
    IsReplayed,
}

/// How it ends, the retry included.
#[derive(Debug)]
struct End {
    retry: Retry,
    /// How often the provider is called, always under the same derived key.
    calls: usize,
    /// How many rows there are.
    rows: usize,
}

/// Tests by name, each of one point and the end it comes to, at every site.
macro_rules! killed {
    ($mode:ident on [$($site:ident),*]: $points:tt) => {
        $(mod $site {
            $crate::crash::killed!(@ $mode $site $points);
        })*
    };
    (@ $mode:ident $site:ident { $($name:ident: $point:ident => $end:expr;)* }) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            use $crate::crash::{End, Mode, Point, Retry::*, repeated, site};
            let site = site::$site().await;
            repeated(stringify!($name), &site, Mode::$mode, Point::$point, $end).await;
        })*
    };
}

use killed;

async fn repeated<DB: Backend>(name: &str, site: &Site<DB>, mode: Mode, point: Point, end: End) {
    let guarantees = include_str!("../../src/guide/guarantees.md");
    assert!(guarantees.contains(&format!("`{name}`")), "the guide does not name {name}");

    let key = uuid::Uuid::new_v4().to_string();
    let first = Process::start(&site.orders(mode).ending(point, Signal::Kill));
    first.call(&key).await.expect_err("a connection that breaks");
    let killed = first.killed();

    let mut retry = Process::start(&site.orders(mode));
    let mut answer = retry.call(&key).await.unwrap();
    if end.retry == Retry::RunsAfterTheLease {
        let before = (site.provider.calls(), site.db.effects(&key).await);
        assert_eq!(answer.status, 409, "until the lease lapses");
        assert!(answer.is_problem() && answer.headers.contains_key("retry-after"));
        assert_eq!((site.provider.calls(), site.db.effects(&key).await), before);
        retry = Process::start(&site.orders(mode).later(31));
        answer = retry.call(&key).await.unwrap();
    }
    let expected = match end.retry {
        Retry::Runs => server::body(retry.id(), 1, &key),
        Retry::RunsAfterTheLease => server::body(retry.id(), 2, &key),
        Retry::IsReplayed => server::body(killed, 1, &key),
    };
    let replayed = end.retry == Retry::IsReplayed;
    assert_eq!((answer.status, &answer.body, answer.is_replayed()), (201, &expected, replayed));

    let again = retry.call(&key).await.unwrap();
    assert_eq!((again.status, &again.body, again.is_replayed()), (201, &expected, true));
    let calls = site.provider.calls();
    assert_eq!((calls.len(), site.db.effects(&key).await), (end.calls, end.rows), "{calls:?}");
    assert_eq!(site.provider.charges(), 1, "who keeps the derived key charges once: {calls:?}");
}
