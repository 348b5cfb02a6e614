//! What a mapping leads to.

use std::collections::BTreeSet;

use crate::name::CollectionRef;
use crate::selection::{Selection, SelectionError};

/// Where a restore goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The databases that the selected ones become.
    pub databases: Vec<String>,
    /// Every selected collection and its target; a source with several targets comes as often.
    pub collections: Vec<(CollectionRef, CollectionRef)>,
    /// Rules that rename nothing, where they may.
    pub unused: Vec<String>,
}

impl Targets {
    /// What of it a filter on the names of targets leaves.
    ///
    /// Fails if a rule selects nothing, except where everything is asked for.
    pub fn only(self, wanted: &Selection) -> Result<Self, SelectionError> {
        if wanted.is_everything() {
            return Ok(self);
        }
        let names: Vec<CollectionRef> = self.collections.iter().map(|(_, target)| target.clone()).collect();
        let databases: BTreeSet<String> =
            self.databases.into_iter().chain(names.iter().map(|name| name.database.clone())).collect();
        let selected = wanted.select(&databases.into_iter().collect::<Vec<_>>(), &names)?;
        let kept: BTreeSet<CollectionRef> = selected.collections.into_iter().collect();
        let collections = self.collections.into_iter().filter(|(_, target)| kept.contains(target)).collect();
        Ok(Self { databases: selected.databases, collections, unused: self.unused })
    }
}
