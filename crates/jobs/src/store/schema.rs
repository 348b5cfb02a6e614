//! The tables of the job store, and their version.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::StoreError;

/// The version of the tables, and of the JSON in them; one that an older program cannot read is a new one.
const SCHEMA: i64 = 1;

/// How long a connection waits for another's write.
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE jobs (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    state           TEXT NOT NULL,
    backup          TEXT NOT NULL,
    caller          TEXT NOT NULL,
    idempotency_key TEXT,
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

/// Opens the database and makes its tables where there are none.
pub(super) fn open(file: &Path) -> Result<Connection, StoreError> {
    let failed = |cause| StoreError::Sql { doing: "open", file: file.to_owned(), cause };
    let mut connection = Connection::open(file).map_err(failed)?;
    let found = prepare(&mut connection).map_err(failed)?;
    if found > SCHEMA {
        return Err(StoreError::Newer { file: file.to_owned(), found, known: SCHEMA });
    }
    Ok(connection)
}

/// Returns the version of the tables.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(BUSY)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > SCHEMA {
        return Ok(found);
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // a job that was acknowledged must not be forgotten by a power cut, and a job that runs is written once a second at most
    connection.pragma_update(None, "synchronous", "FULL")?;
    if found == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
    }
    Ok(SCHEMA)
}
