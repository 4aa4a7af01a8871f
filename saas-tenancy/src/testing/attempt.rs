use std::fmt;

/// Writes the attempts once: the enum, all of it, and the names in the report.
macro_rules! attempts {
    ($($(#[$says:meta])* $attempt:ident => $name:literal,)*) => {
        /// Something that one tenant tries on another's rows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Attempt {
            $($(#[$says])* $attempt,)*
        }

        impl Attempt {
            /// Every attempt, in the order in which they are made.
            pub const ALL: &'static [Self] = &[$(Self::$attempt),*];

            /// As the report calls it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$attempt => $name,)*
                }
            }
        }
    };
}

attempts! {
    /// A list of all rows.
    List => "list",
    /// A row by its id.
    ById => "get by id",
    /// How many rows there are, and whether one is there.
    Count => "count and exists",
    /// Lists that ask for deleted rows.
    ListDeleted => "list deleted rows",
    /// A join with a parent, also where both tenants have one with the same id.
    Join => "join with a parent",
    /// An update by id.
    Update => "update by id",
    /// An update of every row, and of rows by their ids.
    UpdateAll => "bulk update",
    /// A delete by id.
    Delete => "delete by id",
    /// A delete of every row, and of rows by their ids.
    DeleteAll => "bulk delete",
    /// A soft delete by id and of rows by their ids.
    SoftDelete => "soft delete",
    /// A restore of a deleted row.
    Restore => "restore",
    /// A purge of deleted rows.
    Purge => "purge",
    /// An upsert with the other's id.
    UpsertById => "upsert with the other's id",
    /// An upsert with the other's unique values.
    UpsertByValues => "upsert with the other's values",
    /// An insert of a row that names the other tenant.
    InsertTenant => "insert with the other's tenant",
    /// An insert with the other's id: whether it tells that the id is taken.
    InsertId => "insert with the other's id",
    /// An insert with the other's values: whether it tells that they are taken.
    InsertValues => "insert with the other's values",
    /// A reference to the other's parent.
    Reference => "reference to the other's parent",
    /// Raw SQL: a select without a predicate.
    RawSelect => "raw select",
    /// Raw SQL: an update without a predicate.
    RawUpdate => "raw update",
    /// Raw SQL: a delete without a predicate.
    RawDelete => "raw delete",
    /// Raw SQL: an insert of a row of the other tenant.
    RawInsert => "raw insert for the other",
    /// Raw SQL: an insert of a row of no tenant.
    RawInsertNobodys => "raw insert of nobody's row",
    /// Raw SQL: an update that moves an own row to the other tenant.
    RawGive => "raw update that gives a row away",
    /// Raw SQL: an update that moves a row of the other's here.
    RawTake => "raw update that takes a row over",
    /// A plain statement on a new connection of the pool.
    PlainFresh => "plain SQL on a new connection",
    /// A plain statement on a connection after a tenant's commit.
    PlainCommitted => "plain SQL after a commit",
    /// A plain statement on a connection after a tenant's rollback.
    PlainRolledBack => "plain SQL after a rollback",
    /// A plain statement on a connection whose transaction was dropped in its middle.
    PlainDropped => "plain SQL after a dropped transaction",
    /// A plain statement after openings of transactions that were broken off.
    PlainAborted => "plain SQL after aborted openings",
    /// Partitions and children by inheritance, named directly.
    Partitions => "partitions and children",
    /// Views and materialized views that read the table.
    Views => "views",
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
