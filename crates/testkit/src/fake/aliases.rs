//! Calls about aliases.

use proto::common::{ErrorCode, Status};
use proto::milvus as wire;

use super::names::{Named, check_name};
use super::reply::{Refusal, Version};
use super::state::{Collection, Database, FakeState};
use super::words::{Kind, V2_2, V2_5, V2_6, Words};

type Answer<R> = Result<R, Refusal>;

const CLASH: Kind = Kind::Coded(1601, ErrorCode::UnexpectedError);
const EXISTS: Kind = Kind::Coded(1602, ErrorCode::UnexpectedError);

const ALIAS_IS_COLLECTION: &[Words] =
    &[(V2_2, CLASH, "alias and collection name conflict[database={0}][alias={1}]")];
const ALIAS_IS_TAKEN: &[Words] = &[(
    V2_2,
    EXISTS,
    "{1} is alias to another collection: {2}: alias already exist[database={0}][alias={1}]",
)];
const COLLECTION_IS_ALIAS: &[Words] = &[
    (V2_2, Kind::Plain, "create duplicate collection with different parameters, collection: {1}"),
    (
        V2_5,
        Kind::Plain,
        "collection name [{1}] conflicts with an existing alias, please choose a unique name",
    ),
    (V2_6, CLASH, "please choose a unique name: alias and collection name conflict[database={0}][alias={1}]"),
];

/// The first release that refuses to drop a collection with aliases.
const REFUSES_ALIASES: Version = (2, 5, 5);
/// The first release that leaves the aliases of a dropped collection behind.
const LEAVES_ALIASES: Version = (2, 4, 0);

impl Database {
    /// Returns the aliases of a collection.
    pub(super) fn aliases_of(&self, collection: i64) -> Vec<String> {
        let own = self.aliases.iter().filter(|(_, target)| **target == collection);
        own.map(|(alias, _)| alias.clone()).collect()
    }

    /// Removes a collection as a release does, with its aliases or without them.
    pub(super) fn drop_collection(&mut self, name: &str, version: Version) -> Answer<()> {
        let Some(held) = self.collections.get(name) else {
            if self.aliases.contains_key(name) {
                return Err(Refusal::plain(format!("cannot drop the collection via alias = {name}")));
            }
            return Ok(());
        };
        let id = held.id;
        let aliases = self.aliases_of(id);
        if version >= REFUSES_ALIASES && !aliases.is_empty() {
            return Err(Refusal::plain(format!(
                "unable to drop the collection [{name}] because it has associated aliases [{}], please remove all aliases before dropping the collection",
                aliases.join(", ")
            )));
        }
        if version < LEAVES_ALIASES {
            self.aliases.retain(|_, target| *target != id);
        }
        self.collections.remove(name);
        Ok(())
    }

    /// Fails if a name of a new collection is an alias.
    pub(super) fn check_no_alias(&self, database: &str, name: &str) -> Answer<()> {
        if self.aliases.contains_key(name) {
            return Err(Refusal::worded(COLLECTION_IS_ALIAS, &[database, name]));
        }
        Ok(())
    }
}

impl FakeState {
    /// Returns the collection of a name, which may be an alias from 2.6 on.
    fn target(&mut self, database: &str, name: &str) -> Answer<&mut Collection> {
        if self.version < V2_6 && self.database(database)?.aliases.contains_key(name) {
            return Err(Refusal::collection(database, name));
        }
        self.collection(database, name)
    }

    pub(super) fn list_aliases(
        &mut self,
        request: &wire::ListAliasesRequest,
    ) -> Answer<wire::ListAliasesResponse> {
        let wire::ListAliasesRequest { db_name, collection_name } = request;
        let aliases = if collection_name.is_empty() {
            self.database(db_name)?.aliases.keys().cloned().collect()
        } else {
            let collection = self.target(db_name, collection_name)?.id;
            self.database(db_name)?.aliases_of(collection)
        };
        Ok(wire::ListAliasesResponse { aliases, ..Default::default() })
    }

    pub(super) fn create_alias(&mut self, request: &wire::CreateAliasRequest) -> Answer<Status> {
        let wire::CreateAliasRequest { db_name, collection_name, alias } = request;
        check_name(Named::Alias, alias, self.version)?;
        let target = self.target(db_name, collection_name)?.id;
        let database = self.database(db_name)?;
        let db_name = if db_name.is_empty() { "default" } else { db_name };
        if database.collections.contains_key(alias) {
            return Err(Refusal::worded(ALIAS_IS_COLLECTION, &[db_name, alias]));
        }
        match database.aliases.get(alias) {
            Some(holder) if *holder == target => {}
            Some(holder) => {
                let holder = database.collections.values().find(|held| held.id == *holder);
                let holder = holder.map(Collection::name).unwrap_or_default();
                return Err(Refusal::worded(ALIAS_IS_TAKEN, &[db_name, alias, holder]));
            }
            None => {
                database.aliases.insert(alias.clone(), target);
            }
        }
        Ok(Status::default())
    }

    pub(super) fn drop_alias(&mut self, request: &wire::DropAliasRequest) -> Answer<Status> {
        check_name(Named::Alias, &request.alias, self.version)?;
        self.database(&request.db_name)?.aliases.remove(&request.alias);
        Ok(Status::default())
    }
}
