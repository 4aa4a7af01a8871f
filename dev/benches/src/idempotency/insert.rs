//! The smallest handler: one insert.

use saas_idempotency::Reply;
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::modes::Handler;
use super::{CLIENTS, modes};
use crate::database::Database;
use crate::{Result, Size};

const TABLE: &str = "
    create table orders (
        tenant_id uuid not null,
        id uuid not null,
        note text not null,
        primary key (tenant_id, id)
    )";

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    database.set_up(TABLE).await?;
    database.set_up(format!("grant insert on orders to \"{}\"", database.role)).await?;
    let pool = database.app(CLIENTS).await?;
    modes::run("idempotency/one_insert", Insert(pool.clone()), &pool, size).await
}

#[derive(Clone)]
struct Insert(PgPool);

impl Handler for Insert {
    type Tx = Transaction<'static, Postgres>;

    async fn begin(&self) -> Result<Self::Tx> {
        Ok(self.0.begin().await?)
    }

    async fn work(&self, mut tx: Self::Tx) -> Result<(Self::Tx, Reply)> {
        let id = Uuid::now_v7();
        sqlx::query("insert into orders (tenant_id, id, note) values ($1, $2, $3)")
            .bind(Uuid::from_u128(1))
            .bind(id)
            .bind("three of them, please")
            .execute(&mut *tx)
            .await?;
        Ok((tx, Reply::json(201, &id)?))
    }

    async fn commit(tx: Self::Tx) -> Result<()> {
        Ok(tx.commit().await?)
    }
}
