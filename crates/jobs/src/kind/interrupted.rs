//! A job that stopped before its end, and the names in its description.

use engine::Progress;
use model::name::CollectionRef;

/// The largest number of collections that a message lists.
const MAX_NAMES: usize = 5;

/// The facts about a job that stopped before its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted<'a> {
    /// The name of the backup.
    pub(crate) backup: &'a str,
    /// The progress; that of collections is stored with a delay, so after a crash more may have been done.
    pub(crate) progress: &'a Progress,
    /// The source and the target of each collection of a restore.
    pub(crate) targets: &'a [(CollectionRef, CollectionRef)],
    /// Whether the backup is at another location than the configured one.
    pub(crate) is_elsewhere: bool,
    /// Whether the job may have stopped at any point, and not only at a safe one.
    pub(crate) crash: bool,
}

/// Returns the name under which the progress of a restored collection is recorded.
///
/// This is the name of the source, or of the target if the source has several targets.
pub(crate) fn display_name<'a>(
    targets: &[(CollectionRef, CollectionRef)],
    source: &'a CollectionRef,
    target: &'a CollectionRef,
) -> &'a CollectionRef {
    let several = targets.iter().filter(|(other, _)| other == source).nth(1).is_some();
    if several { target } else { source }
}

/// Formats the first five names and the number of the others.
pub(super) fn format_names(names: &[CollectionRef]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(ToString::to_string).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::collection;

    #[test]
    fn a_long_list_of_names_is_shortened() {
        let many: Vec<_> = (0..7).map(|n| collection(&format!("c{n}"))).collect();
        assert!(format_names(&many).ends_with("default.c4 and 2 more"));
    }
}
