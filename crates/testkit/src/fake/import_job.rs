//! An import job.

/// An import job, which makes one step of progress at each call of `GetImportState`.
#[derive(Clone, Debug)]
pub(super) struct FakeImportJob {
    pub(super) outcome: ImportOutcome,
    pub(super) polls: u32,
    pub(super) collection: i64,
    /// The paths of the request, joined by commas.
    pub(super) files: String,
    pub(super) segments: Vec<i64>,
}

/// The outcome of an import job.
#[derive(Clone, Debug)]
pub(super) enum ImportOutcome {
    Rows(u64),
    Failed(String),
    Stuck,
}
