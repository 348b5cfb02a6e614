//! The targets that a mapping yields.

use std::collections::BTreeSet;

use crate::name::CollectionRef;
use crate::selection::{Selection, SelectionError};

/// The databases and collections into which a restore imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The targets of the databases that are selected as such.
    pub databases: Vec<String>,
    /// Every pair of a selected collection and a target; a source with several targets occurs several times.
    pub collections: Vec<(CollectionRef, CollectionRef)>,
    /// The rules that match nothing, if the mapping is lenient.
    pub unused: Vec<String>,
}

impl Targets {
    /// Keeps only the targets whose names a filter selects.
    ///
    /// Fails if a rule of the filter matches nothing, unless it selects everything.
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
