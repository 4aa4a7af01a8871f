use std::fmt;
use std::marker::PhantomData;

use sqlx::{Database, QueryBuilder};

use super::Fragment;

/// A [`Fragment`] that is a condition on rows of one entity, so that a filter on customers does not
/// compile in a list of invoices.
///
/// ```
/// use saas_core::sql::Condition;
/// use saas_core::{Entity, Id};
///
/// #[derive(Entity)]
/// #[entity(table = "customers", tenant)]
/// struct Customer {
///     id: Id<Customer>,
///     name: String,
///     age: Option<i32>,
/// }
///
/// let adults = Customer::AGE.ge(18).or(Customer::AGE.is_null());
/// let filter = Customer::NAME.starts_with("50%").and(adults);
/// # let mut query = sqlx::QueryBuilder::<sqlx::Postgres>::new("");
/// # saas_core::sql::Fragment::push_to(&filter, &mut query);
/// # assert_eq!(query.sql().as_str(), concat!(
/// #     r#"("customers"."name" like $1 escape '\' and ("customers"."age" >= $2 "#,
/// #     r#"or "customers"."age" is null))"#));
/// ```
///
/// A value of the wrong type does not compile:
///
/// ```compile_fail,E0277
/// # use saas_core::{Entity, Id};
/// # #[derive(Entity)]
/// # #[entity(table = "customers", tenant)]
/// # struct Customer { id: Id<Customer>, name: String }
/// Customer::NAME.eq(3);
/// ```
pub trait Condition: Sized {
    /// Whose rows it judges.
    type Entity;

    /// Both hold.
    fn and<C: Condition<Entity = Self::Entity>>(self, other: C) -> And<Self, C> {
        And(self, other)
    }

    /// At least one holds.
    fn or<C: Condition<Entity = Self::Entity>>(self, other: C) -> Or<Self, C> {
        Or(self, other)
    }

    /// It does not hold. As ever in SQL, what is neither true nor false stays so.
    fn not(self) -> Not<Self> {
        Not(self)
    }
}

/// Two conditions that both hold.
#[derive(Debug, Clone)]
pub struct And<A, B>(A, B);
/// Two conditions of which at least one holds.
#[derive(Debug, Clone)]
pub struct Or<A, B>(A, B);
/// A condition that does not hold.
#[derive(Debug, Clone)]
pub struct Not<A>(A);

/// Any fragment as a condition on `E`, on the caller's word that its columns are `E`'s.
pub struct Trusted<E, F> {
    fragment: F,
    of: PhantomData<fn() -> E>,
}

impl<E, F> Trusted<E, F> {
    /// Vouches for `fragment`.
    pub fn new(fragment: F) -> Self {
        Self { fragment, of: PhantomData }
    }
}

impl<E, F> fmt::Debug for Trusted<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trusted").finish_non_exhaustive()
    }
}

impl<A: Condition, B> Condition for And<A, B> {
    type Entity = A::Entity;
}
impl<DB: Database, A: Fragment<DB>, B: Fragment<DB>> Fragment<DB> for And<A, B> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        push_pair(query, &self.0, " and ", &self.1);
    }
}

impl<A: Condition, B> Condition for Or<A, B> {
    type Entity = A::Entity;
}
impl<DB: Database, A: Fragment<DB>, B: Fragment<DB>> Fragment<DB> for Or<A, B> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        push_pair(query, &self.0, " or ", &self.1);
    }
}

fn push_pair<DB: Database>(
    query: &mut QueryBuilder<DB>,
    left: &impl Fragment<DB>,
    word: &'static str,
    right: &impl Fragment<DB>,
) {
    query.push("(");
    left.push_to(query);
    query.push(word);
    right.push_to(query);
    query.push(")");
}

impl<A: Condition> Condition for Not<A> {
    type Entity = A::Entity;
}
impl<DB: Database, A: Fragment<DB>> Fragment<DB> for Not<A> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push("not (");
        self.0.push_to(query);
        query.push(")");
    }
}

impl<E, F> Condition for Trusted<E, F> {
    type Entity = E;
}
impl<DB: Database, E, F: Fragment<DB>> Fragment<DB> for Trusted<E, F> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push("(");
        self.fragment.push_to(query);
        query.push(")");
    }
}
