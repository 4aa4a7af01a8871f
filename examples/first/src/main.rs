//! Notes of tenants: a first service on all five crates.

use std::sync::LazyLock;

use axum::extract::{Extension, RawQuery, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use saas_core::{Entity, Id, Problem, SystemClock, TenantId, Timestamps};
use saas_idempotency::{Idempotency, IdempotencyLayer, Reply, Scope, SqlStore};
use saas_jobs::{BoxError, Job, JobContext, JobResult, Options, Outcome, Queue, Run, Worker};
use saas_pagination::{Cursors, List};
use saas_tenancy::{Registry, TenantDb};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Sqlite, SqlitePool};

/// A tenant's row.
#[derive(Entity, sqlx::FromRow, Serialize)]
#[entity(table = "notes", tenant)]
struct Note {
    id: Id<Note>,
    body: String,
    /// Counted later, by a job.
    words: Option<i64>,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    #[serde(flatten)]
    timestamps: Timestamps,
}

/// How notes are listed.
static NOTES: LazyLock<List<Note>> = LazyLock::new(|| {
    List::of_entity()
        .sort("created_at", Note::CREATED_AT, |note| note.timestamps.created_at)
        .default_sort("-created_at")
});

/// What happens later.
#[derive(Serialize, Deserialize)]
struct CountWords {
    note: Id<Note>,
}

impl Job for CountWords {
    const KIND: &'static str = "count_words";
}

impl Run<App> for CountWords {
    async fn run(self, cx: JobContext<'_, App>) -> JobResult {
        let Some(tenant) = cx.tenant() else { return Ok(Outcome::dead("the job has no tenant")) };
        let mut tx = cx.context().db.tenant(tenant).await?;
        let note = tx.select::<Note>().by_id(self.note).one(&mut tx).await?;
        let words = i64::try_from(note.body.split_whitespace().count())?;
        tx.update(self.note).set(Note::WORDS, Some(words)).await?;
        // The count and the end of the job, in one commit.
        let receipt = cx.complete(tx.connection()).await?;
        tx.commit().await?;
        Ok(Outcome::completed(receipt))
    }
}

#[derive(Clone)]
struct App {
    db: TenantDb<Sqlite>,
    queue: Queue<Sqlite>,
    cursors: Cursors,
}

/// Whose request it is. Here the token is the tenant's id; yours is a secret that is looked up.
async fn authenticate(mut request: Request, next: Next) -> Result<Response, Problem> {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let tenant: TenantId =
        token.and_then(|token| token.parse().ok()).ok_or_else(|| Problem::new(401))?;
    request.extensions_mut().insert(tenant);
    request.extensions_mut().insert(Scope::tenant(tenant));
    Ok(next.run(request).await)
}

#[derive(Deserialize)]
struct NewNote {
    body: String,
}

/// `POST /notes`: the record of the request, the note and the job are committed together.
async fn create(
    State(app): State<App>,
    Extension(tenant): Extension<TenantId>,
    idempotency: Idempotency,
    Json(NewNote { body }): Json<NewNote>,
) -> Result<Reply, Problem> {
    let note = Note { id: Id::new(), body, words: None, timestamps: Timestamps::new(&SystemClock) };
    let tx = app.db.tenant(tenant).await?;
    let (tx, reply) = idempotency
        .atomic(tx, async |mut tx| {
            tx.insert(&note).await?;
            let options = Options::new().tenant(tenant);
            let job = CountWords { note: note.id };
            app.queue.enqueue_with(tx.connection(), job, options).await?;
            Ok::<_, Problem>((tx, Reply::json(201, &note)?))
        })
        .await?;
    tx.commit().await?;
    app.queue.wake();
    Ok(reply)
}

/// `GET /notes?limit=…&after=…`.
async fn list(
    State(app): State<App>,
    Extension(tenant): Extension<TenantId>,
    RawQuery(query): RawQuery,
) -> Result<Reply, Problem> {
    let read = app.db.read(tenant);
    let request = NOTES.request(&query.unwrap_or_default(), &app.cursors, tenant)?;
    let plan = request.plan(read.select::<Note>());
    let rows = read.fetch_all(&plan).await?;
    Ok(Reply::json(200, &plan.page(rows)?)?)
}

fn router(app: App) -> Router {
    let once = IdempotencyLayer::new(SqlStore::new(app.db.pool().clone())).atomic();
    Router::new()
        .route("/notes", post(create).route_layer(once))
        .route("/notes", get(list))
        .route_layer(from_fn(authenticate))
        .with_state(app)
}

fn registry() -> Registry {
    Registry::new().register::<Note>()
}

/// A file with all tables in it, and what requests and jobs work with.
async fn open(file: &str) -> Result<(SqlitePool, App), BoxError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePool::connect_with(options).await?;
    let mut conn = pool.acquire().await?;
    saas_tenancy::migrate::<Sqlite>(&mut conn).await?;
    saas_idempotency::migrate::<Sqlite>(&mut conn).await?;
    saas_jobs::migrate::<Sqlite>(&mut conn).await?;
    sqlx::migrate!().run(&mut conn).await?;
    drop(conn);
    // Looks at the database first, and refuses one that does not keep tenants apart.
    let db = TenantDb::connect(pool.clone(), registry()).await?;
    // Cursors are signed: with the same secret, kept secret, in every process.
    let cursors = Cursors::new(*b"thirty-two bytes that you keep! ")?;
    Ok((pool, App { db, queue: Queue::new(), cursors }))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (pool, app) = open("notes.db").await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    let worker = Worker::new(pool, app.queue.clone(), app.clone()).register::<CountWords>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}, for the tenant {}", listener.local_addr()?, TenantId::new());
    let worker = tokio::spawn(worker.run_until(async { drop(tokio::signal::ctrl_c().await) }));
    axum::serve(listener, router(app)).with_graceful_shutdown(stop).await?;
    Ok(worker.await??)
}

#[cfg(test)]
mod tests;
