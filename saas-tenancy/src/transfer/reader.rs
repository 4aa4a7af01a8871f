//! Lines of an export, read one after the other: pure, so that an import and the continuation of an
//! export refuse the same.

use saas_core::{Kind, TenantId};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::lines::{FORMAT, Header, Line, Part, Tally, VERSION, Values, is_kind};
use super::{Cell, Fault, encode};
use crate::Registry;

/// What has been read, and what may come next.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) header: Header,
    /// Of each table in the header, the columns as the registry knows them.
    pub(super) tables: Vec<Known>,
    pub(super) tally: Tally,
    /// The last line: of which table, which part, which row.
    pub(super) last: Option<(usize, Part, Uuid)>,
    pub(super) ended: bool,
}

/// A table of the header that is registered.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) columns: Vec<(&'static str, Kind)>,
}

/// One row, or what it has in columns that point to its own table.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) table: usize,
    pub(super) part: Part,
    /// By the table's columns; a row has all of them, the other part only those that it names.
    pub(super) cells: Vec<Option<Cell>>,
    pub(super) named: Vec<bool>,
}

impl Reader {
    /// Reads the first line.
    pub(super) fn open(line: &str, registry: &Registry) -> Result<Self, Fault> {
        #[derive(serde::Deserialize)]
        struct Which {
            format: String,
            version: u64,
        }
        let syntax = |error| Fault::Syntax(Some(error));
        // First of all which format it is: another version's may look otherwise altogether.
        let which: Which = serde_json::from_str(line).map_err(syntax)?;
        if which.format != FORMAT {
            return Err(Fault::Syntax(None));
        }
        if which.version != VERSION {
            return Err(Fault::Version { found: which.version, known: VERSION });
        }
        let header: Header = serde_json::from_str(line).map_err(syntax)?;
        let tables = known(&header, registry)?;
        let mut tally = Tally::default();
        tally.add(line, None);
        Ok(Self { header, tables, tally, last: None, ended: false })
    }

    /// Reads another line; none if it was the last one.
    pub(super) fn take(&mut self, text: &str) -> Result<Option<Taken>, Fault> {
        if self.ended {
            return Err(Fault::Trailing);
        }
        let line: Line<'_> =
            serde_json::from_str(text).map_err(|error| Fault::Syntax(Some(error)))?;
        let (table, part, values) = match line {
            Line { t: Some(table), r: Some(values), s: None, end: None } => {
                (table, Part::Rows, values)
            }
            Line { t: Some(table), r: None, s: Some(values), end: None } => {
                (table, Part::Selves, values)
            }
            Line { t: None, r: None, s: None, end: Some(end) } => {
                let told = self.tally.end();
                if (end.sha256, end.rows) != (told.sha256, told.rows) {
                    return Err(Fault::Checksum);
                }
                self.ended = true;
                return Ok(None);
            }
            _ => return Err(Fault::Syntax(None)),
        };
        let at = self.tables.iter().position(|known| known.name == table);
        let at = at.ok_or_else(|| Fault::UnknownTable { table: table.clone().into_owned() })?;
        let taken = self.cells(at, part, values)?;
        let id = self.id(&taken).ok_or(Fault::Syntax(None))?;
        // By id within a part; so a doubled line is noticed at once and not at the end.
        if self.last.is_some_and(|last| last >= (at, part, id)) {
            return Err(Fault::Order { table: table.into_owned() });
        }
        self.last = Some((at, part, id));
        self.tally.add(text, (part == Part::Rows).then_some(self.tables[at].name));
        Ok(Some(taken))
    }

    fn cells(&self, at: usize, part: Part, mut values: Values<'_>) -> Result<Taken, Fault> {
        let table = &self.tables[at];
        let (mut cells, mut named) = (Vec::new(), Vec::new());
        for (column, kind) in &table.columns {
            let value = values.remove(*column);
            named.push(part == Part::Rows || value.is_some());
            cells.push(
                value.map(|value| cell(table.name, column, value, *kind)).transpose()?.flatten(),
            );
        }
        if let Some(column) = values.into_keys().next() {
            let (table, kind) = (table.name.to_owned(), "a value".to_owned());
            return Err(Fault::UnknownColumn { table, column: column.into_owned(), kind });
        }
        let tenant = table.columns.iter().position(|(name, _)| *name == "tenant_id");
        let foreign = |at: usize| cells[at] != Some(Cell::Uuid(self.header.tenant.uuid()));
        if part == Part::Rows && tenant.is_none_or(foreign) {
            return Err(Fault::ForeignTenant { table: table.name.to_owned() });
        }
        Ok(Taken { table: at, part, cells, named })
    }

    fn id(&self, taken: &Taken) -> Option<Uuid> {
        let columns = &self.tables[taken.table].columns;
        let at = columns.iter().position(|(name, _)| *name == "id")?;
        match taken.cells.get(at)? {
            Some(Cell::Uuid(id)) => Some(*id),
            _ => None,
        }
    }
}

impl Taken {
    /// Has the row be another tenant's.
    pub(super) fn become_of(&mut self, tenant: TenantId, columns: &[(&'static str, Kind)]) {
        let at = columns.iter().position(|(name, _)| *name == "tenant_id");
        if let Some(cell) = at.and_then(|at| self.cells.get_mut(at)) {
            *cell = Some(Cell::Uuid(tenant.uuid()));
        }
    }
}

/// A value; in the other part `null` in a column that is no JSON stands for what is NULL.
fn cell(
    table: &'static str,
    column: &str,
    value: &RawValue,
    kind: Kind,
) -> Result<Option<Cell>, Fault> {
    if value.get() == "null" && kind != Kind::Json {
        return Ok(None);
    }
    encode::read(value, kind).map(Some).ok_or_else(|| Fault::Value {
        table: table.to_owned(),
        column: column.to_owned(),
        kind: encode::kind_name(kind),
    })
}

fn known(header: &Header, registry: &Registry) -> Result<Vec<Known>, Fault> {
    let mut tables: Vec<Known> = Vec::with_capacity(header.tables.len());
    for described in &header.tables {
        let unknown = || Fault::UnknownTable { table: described.name.clone() };
        let table = registry.table(&described.name).filter(|table| table.is_tenants());
        let table = table.ok_or_else(unknown)?;
        if tables.iter().any(|other| other.name == table.name) {
            return Err(Fault::Order { table: described.name.clone() });
        }
        let columns = described.columns.iter().map(|(name, kind)| {
            let own = table.columns.iter().find(|own| own.name == name && is_kind(kind, own.kind));
            own.map(|own| (own.name, own.kind)).ok_or_else(|| Fault::UnknownColumn {
                table: described.name.clone(),
                column: name.clone(),
                kind: kind.clone(),
            })
        });
        tables.push(Known { name: table.name, columns: columns.collect::<Result<_, _>>()? });
    }
    Ok(tables)
}
