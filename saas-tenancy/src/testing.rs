//! The isolation kit: proves, on an application's own entities and its own database, that one tenant
//! cannot reach another's rows.
//!
//! [`Kit`] makes rows for tenants of its own and tries from one to get at another's: through the
//! typed statements and, where the database walls it, through raw SQL. After every attempt the other
//! tenant's rows are compared with what they were, in full and as that tenant sees them.
//!
//! ```no_run
//! # use saas_core::{Entity, Id, TenantId};
//! # #[derive(Entity, sqlx::FromRow)]
//! # #[entity(table = "customers", tenant)]
//! # struct Customer { id: Id<Customer>, tenant_id: TenantId, #[entity(unique)] email: String }
//! # #[derive(Entity, sqlx::FromRow)]
//! # #[entity(table = "invoices", tenant)]
//! # struct Invoice { id: Id<Invoice>, #[entity(references = Customer)] customer_id: Id<Customer> }
//! # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>) -> Result<(), saas_tenancy::testing::KitError> {
//! use saas_tenancy::testing::Kit;
//!
//! let report = Kit::new(db)
//!     .entity::<Customer>(|maker| Customer {
//!         id: maker.id(),
//!         tenant_id: maker.tenant(),
//!         email: maker.text(),
//!     })
//!     .entity::<Invoice>(|maker| Invoice {
//!         id: maker.id(),
//!         customer_id: maker.parent::<Customer>(),
//!     })
//!     .run()
//!     .await?;
//! report.assert_isolated();
//! # Ok(()) }
//! ```
//!
//! It prints what it tried, here where a unique index on `customers` leaves the tenant out:
//!
//! ```text
//! attempt                                customers  invoices
//! list                                   held       held
//! get by id                              held       held
//! join with a parent                     -          held
//! soft delete                            -          -
//! upsert with the other's values         LEAKED     -
//! insert with the other's values         LEAKED     held
//! raw select                             held       held
//! plain SQL after a dropped transaction  held       held
//! (and some twenty more)
//!
//! -: join with a parent, reference to the other's parent: its rows have no parent
//! -: soft delete, restore, purge: the entity is not soft-deleted
//! -: upsert with the other's values: it declares nothing to be unique
//! LEAKED: customers: insert with the other's values: it is told that a value is taken: …
//! ```
//!
//! **What it leaves.** Every run takes new tenants, and so may share a database with anything else.
//! At the end it removes their rows where the role may delete; the report names the tables in which
//! rows stay. Statements without a predicate, which would reach everybody if the wall leaked, are
//! rolled back and judged by how many rows they met.
//!
//! **What it does not try.** SQL that sets `app.tenant_id` itself, since whoever may run any SQL may
//! do that; functions, triggers, foreign tables and dumps, since nothing says how to call them; what
//! the application's own code does beside its entities. On SQLite, which has no row-level security,
//! raw SQL counts as not enforced, but guard triggers and composite keys are tried.

mod attempt;
mod attempts;
mod error;
mod kit;
mod maker;
mod outcome;
mod report;
mod soft;
mod sql;
mod stage;
mod subject;

pub use attempt::Attempt;
pub use error::KitError;
pub use kit::Kit;
pub use maker::Maker;
pub use outcome::Outcome;
pub use report::{Report, Tried};
