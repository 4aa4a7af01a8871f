//! Who the tenants are, and where each stands: from its provisioning to the day nothing of it is left.
//!
//! ```text
//! provisioning ──> active <──> suspended
//!       │             └──> deleting <──┘      a grace, within which it can be taken back
//!       └──────────────────> purging ──> purged
//! ```
//!
//! [`State::after`] decides, and every change is one guarded update in the caller's transaction,
//! written down in the audit table. What is to be done for a new tenant, and for one that goes, is a
//! [`Procedure`]: named steps, each committed together with its mark, so that whoever was killed in the
//! middle goes on where it stopped. [`migrate`](crate::migrate) makes the tables.
//!
//! ```no_run
//! # use saas_core::{Entity, Id, TenantId};
//! # #[derive(Entity, sqlx::FromRow)]
//! # #[entity(table = "folders", tenant)]
//! # struct Folder { id: Id<Folder>, name: String }
//! # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>) -> saas_tenancy::Result<()> {
//! use saas_tenancy::Reason;
//! use saas_tenancy::tenants::{self, NewTenant, Procedure};
//!
//! let signup = Reason::new("signup", "order 4711");
//! let tenant = TenantId::new();
//! let mut tx = db.global().await?;
//! tenants::create(&mut tx, &NewTenant::new(tenant, "acme").domain("billing.acme.com"), &signup).await?;
//! tx.commit().await?;
//!
//! let steps = Procedure::new().step("inbox", |tx| {
//!     Box::pin(async move {
//!         tx.insert(&Folder { id: Id::new(), name: "Inbox".into() }).await?;
//!         Ok(())
//!     })
//! });
//! tenants::provision(&db, tenant, &steps, &signup).await?;
//! # Ok(()) }
//! ```
//!
//! With the feature `resolve`, a [`TenantDb`](crate::TenantDb) is the
//! [`Directory`](crate::resolve::Directory) of these tenants.

mod change;
#[cfg(feature = "resolve")]
mod directory;
mod lifecycle;
mod names;
mod procedure;
mod record;
mod state;
mod store;

pub use change::{delete, resume, suspend, take_back};
pub use lifecycle::{provision, purge};
pub use procedure::{Procedure, StepError};
pub use record::{NewTenant, Record};
pub use state::{Event, Refused, State};
pub use store::{add_domain, create, due, find, list, remove_domain};
