//! The indexes that a list's sorts need, as text to put into a migration.

use std::fmt::Write as _;

use saas_core::schema::quoted;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::filter::Target;
use crate::{Key, List, Nulls, Operator};

/// What [`List::index_ddl`] must be told of the base select.
///
/// ```
/// use saas_pagination::Indexes;
/// let indexes = Indexes::default()
///     .equal(["author"])
///     .only("deleted_at is null")
///     .filtered_by(["status"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Indexes {
    table: Option<&'static str>,
    equal: Vec<&'static str>,
    only: Option<&'static str>,
    filters: Vec<Vec<&'static str>>,
    postgres: bool,
}

impl Indexes {
    /// The table, `name` or `schema.name`. Without it: what the list is called.
    #[must_use]
    pub fn table(mut self, name: &'static str) -> Self {
        self.table = Some(name);
        self
    }

    /// The columns that the base select compares for equality, the tenant's first. A tenant's
    /// entity has `tenant_id` in front of them.
    #[must_use]
    pub fn equal(mut self, columns: impl IntoIterator<Item = &'static str>) -> Self {
        self.equal.extend(columns);
        self
    }

    /// The condition that the base select puts on every row, as SQL. Without it: of an entity with
    /// soft delete `"deleted_at" is null`, otherwise none.
    #[must_use]
    pub fn only(mut self, condition: &'static str) -> Self {
        self.only = Some(condition);
        self
    }

    /// Indexes for the list under these filters together, compared by `eq`, beside those of the
    /// list without them. Call it once for each such set of filters.
    #[must_use]
    pub fn filtered_by(mut self, filters: impl IntoIterator<Item = &'static str>) -> Self {
        self.filters.push(filters.into_iter().collect());
        self
    }
}

impl Indexes {
    /// For PostgreSQL alone: also the indexes of sorts in which a key that can be NULL stands behind
    /// another one and its NULLs stand where PostgreSQL would not put them. They say `nulls first` or
    /// `nulls last`, which SQLite takes in no index; there such a sort sorts each group of equal keys
    /// before it.
    #[must_use]
    pub fn postgres(mut self) -> Self {
        self.postgres = true;
        self
    }
}

impl<R> List<R> {
    /// The indexes that the list's sorts need, one `create index` a line, to put into a migration.
    ///
    /// Each has the columns compared for equality, then the sort's keys with their directions, the
    /// tiebreaker last. It serves the sort and its reverse, forward and backward: sorts that are
    /// each other's mirror share one. The placement of NULLs of the first key is not in it, since the
    /// statements ask for its values and its NULLs apart; of keys behind it see
    /// [`Indexes::postgres`]. The tiebreaker alone, which is unique, needs no other index
    /// than the one that keeps it so.
    ///
    /// Both databases take the text. An index's name ends in a digest of what it is, so
    /// that it changes when the index does. On a large table of PostgreSQL write `concurrently`
    /// behind `create index`.
    ///
    /// Keys are columns of the base select. Where that renames or joins, the text is a draft.
    ///
    /// ```
    /// # use saas_core::{Entity, Id, TenantId};
    /// # use saas_pagination::{Indexes, List, Operator::*};
    /// #[derive(Entity)]
    /// #[entity(table = "invoices", tenant, soft_delete)]
    /// struct Invoice { id: Id<Invoice>, tenant_id: TenantId, status: String, total: i64 }
    ///
    /// let list = List::of_entity()
    ///     .sort("total", Invoice::TOTAL, |i: &Invoice| i.total)
    ///     .filter("status", Invoice::STATUS, [Eq]);
    /// assert_eq!(list.index_ddl(&Indexes::default().filtered_by(["status"])).unwrap(), r#"
    /// create index "invoices_total_id_d3848088" on "invoices" ("tenant_id", "total", "id") where "deleted_at" is null;
    /// create index "invoices_status_total_id_3c951a1e" on "invoices" ("tenant_id", "status", "total", "id") where "deleted_at" is null;
    /// create index "invoices_status_id_c711026f" on "invoices" ("tenant_id", "status", "id") where "deleted_at" is null;
    /// "#.trim_start());
    /// ```
    ///
    /// # Errors
    /// [`Error::Declaration`] if the list contradicts itself, or a filter that is named is not
    /// offered or not compared by `eq`.
    pub fn index_ddl(&self, indexes: &Indexes) -> Result<String, Error> {
        self.check()?;
        let table = indexes.table.unwrap_or(self.resource);
        let live = self.soft_deletes.then_some("\"deleted_at\" is null");
        let none = Vec::new();
        let mut written: Vec<Index> = Vec::new();
        for filters in std::iter::once(&none).chain(&indexes.filters) {
            let filters = filters.iter().map(|name| self.equality(name));
            let filters: Vec<_> = filters.collect::<Result<_, _>>()?;
            for keys in self.orders(indexes.postgres) {
                let index = self.index(indexes, &filters, &keys);
                written.extend(index.filter(|new| !written.iter().any(|one| one.serves_as(new))));
            }
        }
        let mut ddl = String::new();
        written.iter().for_each(|index| index.write(table, indexes.only.or(live), &mut ddl));
        Ok(ddl)
    }

    /// Every order that a request can have but those that another one's index serves anyway.
    fn orders(&self, postgres: bool) -> impl Iterator<Item = Vec<(&Key<R>, bool)>> {
        let named = self.sorts.iter().flat_map(move |(name, _)| {
            // Turning a sort round leaves its NULLs where they are, so it is no mirror then.
            let reversed = postgres.then(|| self.keys(&format!("-{name}"))).flatten();
            [self.keys(name), reversed.filter(|keys| keys[1..].iter().any(|(key, _)| key.nullable))]
        });
        named.flatten().chain(std::iter::once(self.default_keys()))
    }

    fn index(
        &self,
        indexes: &Indexes,
        filters: &[Part],
        keys: &[(&Key<R>, bool)],
    ) -> Option<Index> {
        let is_unique = matches!(keys, [(only, _)] if only.column == self.tiebreaker.column);
        if is_unique && filters.is_empty() && indexes.equal.is_empty() {
            return None;
        }
        let tenant = self.tenant.then_some("tenant_id");
        let base = tenant.iter().chain(&indexes.equal).map(|column| Part::column(column));
        let mut index = Index { equal: Vec::new(), unnamed: 0, keys: Vec::new() };
        base.for_each(|part| index.compare(part));
        index.unnamed = index.equal.len();
        filters.iter().for_each(|part| index.compare(part.clone()));
        for (place, (key, descending)) in keys.iter().enumerate() {
            let part = Part::column(key.column);
            let is_foreign = key.nullable && (key.nulls == Nulls::First) != *descending;
            let nulls = (indexes.postgres && place > 0 && is_foreign).then_some(key.nulls);
            // What is compared for equality orders nothing.
            if !index.equal.contains(&part) {
                index.keys.push(Ordered { part, descending: *descending, nulls });
            }
        }
        Some(index)
    }

    /// What stands in an index for a filter by `eq`.
    fn equality(&self, name: &str) -> Result<Part, Error> {
        let filter = self.find_filter(name).filter(|filter| filter.takes(Operator::Eq));
        let filter = filter.ok_or_else(|| Error::Declaration {
            list: self.resource,
            mistake: format!("no filter `{name}` compares by `eq`"),
        })?;
        Ok(match filter.target {
            Target::Column(column) | Target::Bound(column) => Part::column(column),
            Target::Expression(sql) => {
                Part { name: filter.name.to_owned(), sql: format!("({sql})") }
            }
        })
    }
}

/// A column or an expression.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    name: String,
    sql: String,
}

impl Part {
    fn column(name: &str) -> Self {
        Self { name: name.to_owned(), sql: quoted(name).to_string() }
    }
}

struct Index {
    equal: Vec<Part>,
    /// So many of them are not worth a place in the name.
    unnamed: usize,
    keys: Vec<Ordered>,
}

#[derive(PartialEq)]
struct Ordered {
    part: Part,
    descending: bool,
    /// Where it is not where the database has them anyway.
    nulls: Option<Nulls>,
}

impl Ordered {
    fn is_mirror_of(&self, other: &Self) -> bool {
        self.part == other.part
            && self.descending != other.descending
            && self.nulls.is_some() == other.nulls.is_some()
    }

    fn sql(&self) -> String {
        let direction = if self.descending { " desc" } else { "" };
        let nulls = match self.nulls {
            Some(Nulls::First) => " nulls first",
            Some(Nulls::Last) => " nulls last",
            None => "",
        };
        format!("{}{direction}{nulls}", self.part.sql)
    }
}

impl Index {
    fn compare(&mut self, part: Part) {
        if !self.equal.contains(&part) {
            self.equal.push(part);
        }
    }

    fn columns(&self) -> impl Iterator<Item = &Part> {
        self.equal.iter().chain(self.keys.iter().map(|key| &key.part))
    }

    fn sql(&self) -> impl Iterator<Item = String> {
        let equal = self.equal.iter().map(|part| part.sql.clone());
        equal.chain(self.keys.iter().map(Ordered::sql))
    }

    /// Whether it is the other one, or its mirror.
    fn serves_as(&self, other: &Self) -> bool {
        let mut keys = self.keys.iter().zip(&other.keys);
        self.sql().eq(other.sql())
            || self.equal == other.equal
                && self.keys.len() == other.keys.len()
                && keys.all(|(one, two)| one.is_mirror_of(two))
    }

    fn write(&self, table: &str, condition: Option<&str>, ddl: &mut String) {
        let columns = self.sql().collect::<Vec<_>>().join(", ");
        let mut body = format!("{} ({columns})", quoted(table));
        if let Some(condition) = condition {
            let _ = write!(body, " where {condition}");
        }
        let _ = writeln!(ddl, "create index \"{}\" on {body};", self.name(table, &body));
    }

    /// At most 63 bytes, PostgreSQL's bound: beyond it names would be cut and could fall together.
    fn name(&self, table: &str, body: &str) -> String {
        let digest = Sha256::digest(body);
        let [a, b, c, d, ..] = digest[..] else { return String::new() };
        // An index lives in its table's schema and takes no schema of its own.
        let bare = table.rsplit('.').next().unwrap_or(table);
        let parts = self.columns().skip(self.unnamed);
        let mut name = parts.fold(bare.to_owned(), |name, part| format!("{name}_{}", part.name));
        name.retain(|letter| letter != '"');
        name.truncate(name.floor_char_boundary(63 - "_00000000".len()));
        let _ = write!(name, "_{a:02x}{b:02x}{c:02x}{d:02x}");
        name
    }
}

#[cfg(test)]
mod tests;
