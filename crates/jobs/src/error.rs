//! The errors of the operations on jobs.

use engine::FailureKind;

use crate::job::JobFailure;
use crate::{JobState, StoreError};

/// The error of an operation on jobs.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// No job has this id; a finished job may have been removed after the retention period.
    #[error("there is no job {0}")]
    NoSuchJob(String),
    /// The job conflicts with an active job.
    #[error("{claim} is taken by job {holder}")]
    Busy {
        /// The claim that both jobs have: a backup or a target collection.
        claim: String,
        /// The id of the active job.
        holder: String,
    },
    /// The queue is full; contains the number of queued jobs.
    #[error("{0} jobs wait for their turn, as many as may")]
    QueueFull(usize),
    /// Another job has the submitted id.
    #[error("a job with the id {0} exists already")]
    IdTaken(String),
    /// The idempotency key was submitted earlier with a different request.
    #[error("the idempotency key {key} belongs to job {job}, which was asked for something else")]
    KeyReused {
        /// The idempotency key.
        key: String,
        /// The id of the job of the first request.
        job: String,
    },
    /// The submitted job id or idempotency key is invalid.
    #[error("{what} {problem}")]
    BadText {
        /// The invalid text: `the id of a job` or `an idempotency key`.
        what: &'static str,
        /// The rule that the text breaks, such as `must not be empty`.
        problem: &'static str,
    },
    /// The job to cancel is finished.
    #[error("job {id} is over: {}", .state.as_str())]
    Over {
        /// The id of the job.
        id: String,
        /// The final state of the job.
        state: JobState,
    },
    /// The page token of a list is invalid.
    #[error("{0:?} is no page of the list of jobs")]
    BadPage(String),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The engine rejected the job.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The job store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl JobsError {
    /// Returns the kind of the error, which determines exit codes and statuses.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NoSuchJob(_) => FailureKind::NotFound,
            Self::Busy { .. } | Self::QueueFull(_) | Self::Over { .. } => FailureKind::Busy,
            Self::IdTaken(_) | Self::KeyReused { .. } => FailureKind::AlreadyExists,
            Self::BadText { .. } | Self::BadPage(_) => FailureKind::Usage,
            Self::ShuttingDown => FailureKind::Unreachable,
            Self::Engine(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    /// Returns the next step for the user, if one is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSuchJob(_) => {
                "the list of jobs shows which there are; those over for long are removed".into()
            }
            Self::Busy { holder, .. } => format!("wait for the end of job {holder}, or cancel it"),
            Self::QueueFull(_) => {
                "try again when some are over; server.max_queued_jobs sets how many may wait".into()
            }
            Self::IdTaken(_) => "choose another id, or none: then it is chosen for you".into(),
            Self::KeyReused { .. } => "use a new key for each new request".into(),
            Self::BadPage(_) => "take the next page's name from the answer, unchanged".into(),
            Self::ShuttingDown => "try again when it is back".into(),
            Self::Engine(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::BadText { .. } | Self::Over { .. } => return None,
        })
    }

    /// Converts the error to a failure whose message includes the causes.
    pub fn failure(&self) -> JobFailure {
        match self {
            Self::Engine(error) => JobFailure::from(error),
            _ => JobFailure {
                kind: self.kind(),
                message: engine::chain(self),
                context: None,
                hint: self.hint(),
            },
        }
    }
}

impl From<&engine::Error> for JobFailure {
    fn from(error: &engine::Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.chain(),
            context: error.context().map(str::to_owned),
            hint: error.hint(),
        }
    }
}
