//! Calls about databases.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::common::{ErrorCode, Status};
use proto::milvus as wire;

use super::names::{Named, check_name};
use super::properties::{from_pairs, to_pairs};
use super::reply::Refusal;
use super::state::{Database, FakeState};
use super::words::{Kind, V2_6};

type Answer<R> = Result<R, Refusal>;

pub(super) const DEFAULT_DATABASE: &str = "default";
/// The property with the id of a database's encryption zone.
const ZONE: &str = "cipher.ezID";

impl FakeState {
    pub(super) fn list_databases(
        &mut self,
        _: &wire::ListDatabasesRequest,
    ) -> Answer<wire::ListDatabasesResponse> {
        let visible = |name: &&String| self.may_see_database(name);
        let db_names = self.databases.keys().filter(visible).cloned().collect();
        Ok(wire::ListDatabasesResponse { db_names, ..Default::default() })
    }

    pub(super) fn create_database(&mut self, request: &wire::CreateDatabaseRequest) -> Answer<Status> {
        check_name(Named::Database, &request.db_name, self.version)?;
        if self.databases.contains_key(&request.db_name) {
            return Err(Refusal::plain(format!("database already exist: {}", request.db_name)));
        }
        let id = self.next_id();
        let mut properties = from_pairs(&request.properties);
        if self.version >= V2_6 && properties.keys().any(|key| key.starts_with("cipher.")) {
            if !self.cipher {
                return Err(Refusal::unexpected(
                    "failed to tidy database cipher properties: cipher plugin is missing",
                ));
            }
            // Each encrypted database is a zone, which has the id of the database unless the request names one.
            properties.entry(ZONE.to_owned()).or_insert_with(|| id.to_string());
        }
        let database = Database { id, properties, ..Database::default() };
        self.databases.insert(request.db_name.clone(), database);
        Ok(Status::default())
    }

    pub(super) fn drop_database(&mut self, request: &wire::DropDatabaseRequest) -> Answer<Status> {
        let name = &request.db_name;
        if name == DEFAULT_DATABASE {
            return Err(Refusal::plain("can not drop default database"));
        }
        if name.is_empty() {
            return Err(Refusal::unexpected("database name couldn't be empty"));
        }
        // A database that does not exist counts as dropped.
        let Ok(database) = self.database(name) else { return Ok(Status::default()) };
        if !database.collections.is_empty() {
            return Err(Refusal::plain(format!(
                "database:{name} not empty, must drop all collections before drop database"
            )));
        }
        self.databases.remove(&request.db_name);
        Ok(Status::default())
    }

    pub(super) fn describe_database(
        &mut self,
        request: &wire::DescribeDatabaseRequest,
    ) -> Answer<wire::DescribeDatabaseResponse> {
        let database = self.database(&request.db_name)?;
        let name = if request.db_name.is_empty() { DEFAULT_DATABASE } else { &request.db_name };
        Ok(wire::DescribeDatabaseResponse {
            status: None,
            db_name: name.to_owned(),
            db_id: database.id,
            properties: to_pairs(&database.properties),
        })
    }

    pub(super) fn alter_database(&mut self, request: &wire::AlterDatabaseRequest) -> Answer<Status> {
        let wire::AlterDatabaseRequest { db_name, properties, delete_keys } = request;
        match (properties.is_empty(), delete_keys.is_empty()) {
            (false, false) => return Err(Refusal::worded("database.both", &[])),
            (true, true) => return Err(Refusal::worded("database.neither", &[])),
            _ => {}
        }
        let is_cipher = properties.iter().any(|pair| pair.key.starts_with("cipher."));
        if self.version >= V2_6 && is_cipher {
            return Err(Refusal::stated(Kind::Invalid, "can not alter cipher related properties"));
        }
        let database = self.database(db_name)?;
        database.properties.extend(from_pairs(properties));
        database.properties.retain(|key, _| !delete_keys.contains(key));
        Ok(Status::default())
    }

    /// Returns the key of a database's encryption zone in the form of a backup: text in base64; `None` if the database
    /// is not encrypted.
    pub(super) fn zone_key(&self, database: &str) -> Option<String> {
        let properties = &self.databases.get(database)?.properties;
        let (zone, key) = (properties.get(ZONE)?, properties.get("cipher.key")?);
        Some(STANDARD.encode(format!("{zone}:{key}")))
    }

    /// Fails if a database cannot get another collection: its limit is reached, or is no number.
    pub(super) fn check_collection_limit(&mut self, database: &str) -> Answer<()> {
        let held = self.database(database)?;
        let Some(most) = held.properties.get("database.max.collections") else { return Ok(()) };
        let Ok(most) = most.parse::<usize>() else {
            return Err(Refusal::worded("database.limit", &[&most.clone()]));
        };
        if held.collections.len() >= most {
            return Err(Refusal::new(
                102,
                ErrorCode::UnexpectedError,
                format!("exceeded the limit number of collections[limit={most}]"),
            ));
        }
        Ok(())
    }
}
