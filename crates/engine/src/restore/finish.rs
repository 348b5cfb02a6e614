//! The last steps of a restore: properties that would have affected the import, the load state, the aliases.

use std::time::{Duration, Instant};

use model::manifest::{KeyValue, LoadState};
use model::name::CollectionRef;
use model::plan::restore::CollectionPlan;

use super::RestoreRun;
use crate::{CollectionOutcome, CollectionRestored};

/// The time between two requests for the state of a load.
const LOAD_POLL_INTERVAL: Duration = Duration::from_millis(500);

impl RestoreRun<'_> {
    /// Sets the properties that are set only after the import, such as a TTL; returns what the collection lacks then.
    pub(super) async fn set_remaining_properties(&self, plan: &CollectionPlan) -> Option<String> {
        if plan.properties_after.is_empty() {
            return None;
        }
        let target = &plan.target;
        self.milvus().alter_collection(target, &plan.properties_after).await.err()?;
        self.set_properties_one_by_one(target, &plan.properties_after).await
    }

    /// Sets properties one by one, so that one value that Milvus refuses does not cost the others; returns what the
    /// collection lacks then.
    pub(super) async fn set_properties_one_by_one(
        &self,
        target: &CollectionRef,
        properties: &[KeyValue],
    ) -> Option<String> {
        let mut refused = Vec::new();
        for property in properties {
            if let Err(error) = self.milvus().alter_collection(target, std::slice::from_ref(property)).await {
                refused.push((property.key.as_str(), error));
            }
        }
        let (_, error) = refused.last()?;
        let keys: Vec<&str> = refused.iter().map(|(key, _)| *key).collect();
        let keys = keys.join(", ");
        Some(self.warn(format!("{target} is restored, but without its properties {keys}: {error}")))
    }

    /// Loads the collection, or the partitions that were loaded, and waits for the end of the load.
    ///
    /// A load that fails or does not end within `limit` costs no data, so this returns what the collection lacks then.
    pub(super) async fn load_collection(&self, plan: &CollectionPlan, limit: Duration) -> Option<String> {
        let target = &plan.target;
        let loads_partitions = self.milvus().capabilities().loads_partitions;
        let sent = match plan.load_only.as_slice() {
            some @ [_, ..] if loads_partitions => self.milvus().load_partitions(target, some).await,
            _ => self.milvus().load(target).await,
        };
        if let Err(error) = sent {
            // A server without this call serves every collection.
            if error.kind() == milvus::MilvusErrorKind::Unsupported && plan.jobs.is_empty() {
                self.warnings.record(format!("{target} is not loaded: this server has no such call"));
                return None;
            }
            return Some(self.warn(format!("{target} is restored, but cannot be loaded: {error}")));
        }
        let started = Instant::now();
        while started.elapsed() < limit {
            match self.milvus().load_state(target, None).await {
                Ok(LoadState::Loaded) => return None,
                // Milvus sometimes answers for a moment that an existing collection does not exist.
                Err(error)
                    if error.kind() != milvus::MilvusErrorKind::CollectionNotFound
                        && !error.is_temporary() =>
                {
                    let warning = format!("{target} is restored, but its load state is not known: {error}");
                    return Some(self.warn(warning));
                }
                Ok(_) | Err(_) => tokio::time::sleep(LOAD_POLL_INTERVAL).await,
            }
        }
        Some(self.warn(format!(
            "{target} is restored, but not loaded after {} s; Milvus may still be loading it",
            limit.as_secs()
        )))
    }

    /// Sets the properties of the databases that this restore created, one by one: a limit or a denial would have stopped
    /// it. Returns warnings about those that are refused.
    pub(super) async fn set_database_properties(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (database, properties) in &self.prepared.plan.database_properties {
            for property in properties {
                if self.ctx.check().is_err() {
                    return warnings;
                }
                let set = self.milvus().alter_database(database, std::slice::from_ref(property)).await;
                if let Err(error) = set {
                    let key = &property.key;
                    warnings
                        .push(format!("database {database} is restored without its property {key}: {error}"));
                }
            }
        }
        warnings
    }

    /// Creates the aliases of the restored collections; an alias that is taken stays unchanged. Returns the warnings.
    pub(super) async fn create_aliases(&self, restored: &[CollectionRestored]) -> Vec<String> {
        let mut warnings = Vec::new();
        for (plan, _) in self
            .prepared
            .plan
            .collections
            .iter()
            .zip(restored)
            .filter(|(_, r)| r.outcome == CollectionOutcome::Done)
        {
            for alias in &plan.aliases {
                if self.ctx.check().is_err() {
                    return warnings;
                }
                match self.milvus().create_alias(&plan.target, alias).await {
                    Ok(()) => {}
                    Err(error) if error.kind() == milvus::MilvusErrorKind::AlreadyExists => {
                        warnings.push(format!(
                            "alias {alias} of {} is not created: the target already uses this name",
                            plan.source
                        ));
                    }
                    Err(error) => {
                        warnings.push(format!("alias {alias} of {} is not created: {error}", plan.source));
                    }
                }
            }
        }
        warnings
    }
}
