//! What comes after the data: properties that would have disturbed it, the load state, the aliases.

use std::time::{Duration, Instant};

use model::manifest::LoadState;
use model::plan::restore::CollectionPlan;

use super::Run;
use crate::{CollectionOutcome, CollectionRestored, Error};

/// Between two looks at a load.
const POLL: Duration = Duration::from_millis(500);

impl Run<'_> {
    pub(super) async fn set_properties(&self, plan: &CollectionPlan) -> Result<(), Error> {
        if plan.properties_after.is_empty() {
            return Ok(());
        }
        Ok(self.milvus().alter_collection(&plan.target, &plan.properties_after).await?)
    }

    /// Loads what was loaded of a collection and waits for it; a load that does not end is a warning, the data
    /// being there.
    pub(super) async fn load(&self, plan: &CollectionPlan, stall: Duration) -> Result<(), Error> {
        let target = &plan.target;
        let sent = match plan.load_only.as_slice() {
            [] => self.milvus().load(target).await,
            some => self.milvus().load_partitions(target, some).await,
        };
        if let Err(error) = sent {
            self.ctx.warn(format!("{target} is restored, but cannot be loaded: {error}"));
            return Ok(());
        }
        let begun = Instant::now();
        while begun.elapsed() < stall {
            match self.milvus().load_state(target, None).await {
                Ok(LoadState::Loaded) => return Ok(()),
                // Milvus denies for a moment now and then that the collection exists
                Err(error)
                    if error.kind() != milvus::ErrorKind::CollectionNotFound && !error.is_temporary() =>
                {
                    self.ctx.warn(format!("{target} is restored, but its load state is not known: {error}"));
                    return Ok(());
                }
                Ok(_) | Err(_) => tokio::time::sleep(POLL).await,
            }
        }
        self.ctx.warn(format!(
            "{target} is restored, but not loaded after {} s; Milvus may still be at it",
            stall.as_secs()
        ));
        Ok(())
    }

    /// Creates the aliases of what was restored; a taken one stays where it is. Returns what the operator should know.
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
                    Err(error) if error.kind() == milvus::ErrorKind::AlreadyExists => {
                        warnings.push(format!(
                            "alias {alias} of {} is taken in the target and stays as it is",
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
