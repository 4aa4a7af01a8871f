//! What a request costs PostgreSQL, as PostgreSQL itself counts it.

mod counted;

use axum::body::Body;
use http::{Request, Response};
use saas_idempotency::{Claim, Error, Idempotency, IdempotencyLayer, Reply, SqlStore};
use sqlx::{PgPool, Postgres};
use tower::{Layer, ServiceExt, service_fn};

use self::counted::{Cost, Counted};
use crate::support::{Answer, Call, post};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bare,
    Standalone,
    Atomic,
    Optimistic,
}

/// A handler of one insert in a transaction, called a few times in the given mode: each time with
/// the same call, or with a new one.
async fn serve(mode: Mode, pool: &PgPool, calls: &[Call]) {
    let layer = IdempotencyLayer::new(SqlStore::<Postgres>::new(pool.clone()));
    let layer = if mode == Mode::Standalone { layer } else { layer.atomic() };
    let pool = pool.clone();
    let handler = service_fn(move |request: Request<Body>| {
        let pool = pool.clone();
        async move {
            let idempotency = request.extensions().get::<Idempotency>().cloned();
            let reply = handle(mode, pool, idempotency).await?;
            Ok::<_, Error>(Response::builder().status(reply.status()).body(Body::empty()).unwrap())
        }
    });
    for call in calls {
        let response = match mode {
            Mode::Bare => handler.clone().oneshot(call.request()).await.unwrap(),
            _ => unbuffered(layer.layer(handler.clone()).oneshot(call.request()).await.unwrap()),
        };
        assert_eq!(Answer::of(response).await.status, 201);
    }
}

fn unbuffered<B>(response: Response<B>) -> Response<Body>
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    response.map(Body::new)
}

async fn handle(mode: Mode, pool: PgPool, handle: Option<Idempotency>) -> Result<Reply, Error> {
    let tx = pool.begin().await?;
    let work = async |mut tx: sqlx::Transaction<'static, Postgres>| {
        let insert = sqlx::query("insert into public.effects (request) values ('counted')");
        insert.execute(&mut *tx).await?;
        Ok::<_, Error>((tx, Reply::new(201)))
    };
    let (tx, reply) = match (mode, handle) {
        (Mode::Atomic, Some(handle)) => {
            let (tx, reply) = handle.atomic(tx, work).await?;
            (Some(tx), reply)
        }
        (Mode::Optimistic, Some(handle)) => handle.optimistic(tx, work).await?,
        _ => {
            let (tx, reply) = work(tx).await?;
            (Some(tx), reply)
        }
    };
    if let Some(tx) = tx {
        tx.commit().await?;
    }
    Ok(reply)
}

fn calls(count: usize) -> Vec<Call> {
    (0..count).map(|_| post("/", "body")).collect()
}

/// What `count` new requests cost, once everything is prepared.
async fn cost_of_new_ones(counted: &Counted, mode: Mode, count: usize) -> Cost {
    serve(mode, &counted.pool, &calls(8)).await;
    counted.cost(async || serve(mode, &counted.pool, &calls(count)).await).await
}

/// Of ten requests. PostgreSQL's own vacuum commits once or twice when it comes by.
fn commits_of_each(ten: &Cost) -> i64 {
    ten.commits / 10
}

#[tokio::test]
async fn a_standalone_request_adds_two_statements_and_two_commits() {
    let counted = Counted::new().await;
    let bare = cost_of_new_ones(&counted, Mode::Bare, 10).await;
    assert_eq!(bare.statements, 30, "begin, insert, commit");
    let ours = cost_of_new_ones(&counted, Mode::Standalone, 10).await;
    assert_eq!(ours.statements - bare.statements, 20);
    assert_eq!(commits_of_each(&ours) - commits_of_each(&bare), 2);
    counted.remove().await;
}

#[tokio::test]
async fn atomic_and_optimistic_requests_add_two_statements_and_no_commit() {
    let counted = Counted::new().await;
    let bare = cost_of_new_ones(&counted, Mode::Bare, 10).await;
    let atomic = cost_of_new_ones(&counted, Mode::Atomic, 10).await;
    let optimistic = cost_of_new_ones(&counted, Mode::Optimistic, 10).await;
    for ours in [&atomic, &optimistic] {
        assert_eq!(ours.statements - bare.statements, 20);
        assert_eq!(commits_of_each(ours), commits_of_each(&bare));
    }
    assert!(bare.log < optimistic.log && optimistic.log < atomic.log, "{optimistic:?} {atomic:?}");
    counted.remove().await;
}

#[tokio::test]
async fn a_standalone_replay_is_one_statement_and_writes_nothing() {
    let counted = Counted::new().await;
    let call = post("/", "body");
    serve(Mode::Standalone, &counted.pool, &vec![call.clone(); 8]).await;
    let replays = vec![call; 10];
    let cost = counted.cost(async || serve(Mode::Standalone, &counted.pool, &replays).await).await;
    assert_eq!((cost.statements, cost.log), (10, 0), "ten reads");
    counted.remove().await;
}

#[tokio::test]
async fn a_replay_in_the_handlers_transaction_writes_nothing() {
    let counted = Counted::new().await;
    for (mode, statements) in [(Mode::Atomic, 40), (Mode::Optimistic, 30)] {
        let call = post("/", "body");
        serve(mode, &counted.pool, &vec![call.clone(); 8]).await;
        let replays = vec![call; 10];
        let cost = counted.cost(async || serve(mode, &counted.pool, &replays).await).await;
        // Begin, an insert that does nothing and a read, or a read alone, and the end.
        assert_eq!((cost.statements, cost.log), (statements, 0));
    }
    counted.remove().await;
}

#[tokio::test]
async fn statements_are_prepared_once_and_a_replay_needs_no_transaction_id() {
    let counted = Counted::new().await;
    let handler = counted.pool.clone();
    let layer = IdempotencyLayer::new(SqlStore::<Postgres>::new(handler.clone())).atomic();
    let service = layer.layer(service_fn(move |request: Request<Body>| {
        let pool = handler.clone();
        async move { Ok::<_, Error>(Response::new(Body::from(answer(request, pool).await?))) }
    }));
    let call = post("/", "body");
    let mut seen = Vec::new();
    for _ in 0..8 {
        let response = service.clone().oneshot(call.request()).await.unwrap();
        seen.push(Answer::of(response).await.body);
    }
    assert_eq!(seen[0], "wrote");
    assert!(seen[1..].iter().all(|seen| seen == "wrote nothing"), "{seen:?}");

    let prepared: i64 = sqlx::query_scalar(
        "select count(*) from pg_prepared_statements \
         where statement like '%saas.idempotency_%' and name <> '' \
           and statement not like '%pg_prepared_statements%'",
    )
    .fetch_one(&counted.pool)
    .await
    .unwrap();
    assert_eq!(prepared, 3, "the claim, what it met, the record");
    counted.remove().await;
}

/// A transaction that wrote has an id.
async fn answer(request: Request<Body>, pool: PgPool) -> Result<&'static str, Error> {
    let idempotency: Idempotency = request.extensions().get().cloned().unwrap();
    let mut tx = pool.begin().await?;
    let claim = idempotency.claim(&mut *tx).await?;
    let wrote: bool = sqlx::query_scalar("select pg_current_xact_id_if_assigned() is not null")
        .fetch_one(&mut *tx)
        .await?;
    if let Claim::Fresh(turn) = claim {
        turn.record(&mut *tx, &Reply::new(200)).await?;
        tx.commit().await?;
    }
    Ok(if wrote { "wrote" } else { "wrote nothing" })
}
