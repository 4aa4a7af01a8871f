//! Some columns of a select instead of whole rows.

use saas_core::{Column, Entity, Nullability};

use super::entities::Includes;
use super::select::Select;
use crate::TenantBackend;

/// One column, or a tuple of up to eight, of the entities `J`.
pub trait Columns<J, At> {
    /// The values, as a tuple; those of an outer-joined entity are `Option`s.
    type Row;

    #[doc(hidden)]
    fn names(self) -> Vec<(&'static str, &'static str)>;
}

/// What a column of `C` holds in a select of `J`.
type Value<J, C, At, T, N> = <<J as Includes<C, At>>::Null<N> as Nullability>::Of<T>;

impl<J, C, T, N, At> Columns<J, At> for Column<C, T, N>
where
    C: Entity,
    T: Send + Sync + 'static,
    N: Nullability,
    J: Includes<C, At>,
{
    type Row = (Value<J, C, At, T, N>,);

    fn names(self) -> Vec<(&'static str, &'static str)> {
        vec![(C::TABLE, self.name())]
    }
}

macro_rules! columns {
    ($($C:ident $T:ident $N:ident $At:ident $column:ident),*) => {
        impl<J, $($C, $T, $N, $At),*> Columns<J, ($($At,)*)> for ($(Column<$C, $T, $N>,)*)
        where
            $($C: Entity, $T: Send + Sync + 'static, $N: Nullability, J: Includes<$C, $At>,)*
        {
            type Row = ($(Value<J, $C, $At, $T, $N>,)*);

            fn names(self) -> Vec<(&'static str, &'static str)> {
                let ($($column,)*) = self;
                vec![$(($C::TABLE, $column.name())),*]
            }
        }
    };
}
columns!(C1 T1 N1 A1 c1);
columns!(C1 T1 N1 A1 c1, C2 T2 N2 A2 c2);
columns!(C1 T1 N1 A1 c1, C2 T2 N2 A2 c2, C3 T3 N3 A3 c3);
columns!(C1 T1 N1 A1 c1, C2 T2 N2 A2 c2, C3 T3 N3 A3 c3, C4 T4 N4 A4 c4);
columns!(C1 T1 N1 A1 c1, C2 T2 N2 A2 c2, C3 T3 N3 A3 c3, C4 T4 N4 A4 c4, C5 T5 N5 A5 c5);
columns!(C1 T1 N1 A1 c1, C2 T2 N2 A2 c2, C3 T3 N3 A3 c3, C4 T4 N4 A4 c4, C5 T5 N5 A5 c5,
    C6 T6 N6 A6 c6);
columns!(C1 T1 N1 A1 c1, C2 T2 N2 A2 c2, C3 T3 N3 A3 c3, C4 T4 N4 A4 c4, C5 T5 N5 A5 c5,
    C6 T6 N6 A6 c6, C7 T7 N7 A7 c7);
columns!(C1 T1 N1 A1 c1, C2 T2 N2 A2 c2, C3 T3 N3 A3 c3, C4 T4 N4 A4 c4, C5 T5 N5 A5 c5,
    C6 T6 N6 A6 c6, C7 T7 N7 A7 c7, C8 T8 N8 A8 c8);

impl<DB: TenantBackend, E: Entity, X, J, O> Select<DB, E, X, J, O> {
    /// Only these columns, as a tuple, instead of whole rows.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, number: String, note: Option<String> }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// let named: Vec<(String, Option<String>)> =
    ///     tx.select::<Invoice>().columns((Invoice::NUMBER, Invoice::NOTE)).all(&mut tx).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// A column of an entity that was not joined does not compile, and one after an outer join is an
    /// `Option`:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer>, email: String }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer>, body: String }
    /// # fn example(tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.select::<Note>().columns((Note::BODY, Customer::EMAIL));
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0308
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer>, email: String }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer>, body: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>) -> saas_tenancy::Result<()> {
    /// let emails = tx.select::<Note>().left_join(Note::CUSTOMER_ID).columns(Customer::EMAIL);
    /// let emails: Vec<(String,)> = emails.all(&mut tx).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn columns<At, Cs: Columns<J, At>>(mut self, columns: Cs) -> Select<DB, E, X, J, Cs::Row> {
        self.columns = Some(columns.names());
        self.retyped()
    }
}
