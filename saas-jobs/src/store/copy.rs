//! PostgreSQL's binary COPY format: many rows at a third of the log that as many inserts write.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::NewJobs;

/// How much is sent at once, in bytes.
const CHUNK: usize = 1 << 18;

/// The least that is sent, in bytes. A short COPY ends in two small packets, of which TCP holds the
/// second back until the first is acknowledged, 40 ms later: sqlx leaves Nagle's algorithm on. More
/// than one segment, even of the loopback's 64 KiB, is acknowledged at once.
const LEAST: usize = 66_000;

const BODIES: &str = "copy saas.jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, lane, trace) \
                      from stdin (format binary)";
const READY: &str = "copy saas.jobs_ready (id, lane, priority, queue) from stdin (format binary)";
const LATER: &str =
    "copy saas.jobs_later (id, run_at, lane, priority, queue) from stdin (format binary)";

/// Stores jobs by two COPYs. They are two statements: the caller is in a transaction.
pub(super) async fn copy(conn: &mut PgConnection, new: &NewJobs) -> Result<u64, sqlx::Error> {
    let bodies = rows(conn, BODIES, new, |row, (id, args)| {
        row.fields(10).uuid(id);
        match new.tenant {
            Some(tenant) => row.uuid(&tenant),
            None => row.null(),
        };
        row.small(new.version).small(new.priority).small(new.max_attempts);
        row.text(&new.kind).text(&new.queue).text(args);
        match new.lane {
            Some(lane) => row.integer(lane),
            None => row.null(),
        };
        match &new.trace {
            Some(trace) => row.text(trace),
            None => row.null(),
        };
    })
    .await?;
    let lane = new.lane.unwrap_or(0);
    match new.run_at {
        None => {
            rows(conn, READY, new, |row, (id, _)| {
                row.fields(4).uuid(id).integer(lane).small(new.priority).text(&new.queue);
            })
            .await?;
        }
        Some(at) => {
            rows(conn, LATER, new, |row, (id, _)| {
                row.fields(5)
                    .uuid(id)
                    .moment(at)
                    .integer(lane)
                    .small(new.priority)
                    .text(&new.queue);
            })
            .await?;
        }
    }
    Ok(bodies)
}

async fn rows(
    conn: &mut PgConnection,
    statement: &'static str,
    new: &NewJobs,
    write: impl Fn(&mut Buffer, &(Uuid, String)),
) -> Result<u64, sqlx::Error> {
    let mut copy = conn.copy_in_raw(statement).await?;
    // Signature, flags, length of the header's extension.
    let mut buffer = Buffer(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec());
    let header = buffer.0.len();
    for job in &new.jobs {
        write(&mut buffer, job);
        if buffer.0.len() >= CHUNK + LEAST {
            let rest = buffer.0.split_off(CHUNK);
            copy.send(std::mem::replace(&mut buffer.0, rest)).await?;
        }
    }
    buffer.small_bare(-1);
    if buffer.0.starts_with(b"PGCOPY") {
        pad(&mut buffer.0, header);
    }
    copy.send(buffer.0).await?;
    copy.finish().await
}

/// Fills up to what is sent at least, by an extension of the header, which the server skips.
fn pad(message: &mut Vec<u8>, header: usize) {
    let padding = LEAST.saturating_sub(message.len());
    let length = u32::try_from(padding).unwrap_or(0).to_be_bytes();
    message.splice(header - 4..header, length.into_iter().chain(std::iter::repeat_n(0, padding)));
}

/// Rows in the making; numbers are big-endian, each field comes after its length.
struct Buffer(Vec<u8>);

impl Buffer {
    fn small_bare(&mut self, value: i16) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Begins a row of so many fields.
    fn fields(&mut self, count: i16) -> &mut Self {
        self.small_bare(count)
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Self {
        // A field of two gigabytes does not fit into the row either; the server says so.
        self.0.extend(i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn null(&mut self) -> &mut Self {
        self.0.extend((-1_i32).to_be_bytes());
        self
    }

    fn small(&mut self, value: i16) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    fn integer(&mut self, value: i32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    fn uuid(&mut self, value: &Uuid) -> &mut Self {
        self.field(value.as_bytes())
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.field(value.as_bytes())
    }

    /// Microseconds since the year 2000.
    fn moment(&mut self, value: DateTime<Utc>) -> &mut Self {
        const YEAR_2000: i64 = 946_684_800_000_000;
        self.field(&(value.timestamp_micros() - YEAR_2000).to_be_bytes())
    }
}
