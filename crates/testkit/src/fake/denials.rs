//! The switches of a database that deny calls.

use super::reply::Refusal;
use super::state::FakeState;
use super::words::V2_4;

/// The switches, each with what the refusal calls it and the calls that it denies.
const SWITCHES: [(&str, &str, &str); 8] = [
    ("writing", "writing", "Insert Upsert Delete"),
    ("reading", "reading", "Query"),
    ("ddl", "DDL", "Flush CreateIndex CreatePartition CreateCollection LoadCollection"),
    ("collectionDDL", "DDL", "CreateCollection LoadCollection"),
    ("partitionDDL", "DDL", "CreatePartition"),
    ("index", "DDL", "CreateIndex"),
    ("flush", "DDL", "Flush"),
    ("compaction", "DDL", ""),
];

impl FakeState {
    /// Fails if the properties of a database deny a call. Real servers take some seconds until they do.
    pub(super) fn check_denied(&mut self, call: &str, database: &str) -> Result<(), Refusal> {
        let version = self.version;
        let Some(held) = self.database(database).ok().filter(|_| version >= V2_4) else { return Ok(()) };
        let is_on = |switch: &str| {
            held.properties.get(&format!("database.force.deny.{switch}")).is_some_and(|value| value == "true")
        };
        let denies = |calls: &str| calls.split(' ').any(|denied| denied == call);
        match SWITCHES.iter().find(|(switch, _, calls)| denies(calls) && is_on(switch)) {
            Some((_, name, _)) => Err(Refusal::worded("denied", &[name])),
            None => Ok(()),
        }
    }
}
