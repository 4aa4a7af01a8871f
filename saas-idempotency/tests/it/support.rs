use std::any::Any;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, Response};
use saas_core::sql::Statements;
use saas_core::{Problem, TenantId};
use saas_idempotency::{Backend, Scope, SqlStore, grant, migrate};
use sqlx::{Connection, Pool, Postgres, QueryBuilder, Sqlite};

/// A database with the store's table, and one for the effects of handlers.
pub(crate) struct Db<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) statements: Statements,
    _guard: Arc<dyn Any + Send + Sync>,
}

impl<DB: Backend> Db<DB> {
    pub(crate) fn store(&self) -> SqlStore<DB> {
        SqlStore::new(self.pool.clone()).statements(self.statements)
    }

    /// What another process made.
    pub(crate) fn made_elsewhere(pool: Pool<DB>) -> Self {
        Self { pool, statements: Statements::Named, _guard: Arc::new(()) }
    }

    /// Leaves a row behind that names the request.
    pub(crate) async fn insert(
        &self,
        conn: &mut DB::Connection,
        request: &str,
    ) -> Result<(), Problem> {
        let mut query = QueryBuilder::<DB>::new("insert into effects (request) values (");
        DB::push_bind(&mut query, &request.to_owned());
        query.push(")");
        DB::execute(conn, query, self.statements).await.map(drop).map_err(|_| Problem::new(503))
    }

    /// How many such rows there are.
    pub(crate) async fn effects(&self, request: &str) -> usize {
        let mut tx = self.pool.begin().await.unwrap();
        let mut query = QueryBuilder::<DB>::new("select 1 from effects where request = ");
        DB::push_bind(&mut query, &request.to_owned());
        DB::fetch_all(&mut tx, query, self.statements).await.unwrap().len()
    }
}

impl<DB: Backend> Clone for Db<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), statements: self.statements, _guard: self._guard.clone() }
    }
}

pub(crate) async fn sqlite() -> Db<Sqlite> {
    let file = saas_testkit::sqlite().await;
    let mut conn = file.pool.acquire().await.unwrap();
    migrate::<Sqlite>(&mut conn).await.unwrap();
    sqlx::query("create table effects (request text not null)").execute(&mut *conn).await.unwrap();
    Db { pool: file.pool.clone(), statements: Statements::Named, _guard: Arc::new(file) }
}

pub(crate) async fn postgres() -> Db<Postgres> {
    let pg = saas_testkit::postgres("t_idempotency").await;
    prepare(&pg).await;
    Db { pool: pg.app, statements: Statements::Named, _guard: Arc::new(()) }
}

pub(crate) async fn pgbouncer() -> Db<Postgres> {
    let pg = saas_testkit::pgbouncer("t_idempotency").await;
    prepare(&pg).await;
    Db { pool: pg.app, statements: Statements::Unnamed, _guard: Arc::new(()) }
}

pub(crate) async fn prepare(pg: &saas_testkit::Postgres) {
    let mut owner = pg.owner.acquire().await.unwrap();
    migrate::<Postgres>(&mut owner).await.unwrap();
    // Test processes that grant at once would trip over each other's catalog rows.
    let mut tx = owner.begin().await.unwrap();
    sqlx::raw_sql("select pg_advisory_xact_lock(4712)").execute(&mut *tx).await.unwrap();
    grant(&mut tx, &pg.app_role).await.unwrap();
    sqlx::raw_sql("create table if not exists public.effects (request text not null)")
        .execute(&mut *tx)
        .await
        .unwrap();
    saas_core::sql::grant(&mut tx, &pg.app_role, &["grant all on public.effects to :role"])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Instances of generic tests, one for each database.
#[macro_export]
macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::support::sqlite().await).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::support::postgres().await).await; })*
        }
        mod pgbouncer {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::support::pgbouncer().await).await; })*
        }
    };
}

/// A request with a scope.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) scope: Option<Scope>,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) key: Option<String>,
    pub(crate) body: String,
}

/// A POST of a tenant of its own, under a key of its own.
pub(crate) fn post(path: &'static str, body: &str) -> Call {
    Call {
        scope: Some(Scope::tenant(TenantId::new())),
        method: "POST",
        path,
        key: Some(TenantId::new().to_string()),
        body: body.to_owned(),
    }
}

impl Call {
    pub(crate) fn request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        let mut request = request.body(Body::from(self.body.clone())).unwrap();
        if let Some(scope) = &self.scope {
            request.extensions_mut().insert(scope.clone());
        }
        request
    }
}

/// A response that was read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let (parts, body) = response.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
    }

    pub(crate) fn is_problem(&self) -> bool {
        self.headers.get("content-type").is_some_and(|value| value == "application/problem+json")
    }
}
