//! Guard triggers, as text.

use saas_core::schema::quoted;

/// What the triggers say when they refuse begins with this.
pub(crate) const REFUSAL: &str = "tenant wall: ";

/// One guard.
pub(crate) struct Trigger {
    pub(crate) name: String,
    table: String,
    event: &'static str,
    condition: &'static str,
    refusal: &'static str,
}

impl Trigger {
    /// The statement that makes it.
    pub(crate) fn create(&self) -> String {
        let Self { name, table, event, condition, refusal } = self;
        format!(
            "create trigger {} before {event} on {}\n\
             when {condition}\n\
             begin\n    \
                 select raise(abort, '{REFUSAL}{refusal}');\n\
             end;\n",
            quoted(name),
            quoted(table)
        )
    }
}

/// The guards of a tenant's table.
///
/// SQLite is lax about types: without the first, a tenant written as text would be a row that nobody
/// sees. Without the second, raw SQL could give a row away or take one over.
pub(crate) fn triggers(name: &str) -> [Trigger; 2] {
    // A trigger lives in its table's schema and takes no schema of its own.
    let table = name.rsplit('.').next().unwrap_or(name);
    [
        Trigger {
            name: format!("{table}_tenant_insert"),
            table: table.to_owned(),
            event: "insert",
            condition: "typeof(new.tenant_id) <> 'blob' or length(new.tenant_id) <> 16",
            refusal: "the row names no tenant",
        },
        Trigger {
            name: format!("{table}_tenant_update"),
            table: table.to_owned(),
            event: "update of tenant_id",
            condition: "new.tenant_id is not old.tenant_id",
            refusal: "a row does not move to another tenant",
        },
    ]
}
