//! Calls about aliases.

use proto::common::Status;
use proto::milvus as wire;

use super::databases::DEFAULT_DATABASE;
use super::names::{Named, check_name};
use super::reply::{Refusal, Version};
use super::state::{Collection, Database, FakeState};
use super::words::{V2_5, V2_6};

type Answer<R> = Result<R, Refusal>;

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
            return Err(Refusal::worded("alias.collection_is_alias", &[database, name]));
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
        let is_alias = self.database(db_name)?.aliases.contains_key(collection_name);
        let named = if db_name.is_empty() { DEFAULT_DATABASE } else { db_name };
        let target = match self.target(db_name, collection_name) {
            Ok(target) => target.id,
            Err(_) if is_alias => {
                return Err(Refusal::worded("alias.of_alias", &[named, collection_name]));
            }
            Err(refusal) => return Err(refusal),
        };
        let database = self.database(db_name)?;
        if database.collections.contains_key(alias) {
            return Err(Refusal::worded("alias.alias_is_collection", &[named, alias]));
        }
        match database.aliases.get(alias) {
            Some(holder) if *holder == target => {}
            Some(holder) => {
                let holder = database.collections.values().find(|held| held.id == *holder);
                let holder = holder.map(Collection::name).unwrap_or_default();
                return Err(Refusal::worded("alias.alias_is_taken", &[named, alias, holder]));
            }
            None => {
                database.aliases.insert(alias.clone(), target);
            }
        }
        Ok(Status::default())
    }

    pub(super) fn drop_alias(&mut self, request: &wire::DropAliasRequest) -> Answer<Status> {
        if self.version < V2_5 {
            check_name(Named::Alias, &request.alias, self.version)?;
        }
        self.database(&request.db_name)?.aliases.remove(&request.alias);
        Ok(Status::default())
    }
}
