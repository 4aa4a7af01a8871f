//! Which entities a select holds, as types.

use std::marker::PhantomData;

use saas_core::{Entity, Global as GlobalEntity, Nullability, Nullable, TenantOwned};

use crate::{Global, Tenant};

/// An entity of which every row of a select holds one.
#[derive(Debug)]
pub struct Inner<E>(PhantomData<fn() -> E>);

/// An entity of which a row of a select may hold none: its columns are `Option`s.
#[derive(Debug)]
pub struct Outer<E>(PhantomData<fn() -> E>);

/// The entities of a select without joins.
pub type Only<E> = (Inner<E>, ());

/// The place in a list of entities, found by the compiler.
#[derive(Debug)]
pub enum Here {}
/// A place further back.
#[derive(Debug)]
pub struct There<At>(PhantomData<fn() -> At>);

/// A select's entities, `C` among them.
#[diagnostic::on_unimplemented(
    message = "`{C}` is not part of this select",
    note = "join it along a reference first: `.join(Child::PARENT_ID)`"
)]
pub trait Includes<C, At> {
    /// Whether a column of it can be NULL here: what it was, or always after an outer join.
    type Null<N: Nullability>: Nullability;
}

impl<C, Rest> Includes<C, Here> for (Inner<C>, Rest) {
    type Null<N: Nullability> = N;
}
impl<C, Rest> Includes<C, Here> for (Outer<C>, Rest) {
    type Null<N: Nullability> = Nullable;
}
impl<C, First, Rest: Includes<C, At>, At> Includes<C, There<At>> for (First, Rest) {
    type Null<N: Nullability> = Rest::Null<N>;
}

/// An entity that rows of `C` may be joined to: a global one to any, a tenant's to a tenant's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined to `{C}`",
    note = "a tenant's rows are never reached from a global entity"
)]
pub trait JoinedTo<C: Entity, Whose>: Entity {}

impl<C: Entity, P: GlobalEntity> JoinedTo<C, Global> for P {}
impl<C: TenantOwned, P: TenantOwned> JoinedTo<C, Tenant> for P {}
