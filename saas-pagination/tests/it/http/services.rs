//! The same list on both frameworks.

use std::net::SocketAddr;
use std::sync::LazyLock;

use actix_web::web;
use axum::extract::State;
use saas_pagination::Operator::{Eq, Gte};
use saas_pagination::{Cursors, Error, List, PageQuery, PageResponse, Raw};
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

#[derive(serde::Serialize, sqlx::FromRow)]
pub(super) struct Post {
    id: i64,
    title: String,
}

pub(super) const COUNT: i64 = 23;

/// With what a reference must escape.
pub(super) fn title(id: i64) -> String {
    format!("ab {id:02}>; rel=\"next\", é")
}

static POSTS: LazyLock<List<Post>> = LazyLock::new(|| {
    List::new("posts", "id", |post: &Post| post.id)
        .sort("title", "title", |post| post.title.clone())
        .filter::<String>("title", "title", [Eq, Gte])
        .ignore("utm")
});

async fn list(
    pool: &SqlitePool,
    query: &PageQuery,
    base: Raw,
) -> Result<PageResponse<Post>, Error> {
    let cursors = Cursors::new([7; 32])?;
    let mut conn = pool.acquire().await.map_err(Error::Database)?;
    let page = POSTS.request(query.as_str(), &cursors, ())?.fetch(base, &mut *conn).await?;
    Ok(query.respond(page))
}

const BASE: Raw = Raw("select * from posts");
const BROKEN: Raw = Raw("select * from no_such_table");

async fn pool() -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1).connect(":memory:").await.unwrap();
    let table = "create table posts (id integer primary key, title text not null)";
    sqlx::query(table).execute(&pool).await.unwrap();
    for id in 1..=COUNT {
        let insert = sqlx::query("insert into posts values (?, ?)").bind(id).bind(title(id));
        insert.execute(&pool).await.unwrap();
    }
    pool
}

pub(super) async fn axum() -> SocketAddr {
    async fn posts(
        State(pool): State<SqlitePool>,
        query: PageQuery,
    ) -> Result<PageResponse<Post>, Error> {
        list(&pool, &query, BASE).await
    }
    async fn broken(
        State(pool): State<SqlitePool>,
        query: PageQuery,
    ) -> Result<PageResponse<Post>, Error> {
        list(&pool, &query, BROKEN).await
    }
    let app = axum::Router::new()
        .route("/blog/posts", axum::routing::get(posts))
        .route("/broken", axum::routing::get(broken))
        .with_state(pool().await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

pub(super) async fn actix() -> SocketAddr {
    type Pool = web::Data<SqlitePool>;
    async fn posts(pool: Pool, query: PageQuery) -> Result<PageResponse<Post>, Error> {
        list(&pool, &query, BASE).await
    }
    async fn broken(pool: Pool, query: PageQuery) -> Result<PageResponse<Post>, Error> {
        list(&pool, &query, BROKEN).await
    }
    let pool = web::Data::new(pool().await);
    let server = actix_web::HttpServer::new(move || {
        actix_web::App::new()
            .app_data(pool.clone())
            .route("/blog/posts", web::get().to(posts))
            .route("/broken", web::get().to(broken))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    address
}
