//! The one table from what happened to an exit code, and the failure that carries it out of a verb.

use engine::Kind;

use crate::config::ConfigError;

/// Everything was done.
pub(crate) const DONE: u8 = 0;

/// The exit code of a kind of failure.
pub(crate) const fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Failed => 1,
        Kind::Usage => 2,
        Kind::NotFound => 3,
        Kind::AlreadyExists => 4,
        Kind::Unreachable => 5,
        Kind::Partial => 6,
        Kind::Damaged => 7,
        Kind::Interrupted => 130,
    }
}

/// The name of a kind of failure in JSON.
pub(crate) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed => "failed",
        Kind::Usage => "usage",
        Kind::NotFound => "not_found",
        Kind::AlreadyExists => "already_exists",
        Kind::Unreachable => "unreachable",
        Kind::Partial => "partial",
        Kind::Damaged => "damaged",
        Kind::Interrupted => "interrupted",
    }
}

/// Why a verb ended without its result.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What kind; decides the exit code.
    pub kind: Kind,
    /// What happened, to what, with its causes in one breath.
    pub message: String,
    /// What was done when it happened.
    pub context: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// A request that cannot be carried out as it stands.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), context: None, hint: None }
    }

    /// Something that this version does not do yet.
    pub(crate) fn later(what: &str) -> Self {
        Self::usage(format!("{what} comes with a later version of milvus-backup"))
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self {
            kind: Kind::Usage,
            message: format!("{error}{cause}"),
            context: None,
            hint: Some(error.hint()),
        }
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.chain(),
            context: error.context().map(str::to_owned),
            hint: error.hint(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self { kind: Kind::Failed, message: error.to_string(), context: None, hint: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_code() {
        let kinds = [
            Kind::Failed,
            Kind::Usage,
            Kind::NotFound,
            Kind::AlreadyExists,
            Kind::Unreachable,
            Kind::Partial,
            Kind::Damaged,
            Kind::Interrupted,
        ];
        let codes: std::collections::BTreeSet<_> = kinds.iter().map(|kind| exit_code(*kind)).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 130].into());
        let names: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind_name(*kind)).collect();
        assert_eq!(names.len(), kinds.len());
    }
}
