//! Schema advice: the DDL that an entity needs, as text to put into a migration.
//!
//! Nothing here runs DDL. The advice holds what is dear to change later: the primary key
//! `(tenant_id, id)`, foreign keys that carry the tenant, indexes that begin with it, unique
//! columns that are free again after a soft delete, and timestamps with time zone.
//!
//! ```
//! use saas_core::schema::{self, Dialect};
//! use saas_core::{Entity, Id, TenantId};
//!
//! #[derive(Entity)]
//! #[entity(table = "customers", tenant, soft_delete)]
//! struct Customer {
//!     id: Id<Customer>,
//!     tenant_id: TenantId,
//!     #[entity(unique)]
//!     email: String,
//! }
//!
//! assert_eq!(schema::table::<Customer>(Dialect::Postgres), r#"create table "customers" (
//!     "tenant_id" uuid not null,
//!     "id" uuid not null,
//!     "email" text not null,
//!     "deleted_at" timestamptz,
//!     "deletion_id" uuid,
//!     primary key ("tenant_id", "id"),
//!     check (("deleted_at" is null) = ("deletion_id" is null))
//! );
//! create unique index "customers_email_key" on "customers" ("tenant_id", "email") where "deleted_at" is null;
//! "#);
//! ```

use std::fmt::Write;

use crate::{ColumnDef, Entity, Kind, Owner};

/// The SQL of one of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL, 15 and later.
    Postgres,
    /// SQLite, 3.40 and later.
    Sqlite,
}

impl Dialect {
    /// The type of a column that holds `kind`.
    pub const fn type_name(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Postgres, Kind::Uuid) => "uuid",
            (Self::Postgres, Kind::SmallInt) => "smallint",
            (Self::Postgres, Kind::Int) => "integer",
            (Self::Postgres, Kind::BigInt) => "bigint",
            (Self::Postgres, Kind::Float) => "double precision",
            (Self::Postgres, Kind::Bool) => "boolean",
            (Self::Postgres, Kind::Timestamp) => "timestamptz",
            (Self::Postgres, Kind::Date) => "date",
            (Self::Postgres, Kind::Bytes) => "bytea",
            (Self::Postgres, Kind::Json) => "jsonb",
            (Self::Sqlite, Kind::Uuid | Kind::Bytes) => "blob",
            (Self::Sqlite, Kind::SmallInt | Kind::Int | Kind::BigInt | Kind::Bool) => "integer",
            (Self::Sqlite, Kind::Float) => "real",
            (_, Kind::Text) | (Self::Sqlite, Kind::Timestamp | Kind::Date | Kind::Json) => "text",
        }
    }
}

/// A table's name in double quotes, safe whatever it holds, and with its schema if it names one:
/// `billing.invoices` becomes `"billing"."invoices"`. A name that may hold a dot itself, a role's for
/// instance, is an [`identifier`].
///
/// ```
/// assert_eq!(saas_core::schema::quoted("billing.order").to_string(), r#""billing"."order""#);
/// assert_eq!(saas_core::schema::quoted("x\"; drop").to_string(), r#""x""; drop""#);
/// ```
pub fn quoted(name: &str) -> impl std::fmt::Display + '_ {
    std::fmt::from_fn(move |f| {
        // The common case, many times in every statement: one look, and nothing is allocated.
        let plain = !name.bytes().any(|byte| matches!(byte, b'.' | b'"'));
        f.write_char('"')?;
        if plain {
            f.write_str(name)?;
        } else {
            f.write_str(&name.replace('"', "\"\"").replace('.', "\".\""))?;
        }
        f.write_char('"')
    })
}

/// One name in double quotes, safe whatever it holds, dots included: a role's, which is not part of a
/// table's.
///
/// ```
/// assert_eq!(saas_core::schema::identifier("app.writer").to_string(), r#""app.writer""#);
/// ```
pub fn identifier(name: &str) -> impl std::fmt::Display + '_ {
    std::fmt::from_fn(move |f| write!(f, "\"{}\"", name.replace('"', "\"\"")))
}

/// Every column of the entity's table: the struct's own, and those its attributes promise.
pub fn columns<E: Entity>() -> Vec<ColumnDef> {
    let managed = |name, kind, nullable| ColumnDef { name, kind, nullable, references: None };
    let mut all = Vec::with_capacity(E::COLUMNS.len() + 6);
    let mut promise = |wanted: bool, column: ColumnDef| {
        if wanted && !E::COLUMNS.iter().any(|own| own.name == column.name) {
            all.push(column);
        }
    };
    promise(E::TIMESTAMPED, managed("created_at", Kind::Timestamp, false));
    promise(E::TIMESTAMPED, managed("updated_at", Kind::Timestamp, false));
    promise(E::VERSIONED, managed("version", Kind::BigInt, false));
    promise(E::SOFT_DELETES, managed("deleted_at", Kind::Timestamp, true));
    promise(E::SOFT_DELETES, managed("deletion_id", Kind::Uuid, true));
    let own = E::COLUMNS.iter().copied().filter(|column| column.name != "tenant_id");
    let tenant = (E::OWNER == Owner::Tenant).then(|| managed("tenant_id", Kind::Uuid, false));
    tenant.into_iter().chain(own).chain(all).collect()
}

/// The table with its keys, and the indexes that its unique columns and references need.
pub fn table<E: Entity>(dialect: Dialect) -> String {
    let tenant = E::OWNER == Owner::Tenant;
    let mut lines: Vec<String> = columns::<E>()
        .iter()
        .map(|column| {
            let null = if column.nullable { "" } else { " not null" };
            format!("{} {}{null}", quoted(column.name), dialect.type_name(column.kind))
        })
        .collect();
    lines.push(format!("primary key ({})", within_tenant(tenant, &["id"])));
    for column in E::COLUMNS {
        let Some(parent) = column.references else { continue };
        let composite = tenant && parent.owner == Owner::Tenant;
        lines.push(format!(
            "foreign key ({}) references {} ({})",
            within_tenant(composite, &[column.name]),
            quoted(parent.table),
            within_tenant(composite, &["id"]),
        ));
    }
    if E::SOFT_DELETES {
        lines.push(r#"check (("deleted_at" is null) = ("deletion_id" is null))"#.to_owned());
    }
    // Differs: a table without rowid clusters SQLite's rows by tenant, as its primary key says.
    let storage = if dialect == Dialect::Sqlite { " without rowid" } else { "" };
    format!(
        "create table {} (\n    {}\n){storage};\n{}",
        quoted(E::TABLE),
        lines.join(",\n    "),
        indexes::<E>()
    )
}

/// The indexes of the entity's table, the same on both databases.
pub fn indexes<E: Entity>() -> String {
    let tenant = E::OWNER == Owner::Tenant;
    // An index lives in its table's schema and takes no schema of its own.
    let bare = E::TABLE.rsplit('.').next().unwrap_or(E::TABLE);
    let mut out = String::new();
    for columns in E::UNIQUE {
        // A deleted row must not block its name from being used again.
        let live = if E::SOFT_DELETES { " where \"deleted_at\" is null" } else { "" };
        let _ = writeln!(
            out,
            "create unique index {} on {} ({}){live};",
            quoted(&fitting(format!("{bare}_{}_key", columns.join("_")))),
            quoted(E::TABLE),
            within_tenant(tenant, columns),
        );
    }
    for column in E::COLUMNS.iter().filter(|column| column.references.is_some()) {
        let _ = writeln!(
            out,
            "create index {} on {} ({});",
            quoted(&fitting(format!("{bare}_{}_idx", column.name))),
            quoted(E::TABLE),
            within_tenant(tenant, &[column.name]),
        );
    }
    out
}

/// PostgreSQL cuts longer names in silence, and two could then be one.
const LONGEST: usize = 63;

/// A name, or the beginning of one that is too long and a checksum of the whole: always the same.
fn fitting(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    // FNV-1a, which is a few lines and never changes.
    let sum = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let kept = name.floor_char_boundary(LONGEST - 17);
    format!("{}_{sum:016x}", &name[..kept])
}

fn within_tenant(tenant: bool, columns: &[&str]) -> String {
    let tenant = (tenant && !columns.contains(&"tenant_id")).then_some("tenant_id");
    let names = tenant.iter().chain(columns).map(|name| quoted(name).to_string());
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_to_what_postgres_keeps_and_stays_its_own() {
        let long = |end: &str| fitting(format!("{}_{end}", "a_table_of_many_words".repeat(4)));
        assert_eq!(fitting("x".repeat(63)), "x".repeat(63));
        assert_eq!(
            long("one_key"),
            "a_table_of_many_wordsa_table_of_many_wordsa_ta_cf107ca5ddb9abe2"
        );
        assert_eq!((long("one_key").len(), long("one_key")), (63, long("one_key")));
        assert_ne!(long("one_key"), long("two_key"));
        assert_eq!(fitting("é".repeat(40)).chars().filter(|letter| *letter == 'é').count(), 23);
    }
}
