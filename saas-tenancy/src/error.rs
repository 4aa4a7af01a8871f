mod database;
mod kind;
mod problem;

use std::time::Duration;

use saas_core::TenantId;

use crate::Finding;
use crate::tenants::Refused;
use crate::transfer::Fault;

pub(crate) use database::is_outdated;
pub use kind::ErrorKind;

/// What a scoped statement comes to.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a tenant and its rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tenant has no such row. Whether another tenant has one cannot be told.
    #[error("no such row in {table}")]
    NotFound {
        /// The entity's table.
        table: &'static str,
    },
    /// The row was written since it was read.
    #[error("the row in {table} is not at the expected version")]
    StaleVersion {
        /// The entity's table.
        table: &'static str,
    },
    /// A unique value is taken by another row of the same tenant.
    #[error("a unique value is taken in {table}")]
    Taken {
        /// The entity's table.
        table: &'static str,
        /// The database's own error, which names the constraint.
        #[source]
        source: sqlx::Error,
    },
    /// A reference points to no row of the same tenant, or a row is still pointed to.
    #[error("a reference from or to {table} does not hold")]
    BrokenReference {
        /// The entity's table.
        table: &'static str,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// The row names another tenant than the transaction's.
    #[error("the row for {table} names another tenant")]
    ForeignTenant {
        /// The entity's table.
        table: &'static str,
    },
    /// An update sets a column that the statements keep themselves.
    #[error("{column} of {table} is kept by the library and cannot be set")]
    ManagedColumn {
        /// The entity's table.
        table: &'static str,
        /// The column: an id, a tenant, a version or a deletion mark.
        column: &'static str,
    },
    /// An update sets nothing.
    #[error("the update of {table} sets no column")]
    NothingToSet {
        /// The entity's table.
        table: &'static str,
    },
    /// A select joins a table twice, or to itself. What needs two names for one table is SQL by hand.
    #[error("{table} is joined twice")]
    JoinedTwice {
        /// The table.
        table: &'static str,
    },
    /// A statement on many rows says neither which nor that it means all of them.
    #[error("the statement on {table} has no filter: add one, or say `every_row`")]
    NoFilter {
        /// The entity's table.
        table: &'static str,
    },
    /// An upsert names columns that are not declared to be unique together.
    #[error("the upsert into {table} names columns that are not declared unique")]
    NotUnique {
        /// The entity's table.
        table: &'static str,
    },
    /// A list without a limit has more rows than one answer should hold.
    #[error("more than {limit} rows in {table}: set a limit or take pages")]
    TooManyRows {
        /// The entity's table.
        table: &'static str,
        /// The limit that applies where none was set.
        limit: u32,
    },
    /// What is to be written down does not say who did what, or why.
    #[error("the {what} {problem}")]
    Unaccountable {
        /// The part of the entry: its actor, action or reason, or the name of a setting.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting's value, or a change in an audit entry, is larger than one may be.
    #[error("{what} takes {bytes} bytes, more than {limit}")]
    TooLarge {
        /// The setting, or `change`.
        what: &'static str,
        /// How large it is, as JSON with its numbers written out.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A setting's value, or a change in an audit entry, that cannot be kept as it is: it holds a NUL
    /// character or a number that is none, or is nested too deeply.
    #[error("{what} {problem}")]
    Unstorable {
        /// The setting, or `change`.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting is stored as another type than it is declared as, or cannot be stored as JSON.
    #[error("the setting {name} is not of its type")]
    WrongSetting {
        /// The setting.
        name: &'static str,
        /// How it differs.
        #[source]
        source: serde_json::Error,
    },
    /// Tenants cannot be read together here.
    #[error("tenants cannot be crossed: {why}")]
    NoCrossing {
        /// What stands in the way.
        why: &'static str,
    },
    /// SQL by hand has ended the transaction, left it to another tenant or to none, or not ended one
    /// that it began inside. What stands open is rolled back; what that SQL committed itself is there.
    #[error("SQL by hand has ended the transaction, or left it to another tenant")]
    Escaped,
    /// One of the transaction's statements failed, so none of it is committed.
    #[error("a statement of the transaction failed, so it was rolled back")]
    Aborted,
    /// The database's own wall refused the statement.
    #[error("row-level security refused the statement")]
    WallRefused(#[source] sqlx::Error),
    /// The role lacks a right, on a table for instance: no row was asked about.
    #[error(
        "the role lacks a right: `grant` gives those on this crate's own tables, `wall::script` says \
         those on each registered one"
    )]
    NotGranted(#[source] sqlx::Error),
    /// The database does not enforce what was declared; each finding says how to mend it.
    #[error("the database does not isolate tenants:{}", listed(.0))]
    Unsafe(Vec<Finding>),
    /// Registered tables reference each other in a circle, so none of them comes first.
    #[error("tables reference each other in a circle: {}", tables.join(", "))]
    ReferenceCycle {
        /// The tables of the circle, each referencing the next.
        tables: Vec<&'static str>,
    },
    /// A table names its schema, which it cannot have on SQLite.
    #[error("table {table} names its schema, and SQLite has none")]
    NoSchemas {
        /// The table, with its schema.
        table: &'static str,
    },
    /// The tenant has no schema, database or file of its own.
    #[error("tenant {tenant} has no place of its own in the database")]
    NotProvisioned {
        /// The tenant.
        tenant: TenantId,
    },
    /// The database or file that has the tenant's name says that it is another's.
    #[error("the database of tenant {tenant} is that of tenant {owner}")]
    ForeignDatabase {
        /// Whom the name says.
        tenant: TenantId,
        /// Whom the database says.
        owner: TenantId,
    },
    /// All the pools that may be open are in use, and none came free in time.
    #[error("all {max_open} tenant pools of {connections} connections were in use for {waited:?}")]
    Budget {
        /// How many pools may be open.
        max_open: usize,
        /// How many connections each may have.
        connections: u32,
        /// How long was waited.
        waited: Duration,
    },
    /// A name that a schema, or a prefix that tenants' schemas, cannot have.
    #[error("`{name}` is no name for schemas: take a short word of lower-case letters")]
    InvalidSchemaName {
        /// What was given.
        name: String,
    },
    /// A migration that was applied has changed since, or is not known here.
    #[error("migration {version}, applied to {place}, {problem}")]
    UnknownMigration {
        /// The migration.
        version: i64,
        /// A schema, database or file that has it.
        place: String,
        /// How it differs.
        problem: &'static str,
    },
    /// Migrations that cannot be applied to one tenant after another.
    #[error("migration {version} {problem}")]
    UnfitMigration {
        /// The migration.
        version: i64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A migration failed; nothing of it was kept.
    #[error("migration {version} failed on {place}")]
    Migration {
        /// The migration.
        version: i64,
        /// The schema, database or file.
        place: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// There is no such tenant.
    #[error("there is no tenant {tenant}")]
    UnknownTenant {
        /// The id that was given.
        tenant: TenantId,
    },
    /// A slug or domain that no host can have.
    #[error("`{name}` is no name of a host: take letters, digits and inner hyphens")]
    InvalidTenantName {
        /// What was given.
        name: String,
    },
    /// What was to happen to a tenant cannot happen where it stands.
    #[error("tenant {tenant} stays as it is")]
    Lifecycle {
        /// The tenant.
        tenant: TenantId,
        /// Why not.
        #[source]
        source: Refused,
    },
    /// Somebody else did the same to the tenant at the same time, and was faster.
    #[error("tenant {tenant} was changed by somebody else meanwhile")]
    Overtaken {
        /// The tenant.
        tenant: TenantId,
    },
    /// A step of a tenant's provisioning or purge failed; what it did in its transaction is not kept.
    #[error("the step {step} failed")]
    Step {
        /// The step.
        step: &'static str,
        /// What it says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A table has other columns than its entity declares.
    #[error("the columns of {table} are not those of its entity:{}", columns(.undeclared, .missing))]
    Columns {
        /// The table.
        table: &'static str,
        /// Columns that the entity does not declare.
        undeclared: Vec<String>,
        /// Columns that the table does not have.
        missing: Vec<&'static str>,
    },
    /// A value that cannot be exported.
    #[error("a value in {column} of {table} cannot be read")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A line of an export cannot be taken.
    #[error("line {line} of the export cannot be taken")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// Another transaction was in the way: run the whole transaction again.
    #[error("another transaction was in the way")]
    Contention(#[source] sqlx::Error),
    /// A migration changed a table under the statements that this connection had prepared, or SQL by
    /// hand discarded them. The connection is closed with its transaction: run the whole transaction
    /// again.
    ///
    /// From SQL by hand this library does not see the error, and the connection goes on failing: bind
    /// its values with `.persistent(false)` where tables change under a running process.
    #[error("a table has changed since the statement was prepared, or the statement was discarded")]
    Outdated(#[source] sqlx::Error),
    /// The database cannot be reached now.
    #[error("database unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused a statement for another reason.
    #[error("database error")]
    Database(#[source] sqlx::Error),
}

fn columns(undeclared: &[String], missing: &[&str]) -> String {
    let undeclared = undeclared.iter().map(|name| format!(" {name} is not declared"));
    let missing = missing.iter().map(|name| format!(" {name} is missing"));
    undeclared.chain(missing).collect::<Vec<_>>().join(",")
}

fn listed(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n- {finding}")).collect()
}
