use saas_testkit::{Postgres, postgres_fresh, required};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use crate::support::prepare;

/// A database that nobody else uses, and the one connection on which everything is counted.
pub(super) struct Counted {
    pub(super) pool: PgPool,
    pg: Postgres,
}

/// What the application's role did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// `begin` and `commit` are two of them.
    pub(super) statements: i64,
    /// A statement on its own is one, even if it only reads.
    pub(super) commits: i64,
    /// Records of the write-ahead log. Not bytes: after a checkpoint whole pages come with them.
    pub(super) log: i64,
}

impl Counted {
    pub(super) async fn new() -> Self {
        let pg = postgres_fresh().await;
        prepare(&pg).await;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(pg.app_options.clone())
            .await
            .unwrap();
        Self { pool, pg }
    }

    /// The least of three times: PostgreSQL counts a visit of its own vacuum as commits as well.
    pub(super) async fn cost(&self, work: impl AsyncFn()) -> Cost {
        let mut least: Option<Cost> = None;
        for _ in 0..3 {
            let before = self.total().await;
            work().await;
            let after = self.total().await;
            let cost = Cost {
                statements: after.statements - before.statements,
                // The count itself is one.
                commits: after.commits - before.commits - 1,
                log: after.log - before.log,
            };
            if least.as_ref().is_none_or(|least| cost.commits < least.commits) {
                least = Some(cost);
            }
        }
        least.unwrap()
    }

    async fn total(&self) -> Cost {
        // A session tells what it did about once a second, unless asked.
        sqlx::query("select pg_stat_force_next_flush()").execute(&self.pool).await.unwrap();
        // From elsewhere, so as not to be counted.
        let mut conn = elsewhere().await;
        let (statements, commits, log) = sqlx::query_as(
            "select sum(s.calls)::bigint,
                    (select xact_commit from pg_stat_database d where d.datid = s.dbid),
                    sum(s.wal_records)::bigint
             from pg_stat_statements s
             where s.dbid = (select oid from pg_database where datname = $1)
               and s.userid = $2::regrole and s.query not like '%pg_stat_force_next_flush%'
             group by s.dbid",
        )
        .bind(self.pg.app_options.get_database())
        .bind(&self.pg.app_role)
        .fetch_optional(&mut conn)
        .await
        .unwrap()
        .unwrap_or_default();
        conn.close().await.unwrap();
        Cost { statements, commits, log }
    }

    pub(super) async fn remove(self) {
        self.pool.close().await;
        self.pg.owner.close().await;
        let name = self.pg.app_options.get_database().unwrap();
        // Not by force, which the role may not use on a vacuum that has just begun there.
        let drop = format!("drop database \"{name}\"");
        let mut conn = elsewhere().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }
}

async fn elsewhere() -> PgConnection {
    let url = required("TEST_POSTGRES_OWNER_URL", "postgres");
    let options: PgConnectOptions = url.parse().unwrap();
    PgConnection::connect_with(&options).await.unwrap()
}
