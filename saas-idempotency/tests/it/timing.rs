//! Whether a tenant can tell by the time of an answer that another tenant used a key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use saas_core::TenantId;
use saas_idempotency::{MemoryStore, Policy, Scope, SqlStore, Store};
use sqlx::postgres::PgPoolOptions;

use crate::served::Served;
use crate::support::{Answer, Call, post, postgres};

const PAIRS: usize = 1000;

/// How often a random one of the first is greater than a random one of the second, from 0 to 1: the
/// rank test of Mann, Whitney and Wilcoxon as a size of effect. Outliers weigh as much as others.
fn superiority(first: &[Duration], second: &[Duration]) -> f64 {
    let mut second = second.to_vec();
    second.sort_unstable();
    let below = |one: &Duration| {
        let less = second.partition_point(|other| other < one);
        let not_more = second.partition_point(|other| other <= one);
        (less + not_more) as f64 / 2.0
    };
    first.iter().map(below).sum::<f64>() / (first.len() * second.len()) as f64
}

/// What a curious tenant measures, with a service in front that may betray something.
struct Curious {
    served: Served,
    own: Scope,
    /// Keys of others on which the answer is so much later.
    betrayed: Option<(Mutex<HashSet<String>>, Duration)>,
}

impl Curious {
    async fn measure(&self, key: &str) -> (Duration, Answer) {
        let call = Call {
            scope: Some(self.own.clone()),
            key: Some(key.to_owned()),
            ..post("/", "curious")
        };
        let began = Instant::now();
        let answer = self.served.call(&Policy::default(), &call).await;
        if let Some((keys, late)) = &self.betrayed
            && keys.lock().unwrap().contains(key)
        {
            let found = began.elapsed();
            while began.elapsed() < found + *late {}
        }
        (began.elapsed(), answer)
    }

    /// Uses keys of which another tenant used every second one, in a random order, and tells how
    /// often such a one takes longer.
    async fn compare(&self) -> f64 {
        let other = Scope::tenant(TenantId::new());
        let (mut used, mut unused) = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let keys = [TenantId::new().to_string(), TenantId::new().to_string()];
            let theirs = Call {
                scope: Some(other.clone()),
                key: Some(keys[0].clone()),
                ..post("/", "theirs")
            };
            self.served.call(&Policy::default(), &theirs).await;
            if let Some((betrayed, _)) = &self.betrayed {
                betrayed.lock().unwrap().insert(keys[0].clone());
            }
            let used_first = TenantId::new().uuid().as_u128() & 1 == 0;
            let order = if used_first { [0, 1] } else { [1, 0] };
            let mut times = [Duration::ZERO; 2];
            let mut answers = Vec::new();
            for which in order {
                let (time, answer) = self.measure(&keys[which]).await;
                times[which] = time;
                answers.push((answer.status, answer.body, answer.headers));
            }
            assert_eq!(answers[0], answers[1], "the answers tell it without a clock");
            used.push(times[0]);
            unused.push(times[1]);
        }
        superiority(&used, &unused)
    }
}

/// Without an oracle the effect is half, within what 1000 pairs scatter (a standard deviation is
/// 0.013); with one of half an answer's time it is far from that.
async fn tells_nothing(store: impl Store + 'static) {
    let mut curious =
        Curious { served: Served::new(store), own: Scope::tenant(TenantId::new()), betrayed: None };
    let mut warm: Vec<_> = Vec::new();
    for _ in 0..200 {
        warm.push(curious.measure(&TenantId::new().to_string()).await.0);
    }
    warm.sort_unstable();
    let honest = curious.compare().await;
    assert!((0.44..0.56).contains(&honest), "used keys take longer than others: {honest}");
    curious.betrayed = Some((Mutex::default(), warm[100] / 2));
    let planted = curious.compare().await;
    assert!(planted > 0.62, "an oracle of half a median is not seen: {planted}");
}

#[tokio::test]
async fn in_memory_time_tells_nothing_of_other_tenants_keys_slow() {
    tells_nothing(Arc::new(MemoryStore::new())).await;
}

#[tokio::test]
async fn in_postgres_time_tells_nothing_of_other_tenants_keys_slow() {
    let db = postgres().await;
    let options = db.pool.connect_options().as_ref().clone();
    // The disk's time would drown what there is to hear.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options.options([("synchronous_commit", "off")]))
        .await
        .unwrap();
    tells_nothing(SqlStore::<sqlx::Postgres>::new(pool)).await;
}

#[test]
fn the_measure_is_half_for_equals_and_whole_for_what_is_always_later() {
    let of = |millis: [u64; 4]| millis.map(Duration::from_millis);
    assert_eq!(superiority(&of([1, 2, 3, 4]), &of([1, 2, 3, 4])), 0.5);
    assert_eq!(superiority(&of([5, 6, 7, 8]), &of([1, 2, 3, 4])), 1.0);
    assert_eq!(superiority(&of([1, 1, 1, 1]), &of([2, 2, 2, 9000])), 0.0);
}
