//! Joins along references.

use saas_core::schema::quoted;
use saas_core::{Column, Deleted, Entity, Id, Owner, TenantId};
use sqlx::QueryBuilder;

use super::entities::{Includes, Inner, JoinedTo, Outer};
use super::parts;
use super::select::Select;
use crate::{Error, Result, TenantBackend};

/// One join: the parent's table, and what writes it.
pub(super) struct Join<DB: TenantBackend> {
    pub(super) parent: &'static str,
    reference: &'static str,
    word: &'static str,
    push: fn(&mut QueryBuilder<DB>, &'static str, Option<TenantId>),
}

impl<DB: TenantBackend> Join<DB> {
    fn along<C: Entity, P: Entity>(word: &'static str, reference: &'static str) -> Self {
        Self { parent: P::TABLE, reference, word, push: push_on::<DB, C, P> }
    }

    pub(super) fn push_to(&self, query: &mut QueryBuilder<DB>, tenant: Option<TenantId>) {
        query.push(self.word).push(quoted(self.parent));
        (self.push)(query, self.reference, tenant);
    }
}

/// ` on` the reference, and in it the parent's own scope: in `where` it would turn an outer join into
/// an inner one.
fn push_on<DB: TenantBackend, C: Entity, P: Entity>(
    query: &mut QueryBuilder<DB>,
    reference: &'static str,
    tenant: Option<TenantId>,
) {
    query.push(" on ");
    if P::OWNER == Owner::Tenant {
        query.push(parts::column::<P>("tenant_id")).push(" = ");
        match tenant {
            Some(tenant) => parts::push_uuid(query, tenant.uuid()),
            // Across tenants a row still has its parent in its own.
            None => drop(query.push(parts::column::<C>("tenant_id"))),
        }
        query.push(" and ");
    }
    query.push(parts::column::<P>("id")).push(" = ").push(parts::column::<C>(reference));
    if P::SOFT_DELETES {
        parts::push_deleted(query, P::TABLE, Deleted::Without);
    }
}

impl<DB: TenantBackend, E: Entity, X, J, O> Select<DB, E, X, J, O> {
    /// Joins the parent that a reference points to; rows without a living one are left out.
    ///
    /// The parent's table is scoped like every other: this tenant's living rows. Conditions, order
    /// and [`columns`](Self::columns) may then name the parent, and join on from it.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant, soft_delete)]
    /// # struct Customer { id: Id<Customer>, email: String }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, #[entity(references = Customer)] customer_id: Id<Customer>, body: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// let notes = tx.select::<Note>().join(Note::CUSTOMER_ID).filter(Customer::EMAIL.eq("a@x"));
    /// let whole: Vec<Note> = notes.all(&mut tx).await?;
    ///
    /// let pairs = tx.select::<Note>().join(Note::CUSTOMER_ID).columns((Note::BODY, Customer::EMAIL));
    /// let pairs: Vec<(String, String)> = pairs.all(&mut tx).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// What points to nothing is no join:
    ///
    /// ```compile_fail,E0308
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String }
    /// # fn example(tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.select::<Note>().join(Note::BODY);
    /// # }
    /// ```
    ///
    /// nor does a condition on what was not joined compile, or a tenant's entity joined to a global
    /// one:
    ///
    /// ```compile_fail,E0271
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer>, email: String }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer> }
    /// # fn example(tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.select::<Note>().filter(Customer::EMAIL.eq("a@x"));
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "logins", global)]
    /// # struct Login { id: Id<Login>, customer_id: Id<Customer> }
    /// # fn example(tx: saas_tenancy::GlobalTx<sqlx::Sqlite>) {
    /// tx.select::<Login>().join(Login::CUSTOMER_ID);
    /// # }
    /// ```
    #[must_use]
    pub fn join<C, P, N, At, Whose>(
        self,
        reference: Column<C, Id<P>, N>,
    ) -> Select<DB, E, X, (Inner<P>, J), O>
    where
        C: Entity,
        P: JoinedTo<C, Whose>,
        J: Includes<C, At>,
    {
        let join = Join::along::<C, P>(" join ", reference.name());
        self.joined(join)
    }

    /// The same, but rows without a living parent stay, with `None` for its columns.
    #[must_use]
    pub fn left_join<C, P, N, At, Whose>(
        self,
        reference: Column<C, Id<P>, N>,
    ) -> Select<DB, E, X, (Outer<P>, J), O>
    where
        C: Entity,
        P: JoinedTo<C, Whose>,
        J: Includes<C, At>,
    {
        let join = Join::along::<C, P>(" left join ", reference.name());
        self.joined(join)
    }

    fn joined<K>(mut self, join: Join<DB>) -> Select<DB, E, X, K, O> {
        self.joins.push(join);
        self.retyped()
    }

    /// A table that is joined twice would need another name the second time, which conditions do not
    /// know.
    pub(super) fn check_joins(&self) -> Result<()> {
        let mut met = vec![E::TABLE];
        for Join { parent: table, .. } in &self.joins {
            if met.contains(table) {
                return Err(Error::JoinedTwice { table });
            }
            met.push(table);
        }
        Ok(())
    }
}
