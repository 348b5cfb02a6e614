//! The tables of the job store and their version.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::StoreError;

/// The version of the tables; it is raised when older programs cannot use them. The JSON in them has its own version.
const SCHEMA_VERSION: i64 = 1;

/// The time for which a connection waits for a write by another connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const CREATE_TABLES: &str = "
CREATE TABLE jobs (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    state           TEXT NOT NULL,
    backup          TEXT NOT NULL,
    caller          TEXT NOT NULL,
    idempotency_key TEXT,
    name_generated  INTEGER NOT NULL DEFAULT 0,
    request         TEXT NOT NULL,
    place           TEXT NOT NULL,
    claims          TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    started_ms      INTEGER,
    ended_ms        INTEGER,
    milvus_version  TEXT,
    targets         TEXT NOT NULL,
    progress        TEXT NOT NULL,
    collections     TEXT NOT NULL,
    outcome         TEXT,
    failure         TEXT
) STRICT;
CREATE UNIQUE INDEX jobs_by_key ON jobs (caller, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_by_backup ON jobs (backup, seq);
CREATE INDEX jobs_by_end ON jobs (ended_ms) WHERE ended_ms IS NOT NULL;
";

/// The column that the first tables of version 1 do not have; programs that do not know it ignore it.
const NAME_GENERATED: &str = "name_generated";

/// Opens the database and creates its tables if they do not exist.
///
/// Fails with `StoreError::Newer`, and changes nothing, if a later version of the program has written the database.
pub(super) fn open_database(file: &Path) -> Result<Connection, StoreError> {
    let failed = |cause| StoreError::Sql { doing: "open", file: file.to_owned(), cause };
    let mut connection = Connection::open(file).map_err(failed)?;
    let found = prepare_tables(&mut connection).map_err(failed)?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { file: file.to_owned(), found, known: SCHEMA_VERSION });
    }
    Ok(connection)
}

/// Creates missing tables and configures the connection; returns the version of the tables.
fn prepare_tables(connection: &mut Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > SCHEMA_VERSION {
        return Ok(found);
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // An acknowledged job must survive a power cut. The cost is small: a running job is written at most once a second.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction()?;
    if found == 0 {
        transaction.execute_batch(CREATE_TABLES)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    } else if !transaction.column_exists(None, "jobs", NAME_GENERATED)? {
        transaction.execute_batch(&format!(
            "ALTER TABLE jobs ADD COLUMN {NAME_GENERATED} INTEGER NOT NULL DEFAULT 0"
        ))?;
    }
    transaction.commit()?;
    Ok(SCHEMA_VERSION)
}
