//! A database with the queue's tables, and one table of the application's.

use std::sync::Arc;
use std::time::Duration;

use saas_core::schema::Dialect;
use saas_core::sql::Statements;
use saas_core::{Clock, ManualClock, SystemClock};
use saas_jobs::{Backend, JobId, JobState, JobStatus, Options, Queue, Worker};
use saas_testkit::{Postgres, Sqlite};
use sqlx::{Pool, QueryBuilder};

use crate::jobs::App;

/// Where a test works.
pub(crate) struct Site<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) queue: Queue<DB>,
    pub(crate) clock: Arc<ManualClock>,
    /// A queue of the test's own.
    pub(crate) name: String,
    pub(crate) how: Statements,
    end: End,
}

enum End {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>, String),
}

/// The database of all tests that need none of their own.
const SHARED: &str = "t_jobs";

const EFFECTS: &str = "create table if not exists effects (job text not null, note text not null)";

pub(crate) async fn sqlite(turned: bool) -> Site<sqlx::Sqlite> {
    let db = saas_testkit::sqlite().await;
    let mut conn = db.pool.acquire().await.unwrap();
    saas_jobs::migrate::<sqlx::Sqlite>(&mut conn).await.unwrap();
    sqlx::query(EFFECTS).execute(&mut *conn).await.unwrap();
    drop(conn);
    site(db.pool.clone(), Statements::Named, turned, End::Sqlite(db))
}

pub(crate) async fn postgres(turned: bool) -> Site<sqlx::Postgres> {
    let name = database(turned);
    let db = saas_testkit::postgres(&name).await;
    prepare(&db).await;
    site(db.app.clone(), Statements::Named, turned, End::Postgres(Box::new(db), name))
}

pub(crate) async fn pgbouncer(turned: bool) -> Site<sqlx::Postgres> {
    let name = database(turned);
    let db = saas_testkit::pgbouncer(&name).await;
    prepare(&db).await;
    site(db.app.clone(), Statements::Unnamed, turned, End::Postgres(Box::new(db), name))
}

/// In a database that has no letters beyond Latin 1.
pub(crate) async fn latin1() -> Site<sqlx::Postgres> {
    let name = database(true);
    let url = saas_testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
    let owner = saas_testkit::required("TEST_POSTGRES_OWNER_URL", "postgres");
    let owner: sqlx::postgres::PgConnectOptions = owner.parse().unwrap();
    let mut conn = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let create = format!(
        "create database \"{name}\" owner \"{}\" template template0 encoding 'LATIN1' locale 'C'",
        owner.get_username()
    );
    sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut conn).await.unwrap();
    let db = saas_testkit::postgres(&name).await;
    prepare(&db).await;
    site(db.app.clone(), Statements::Named, false, End::Postgres(Box::new(db), name))
}

/// On a PostgreSQL of the test's own.
pub(crate) async fn of_its_own(db: Postgres, how: Statements) -> Site<sqlx::Postgres> {
    prepare(&db).await;
    site(db.app.clone(), how, false, End::Postgres(Box::new(db), SHARED.to_owned()))
}

/// A test that turns the clock, which concerns every queue of a database, has one of its own.
fn database(turned: bool) -> String {
    if turned { format!("t_jobs_{}", JobId::new().uuid().simple()) } else { SHARED.to_owned() }
}

async fn prepare(db: &Postgres) {
    let mut conn = db.owner.acquire().await.unwrap();
    saas_jobs::migrate::<sqlx::Postgres>(&mut conn).await.unwrap();
    saas_jobs::grant(&mut conn, &db.app_role).await.unwrap();
    // Tests that start together take turns.
    let mut tx = sqlx::Connection::begin(&mut *conn).await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(4712)").execute(&mut *tx).await.unwrap();
    sqlx::query(EFFECTS).execute(&mut *tx).await.unwrap();
    sqlx::query("grant all on effects to public").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

fn site<DB: Backend>(pool: Pool<DB>, how: Statements, turned: bool, end: End) -> Site<DB> {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let mut queue = Queue::new();
    if turned {
        queue = queue.clock(Arc::clone(&clock) as Arc<dyn Clock>);
    }
    if how == Statements::Unnamed {
        queue = queue.unnamed();
    }
    Site { pool, queue, clock, name: format!("q{}", JobId::new().uuid().simple()), how, end }
}

impl<DB: Backend> Site<DB> {
    /// What opens a transaction that reads before it writes.
    pub(crate) fn begin(&self) -> &'static str {
        begin::<DB>()
    }

    pub(crate) fn options(&self) -> Options {
        Options::new().queue(self.name.clone())
    }

    /// A quick worker for the test's queue.
    pub(crate) fn worker(&self, app: &App<DB>) -> Worker<DB, App<DB>> {
        Worker::new(self.pool.clone(), self.queue.clone(), app.clone())
            .queue(self.name.clone())
            .poll(Duration::from_millis(10), Duration::from_millis(50))
            .lease(Duration::from_secs(2))
    }

    pub(crate) async fn enqueue<J: saas_jobs::Job>(&self, job: J) -> JobId {
        self.enqueue_with(job, self.options()).await
    }

    pub(crate) async fn enqueue_with<J: saas_jobs::Job>(&self, job: J, options: Options) -> JobId {
        let mut tx = self.pool.begin().await.unwrap();
        let id = self.queue.enqueue_with(&mut tx, job, options).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn job(&self, id: JobId) -> JobStatus {
        let mut tx = self.pool.begin().await.unwrap();
        self.queue.job(&mut tx, id, None).await.unwrap().expect("the job is known")
    }

    /// Waits, at most half a minute, until the job is in this state: other tests share the machine.
    pub(crate) async fn until(&self, id: JobId, state: JobState) -> JobStatus {
        let mut last = None;
        for _ in 0..1500 {
            let status = self.job(id).await;
            if status.state == state {
                return status;
            }
            last = Some(status);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let size = (self.pool.size(), self.pool.num_idle());
        panic!(
            "the job did not become {state}: {last:?}\npool {size:?}\n{}",
            self.sessions().await.join("\n")
        );
    }

    /// What the server is at, and which workers it knows.
    async fn sessions(&self) -> Vec<String> {
        const SESSIONS: &str = "
            select format('%s %s %s %s %s: %s', pid, usename, state, wait_event, xact_start, query)
            from pg_stat_activity where datname = current_database()
            union all
            select format('worker %s %s until %s', worker_id, name, expires_at)
            from saas.jobs_worker
            union all select format('now %s', now())";
        match &self.end {
            End::Sqlite(_) => Vec::new(),
            End::Postgres(db, _) => {
                sqlx::query_scalar(SESSIONS).fetch_all(&db.owner).await.unwrap_or_default()
            }
        }
    }

    /// Runs a statement with one text, as the application would.
    pub(crate) async fn run(&self, sql: &'static str, text: Option<String>) -> u64 {
        let mut tx = self.pool.begin().await.unwrap();
        let rows = run::<DB>(&mut tx, sql, text, self.how).await.unwrap();
        tx.commit().await.unwrap();
        rows
    }

    /// How many effects with this note are there?
    pub(crate) async fn effects(&self, note: &str) -> usize {
        let mut tx = self.pool.begin().await.unwrap();
        let mut query = QueryBuilder::<DB>::new("select job from effects where note = ");
        DB::push_bind(&mut query, &note.to_owned());
        DB::fetch_all(&mut tx, query, self.how).await.unwrap().len()
    }

    /// Runs a statement as who owns the tables.
    pub(crate) async fn define(&self, postgres: &'static str, sqlite: &'static str) {
        match &self.end {
            End::Sqlite(db) => drop(sqlx::raw_sql(sqlite).execute(&db.pool).await.unwrap()),
            End::Postgres(db, _) => drop(sqlx::raw_sql(postgres).execute(&db.owner).await.unwrap()),
        }
    }

    /// Where the database is, for a process of its own.
    pub(crate) fn url(&self) -> String {
        match &self.end {
            End::Sqlite(db) => db.path.display().to_string(),
            End::Postgres(db, _) => sqlx::ConnectOptions::to_url_lossy(&db.app_options).to_string(),
        }
    }

    /// Ends the test: a database of its own is dropped.
    pub(crate) async fn end(self) {
        self.pool.close().await;
        let End::Postgres(db, name) = self.end else { return };
        db.app.close().await;
        if name != SHARED {
            db.owner.close().await;
            // The pooler still holds connections of the application's role.
            let url = saas_testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
            let mut conn = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
            let drop = format!("drop database \"{name}\" with (force)");
            sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut conn).await.unwrap();
        }
    }
}

/// Differs: a transaction of SQLite that reads first cannot wait for the write lock later.
pub(crate) fn begin<DB: Backend>() -> &'static str {
    match DB::DIALECT {
        Dialect::Postgres => "begin",
        Dialect::Sqlite => "begin immediate",
    }
}

async fn run<DB: Backend>(
    conn: &mut DB::Connection,
    sql: &'static str,
    text: Option<String>,
    how: Statements,
) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::<DB>::new(sql);
    if let Some(text) = &text {
        DB::push_bind(&mut query, text);
    }
    DB::execute(conn, query, how).await
}

/// Writes an effect of a job on the handler's connection.
pub(crate) async fn effect<DB: Backend>(
    conn: &mut DB::Connection,
    job: JobId,
    note: &str,
    how: Statements,
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<DB>::new("insert into effects (job, note) values (");
    DB::push_bind(&mut query, &job.to_string());
    query.push(", ");
    DB::push_bind(&mut query, &note.to_owned());
    query.push(")");
    DB::execute(conn, query, how).await.map(drop)
}
