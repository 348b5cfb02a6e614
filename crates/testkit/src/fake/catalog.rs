//! Calls about the server, its databases, and the names of collections and aliases.

use std::collections::BTreeMap;

use proto::common::{ServerInfo, Status};
use proto::milvus as wire;

use super::names::{Named, check_name};
use super::reply::Refusal;
use super::state::FakeState;

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn connect(&mut self, _: &wire::ConnectRequest) -> Answer<wire::ConnectResponse> {
        let server_info = ServerInfo {
            build_tags: self.version_text.clone(),
            build_time: "unknown".to_owned(),
            git_commit: "unknown".to_owned(),
            go_version: "unknown".to_owned(),
            deploy_mode: "STANDALONE".to_owned(),
        };
        let identifier = self.next_id();
        Ok(wire::ConnectResponse { server_info: Some(server_info), identifier, ..Default::default() })
    }

    pub(super) fn get_version(&mut self, _: &wire::GetVersionRequest) -> Answer<wire::GetVersionResponse> {
        Ok(wire::GetVersionResponse { version: self.version_text.clone(), ..Default::default() })
    }

    pub(super) fn list_databases(
        &mut self,
        _: &wire::ListDatabasesRequest,
    ) -> Answer<wire::ListDatabasesResponse> {
        let db_names = self.databases.keys().cloned().collect();
        Ok(wire::ListDatabasesResponse { db_names, ..Default::default() })
    }

    pub(super) fn create_database(&mut self, request: &wire::CreateDatabaseRequest) -> Answer<Status> {
        check_name(Named::Database, &request.db_name, self.version)?;
        if self.databases.contains_key(&request.db_name) {
            return Err(Refusal::unexpected(format!("database already exist: {}", request.db_name)));
        }
        self.databases.insert(request.db_name.clone(), BTreeMap::new());
        Ok(Status::default())
    }

    pub(super) fn drop_database(&mut self, request: &wire::DropDatabaseRequest) -> Answer<Status> {
        if request.db_name == "default" {
            return Err(Refusal::unexpected("can not drop default database"));
        }
        let name = &request.db_name;
        if name.is_empty() {
            return Err(Refusal::unexpected("database name couldn't be empty"));
        }
        // A database that does not exist counts as dropped.
        let Ok(collections) = self.database(name) else { return Ok(Status::default()) };
        if !collections.is_empty() {
            return Err(Refusal::unexpected(format!(
                "database:{name} not empty, must drop all collections before drop database"
            )));
        }
        self.databases.remove(&request.db_name);
        Ok(Status::default())
    }

    pub(super) fn show_collections(
        &mut self,
        request: &wire::ShowCollectionsRequest,
    ) -> Answer<wire::ShowCollectionsResponse> {
        let collections = self.database(&request.db_name)?;
        Ok(wire::ShowCollectionsResponse {
            collection_names: collections.keys().cloned().collect(),
            collection_ids: collections.values().map(|collection| collection.id).collect(),
            ..Default::default()
        })
    }

    pub(super) fn has_collection(
        &mut self,
        request: &wire::HasCollectionRequest,
    ) -> Answer<wire::BoolResponse> {
        let value = self.collection(&request.db_name, &request.collection_name).is_ok();
        Ok(wire::BoolResponse { value, ..Default::default() })
    }

    pub(super) fn list_aliases(
        &mut self,
        request: &wire::ListAliasesRequest,
    ) -> Answer<wire::ListAliasesResponse> {
        let aliases = self.collection(&request.db_name, &request.collection_name)?.aliases.clone();
        Ok(wire::ListAliasesResponse { aliases, ..Default::default() })
    }

    pub(super) fn create_alias(&mut self, request: &wire::CreateAliasRequest) -> Answer<Status> {
        use proto::common::ErrorCode;
        let wire::CreateAliasRequest { db_name, collection_name, alias } = request;
        check_name(Named::Alias, alias, self.version)?;
        let target = self.collection(db_name, collection_name)?.id;
        if self.database(db_name)?.contains_key(alias) {
            let text = format!("collection already exists[alias={alias}]");
            return Err(Refusal::new(1601, ErrorCode::UnexpectedError, text));
        }
        if let Ok(holder) = self.collection(db_name, alias) {
            if holder.id == target {
                return Ok(Status::default());
            }
            let text =
                format!("{alias} is alias to another collection: {}: alias already exist", holder.name());
            return Err(Refusal::new(1602, ErrorCode::UnexpectedError, text));
        }
        self.collection(db_name, collection_name)?.aliases.push(alias.clone());
        Ok(Status::default())
    }

    pub(super) fn drop_alias(&mut self, request: &wire::DropAliasRequest) -> Answer<Status> {
        for collection in self.database(&request.db_name)?.values_mut() {
            collection.aliases.retain(|alias| *alias != request.alias);
        }
        Ok(Status::default())
    }
}
