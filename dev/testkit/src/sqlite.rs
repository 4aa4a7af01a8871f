use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tempfile::TempDir;

/// A SQLite file of the test's own, gone with this value.
#[derive(Debug)]
pub struct Sqlite {
    /// Connections in WAL mode that wait up to ten seconds for the write lock.
    pub pool: SqlitePool,
    /// The file, for a process of its own.
    pub path: PathBuf,
    _folder: TempDir,
}

/// A new, empty SQLite file.
pub async fn sqlite() -> Sqlite {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("test.db");
    let pool = SqlitePoolOptions::new()
        .max_connections(8)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(sqlite_options(&path))
        .await
        .expect("a SQLite file");
    Sqlite { pool, path, _folder: folder }
}

/// How connections to such a file are made, in another process too.
pub fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(10))
}
