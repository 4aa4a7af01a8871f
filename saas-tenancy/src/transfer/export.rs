use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use saas_core::TenantId;
use uuid::Uuid;

use super::columns::real;
use super::lines::{Described, FORMAT, Header, Part, Tally, VERSION};
use super::reader::Reader;
use super::{Fault, Transfer};
use crate::{Error, Result, Tenant, TenantBackend, TenantTx, Tx, tenants};

/// The lines of an export, without their line feeds.
///
/// Nothing is asked of the database before the first is asked for; from then on a transaction stays
/// open until the last one has come, or this is dropped.
pub struct Export {
    lines: BoxStream<'static, Result<String>>,
}

impl<DB: TenantBackend> Transfer<DB> {
    /// Every row of the tenant in one snapshot, in as much memory as one batch of rows takes.
    ///
    /// On PostgreSQL the transaction is read-only, of isolation `repeatable read`, and behind the wall.
    ///
    /// ```no_run
    /// # async fn example(transfer: saas_tenancy::transfer::Transfer<sqlx::Postgres>,
    /// #     tenant: saas_core::TenantId, mut file: Vec<u8>) -> saas_tenancy::Result<()> {
    /// use futures_util::TryStreamExt;
    /// let mut lines = transfer.export(tenant);
    /// while let Some(line) = lines.try_next().await? {
    ///     file.extend_from_slice(line.as_bytes());
    ///     file.push(b'\n');
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// In the stream, which then ends: [`Error::Columns`] if a table has other columns than its entity;
    /// [`Error::Unreadable`] for a value that is none of its column's kind; what the database refused.
    pub fn export(&self, tenant: TenantId) -> Export {
        let begun = Begun { reader: None, transfer: self.clone(), tenant };
        Export::of(begun)
    }

    /// The lines that follow those of an export that was cut off: all that are whole, the first to the
    /// last, which are read again to check them.
    ///
    /// What comes is of another snapshot than what is there. So that the whole is of one all the same,
    /// the tenant must have been [suspended](tenants::State::is_still) before the export began, and not
    /// have been resumed since; its record tells.
    ///
    /// ```no_run
    /// # async fn example(transfer: saas_tenancy::transfer::Transfer<sqlx::Postgres>,
    /// #     tenant: saas_core::TenantId, mut text: String) -> saas_tenancy::Result<()> {
    /// use futures_util::{TryStreamExt, stream};
    /// // What follows the last line feed is no whole line.
    /// text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
    /// let there: Vec<_> = text.lines().map(|line| Ok::<_, std::io::Error>(line.to_owned())).collect();
    /// let mut lines = transfer.continue_export(tenant, stream::iter(there)).await?;
    /// while let Some(line) = lines.try_next().await? {
    ///     text += &line;
    ///     text.push('\n');
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Line`] with [`Fault::NotStill`] if it was not so; with another fault if the lines are not
    /// those of an export of this tenant. What the stream then holds, as [`export`](Self::export).
    pub async fn continue_export<E>(
        &self,
        tenant: TenantId,
        lines: impl Stream<Item = Result<String, E>> + Send,
    ) -> Result<Export>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut lines = std::pin::pin!(lines);
        let mut reader: Option<Reader> = None;
        while let Some(line) = lines.next().await {
            let number = reader.as_ref().map_or(0, |reader| reader.tally.lines) + 1;
            let at = |fault| Error::Line { line: number, fault };
            let line = line.map_err(|error| at(Fault::Source(error.into())))?;
            match &mut reader {
                Some(reader) => drop(reader.take(&line).map_err(at)?),
                None => reader = Some(Reader::open(&line, &self.registry).map_err(at)?),
            }
        }
        let Some(reader) = reader else { return Ok(self.export(tenant)) };
        if reader.ended {
            return Ok(Export { lines: stream::empty().boxed() });
        }
        let own: Vec<_> = self.tables.iter().map(|own| Described::of(&own.table)).collect();
        if reader.header.tenant != tenant || reader.header.tables != own {
            return Err(Error::Line { line: 1, fault: Fault::OtherExport });
        }
        Ok(Export::of(Begun { reader: Some(reader), transfer: self.clone(), tenant }))
    }

    /// The version of the tenant's record while its rows stay as they are.
    async fn still(&self, tenant: TenantId) -> Result<Option<i64>> {
        let found = tenants::find(&mut self.db.global().await?, tenant).await?;
        Ok(found.filter(|found| found.state.is_still()).map(|found| found.version))
    }
}

/// An export before its first line.
struct Begun<DB: TenantBackend> {
    transfer: Transfer<DB>,
    tenant: TenantId,
    /// What is there already.
    reader: Option<Reader>,
}

/// An export in the middle.
struct Running<DB: TenantBackend> {
    transfer: Transfer<DB>,
    tx: TenantTx<DB>,
    tally: Tally,
    table: usize,
    part: Part,
    /// The row after which the next batch begins.
    last: Option<Uuid>,
    /// The version of the tenant's record that it must have had all the time.
    still: Option<i64>,
}

impl Export {
    fn of<DB: TenantBackend>(begun: Begun<DB>) -> Self {
        let batches = stream::once(begun.begin()).map_ok(|(first, running)| {
            let rest = stream::try_unfold(Some(running), |running| async {
                match running {
                    Some(running) => running.batch().await.map(Some),
                    None => Ok(None),
                }
            });
            stream::iter(first.map(|line| Ok(vec![line]))).chain(rest)
        });
        let lines = batches.try_flatten().map_ok(|lines| stream::iter(lines.into_iter().map(Ok)));
        Self { lines: lines.try_flatten().boxed() }
    }
}

impl<DB: TenantBackend> Begun<DB> {
    /// Opens the transaction; the first line, unless it is there.
    async fn begin(self) -> Result<(Option<String>, Running<DB>)> {
        let Self { transfer, tenant, reader } = self;
        // Before the snapshot: what changes afterwards changes this as well.
        let still = transfer.still(tenant).await?;
        let options = transfer.db.options();
        let begin = DB::begin_snapshot(tenant, options);
        let home = transfer.db.home(Some(tenant)).await?;
        let mut tx = Tx::begun(home, begin, Tenant(tenant), options).await?;
        for own in transfer.tables.iter() {
            real(&mut tx, &own.table).await?;
        }
        if let Some(reader) = reader {
            if still.is_none() || still != reader.header.still {
                return Err(Error::Line { line: 1, fault: Fault::NotStill });
            }
            let (table, part, last) = match reader.last {
                Some((table, part, id)) => (table, part, Some(id)),
                None => (0, Part::Rows, None),
            };
            let tally = reader.tally;
            return Ok((None, Running { transfer, tx, tally, table, part, last, still }));
        }
        let tables = transfer.tables.iter().map(|own| Described::of(&own.table)).collect();
        let header = Header { format: FORMAT.to_owned(), version: VERSION, tenant, still, tables };
        let line = json(&header)?;
        let mut tally = Tally::default();
        tally.add(&line, None);
        let (part, last) = (Part::Rows, None);
        Ok((Some(line), Running { transfer, tx, tally, table: 0, part, last, still: None }))
    }
}

impl<DB: TenantBackend> Running<DB> {
    /// The next lines, and what follows them.
    async fn batch(mut self) -> Result<(Vec<String>, Option<Self>)> {
        let Some(own) = self.transfer.tables.get(self.table).cloned() else {
            let end = BTreeMap::from([("end", self.tally.end())]);
            let tenant = self.tx.tenant();
            self.tx.rollback().await?;
            // It could have been resumed between the first look and the snapshot.
            if self.still.is_some() && self.transfer.still(tenant).await? != self.still {
                return Err(Error::Line { line: self.tally.lines + 1, fault: Fault::NotStill });
            }
            return Ok((vec![json(&end)?], None));
        };
        let columns = own.columns(self.part);
        let query =
            own.select(self.part, &columns, self.tx.tenant(), self.last, self.transfer.batch);
        let rows = if columns.is_empty() { Vec::new() } else { self.tx.fetch_all(query).await? };
        let mut lines = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, line) = own.line::<DB>(self.part, &columns, row)?;
            self.tally.add(&line, (self.part == Part::Rows).then_some(own.table.name));
            self.last = Some(id);
            lines.push(line);
        }
        if rows.len() < self.transfer.batch as usize {
            self.last = None;
            (self.table, self.part) = match self.part {
                Part::Rows => (self.table, Part::Selves),
                Part::Selves => (self.table + 1, Part::Rows),
            };
        }
        Ok((lines, Some(self)))
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    // Of strings and numbers; it does not fail.
    serde_json::to_string(value).map_err(|error| Error::Database(sqlx::Error::Encode(error.into())))
}

impl Stream for Export {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.lines.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").finish_non_exhaustive()
    }
}
