use futures_core::Stream;
use futures_util::StreamExt;
use saas_core::TenantId;
use saas_core::schema::quoted;
use saas_core::sql::Binds;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::load::{self, Numbered, Target};
use super::progress::{self, IMPORT, Progress};
use super::reader::Reader;
use super::{Fault, Transfer, Transferred};
use crate::{Error, Result, TenantBackend, TenantTx};

/// A batch is written before it holds more text than this, whatever the number of rows.
const BATCH_BYTES: usize = 4 << 20;

impl<DB: TenantBackend> Transfer<DB> {
    /// Writes the rows of an export as this tenant's, which has none yet: the exported tenant or
    /// another, from this kind of database or the other.
    ///
    /// Each batch is committed together with how far the import is. So whoever was killed or failed in
    /// the middle calls it again with the same lines, from the first on: what is there is passed over,
    /// and an import that was finished does nothing. Keep the tenant from being served until it is;
    /// give up by [`erase`](Self::erase).
    ///
    /// ```no_run
    /// # async fn example(transfer: saas_tenancy::transfer::Transfer<sqlx::Sqlite>,
    /// #     tenant: saas_core::TenantId, text: String) -> saas_tenancy::Result<()> {
    /// use futures_util::stream;
    /// let lines = text.lines().map(|line| Ok::<_, std::io::Error>(line.to_owned()));
    /// let imported = transfer.import(tenant, stream::iter(lines)).await?;
    /// println!("{} invoices", imported.rows["invoices"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Line`] with the number of the line and what is wrong with it; [`Error::Overtaken`] if
    /// another import of this tenant, or its erasure, is running; [`Error::Columns`] if a table has
    /// other columns than its entity.
    pub async fn import<E>(
        &self,
        tenant: TenantId,
        lines: impl Stream<Item = Result<String, E>> + Send,
    ) -> Result<Transferred>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut lines =
            std::pin::pin!(lines.map(|line| { line.map_err(|error| Fault::Source(error.into())) }));
        let at = |line| move |fault| Error::Line { line, fault };
        let first = lines.next().await.ok_or(Fault::Truncated).and_then(|line| line);
        let first = first.map_err(at(1))?;
        let reader = Reader::open(&first, &self.registry).map_err(at(1))?;
        let mut import = Import::begin(self, tenant, reader).await?;
        while let Some(line) = lines.next().await {
            import.line(line).await?;
        }
        import.end().await
    }

    /// The first table in which the tenant has a row.
    async fn not_empty(&self, tx: &mut TenantTx<DB>) -> Result<Option<&'static str>> {
        for own in self.tables.iter() {
            let mut query = QueryBuilder::new("select 1 from ");
            query.push(quoted(own.table.name)).push(" where \"tenant_id\" = ");
            <DB as Binds<Uuid>>::push_bind(&mut query, &tx.tenant().uuid());
            query.push(" limit 1");
            if tx.fetch_optional(query).await?.is_some() {
                return Ok(Some(own.table.name));
            }
        }
        Ok(None)
    }
}

/// An import that is running.
struct Import<'i, DB: TenantBackend> {
    transfer: &'i Transfer<DB>,
    tenant: TenantId,
    reader: Reader,
    targets: Vec<Target>,
    /// As the table has it.
    progress: Progress,
    rows: Vec<Numbered>,
    bytes: usize,
}

impl<'i, DB: TenantBackend> Import<'i, DB> {
    /// Finds where it stopped, or notes that it begins.
    async fn begin(transfer: &'i Transfer<DB>, tenant: TenantId, reader: Reader) -> Result<Self> {
        let mut tx = transfer.db.tenant(tenant).await?;
        let mut targets = Vec::with_capacity(reader.tables.len());
        for known in &reader.tables {
            let Some(table) = transfer.registry.table(known.name) else { continue };
            targets.push(Target::find(&mut tx, table, known).await?);
        }
        let header = reader.tally.checksum();
        let fault = |fault| Error::Line { line: 1, fault };
        let progress = match progress::load(&mut tx, IMPORT).await? {
            Some(progress) if progress.header == header => progress,
            Some(_) => return Err(fault(Fault::OtherExport)),
            None => {
                if let Some(table) = transfer.not_empty(&mut tx).await? {
                    return Err(fault(Fault::NotEmpty { table }));
                }
                let checksum = header.clone();
                let progress = Progress { header, checksum, lines: 1, ..Progress::default() };
                progress::begin(&mut tx, IMPORT, &progress).await?;
                progress
            }
        };
        tx.commit().await?;
        Ok(Self { transfer, tenant, reader, targets, progress, rows: Vec::new(), bytes: 0 })
    }

    async fn line(&mut self, line: Result<String, Fault>) -> Result<()> {
        let number = self.number() + u64::from(self.reader.ended);
        let at = |fault| Error::Line { line: number, fault };
        let line = line.map_err(at)?;
        let Some(mut taken) = self.reader.take(&line).map_err(at)? else { return Ok(()) };
        let done = self.progress.lines.unsigned_abs();
        if number <= done {
            if number == done && self.reader.tally.checksum() != self.progress.checksum {
                return Err(at(Fault::OtherExport));
            }
            return Ok(());
        }
        load::check::<DB>(&taken, &self.targets[taken.table]).map_err(at)?;
        taken.become_of(self.tenant, &self.reader.tables[taken.table].columns);
        self.rows.push(Numbered { line: number, taken });
        self.bytes += line.len();
        if self.rows.len() >= self.transfer.batch as usize || self.bytes >= BATCH_BYTES {
            self.flush(false).await?;
        }
        Ok(())
    }

    async fn end(mut self) -> Result<Transferred> {
        let line = self.number();
        let at = |fault| Error::Line { line, fault };
        if !self.reader.ended {
            self.flush(false).await?;
            return Err(at(Fault::Truncated));
        }
        if self.reader.tally.lines < self.progress.lines.unsigned_abs() {
            return Err(at(Fault::OtherExport));
        }
        if !self.progress.done {
            self.flush(true).await?;
        }
        Ok(Transferred { rows: self.progress.rows })
    }

    /// Of the next line.
    fn number(&self) -> u64 {
        self.reader.tally.lines + 1
    }

    /// Writes what was read, together with how far it is.
    async fn flush(&mut self, done: bool) -> Result<()> {
        if self.rows.is_empty() && !done {
            return Ok(());
        }
        let tally = &self.reader.tally;
        let to = Progress {
            header: self.progress.header.clone(),
            lines: tally.lines.cast_signed(),
            checksum: tally.checksum(),
            rows: tally.rows.clone(),
            done,
        };
        let mut tx = self.transfer.db.tenant(self.tenant).await?;
        progress::advance(&mut tx, IMPORT, self.progress.lines, &to).await?;
        if let Err(error) = load::write(&mut tx, &self.targets, &self.rows).await {
            tx.rollback().await?;
            return Err(self.locate(error).await?);
        }
        tx.commit().await?;
        self.progress = to;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Which row it was that a batch failed with: they are tried one by one, and not kept.
    async fn locate(&self, error: Error) -> Result<Error> {
        if matches!(error, Error::Contention(_) | Error::Unavailable(_)) {
            return Ok(error);
        }
        let mut tx = self.transfer.db.tenant(self.tenant).await?;
        for row in &self.rows {
            let tried = load::write(&mut tx, &self.targets, std::slice::from_ref(row)).await;
            if let Err(error) = tried {
                let fault = Fault::Refused(Box::new(error));
                return Ok(Error::Line { line: row.line, fault });
            }
        }
        Ok(error)
    }
}
