//! The errors of the operations on jobs.

use engine::FailureKind;

use crate::failure::JobFailure;
use crate::{JobState, StoreError};

/// The error of an operation on jobs.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// No job has this id; a finished job may have been removed after the retention period.
    #[error("there is no job {0}")]
    NoSuchJob(String),
    /// The job conflicts with an active job.
    #[error("{claim} is in use by job {holder}")]
    Busy {
        /// The claim that both jobs have: a backup or a target collection.
        claim: String,
        /// The id of the active job.
        holder: String,
    },
    /// The queue is full; contains the number of queued jobs.
    #[error("the queue is full ({0} jobs waiting)")]
    QueueFull(usize),
    /// Another job has the submitted id.
    #[error("a job with the id {0} exists already")]
    IdTaken(String),
    /// The idempotency key was submitted earlier with a different request.
    #[error("the idempotency key {key} belongs to job {job}, which has a different request")]
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
    #[error("job {id} is finished ({})", .state.as_str())]
    Over {
        /// The id of the job.
        id: String,
        /// The final state of the job.
        state: JobState,
    },
    /// The page token of a list is invalid.
    #[error("{0:?} is not a valid page token")]
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

    /// Returns the suggested next step for an operator of the server; `None` for errors of the engine, which have an
    /// advice instead.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSuchJob(_) => {
                "see the list of jobs; finished jobs are removed after server.keep_jobs_days".into()
            }
            Self::Busy { holder, .. } => format!("wait until job {holder} has finished, or cancel it"),
            Self::QueueFull(_) => "try again later, or raise server.max_queued_jobs".into(),
            Self::IdTaken(_) => "choose another id, or leave it out to have one generated".into(),
            Self::KeyReused { .. } => "use a new key for each new request".into(),
            Self::BadPage(_) => "use the token from the previous page unchanged".into(),
            Self::ShuttingDown => "try again when the server is available".into(),
            Self::Store(error) => return error.hint(),
            Self::Engine(_) | Self::BadText { .. } | Self::Over { .. } => return None,
        })
    }
}

impl From<&JobsError> for JobFailure {
    fn from(error: &JobsError) -> Self {
        match error {
            JobsError::Engine(error) => Self::from(error),
            _ => Self { kind: error.kind(), message: engine::chain(error), context: None, advice: None },
        }
    }
}

impl From<&engine::Error> for JobFailure {
    fn from(error: &engine::Error) -> Self {
        Self {
            kind: error.kind(),
            message: engine::chain(&error),
            context: error.context(),
            advice: error.advice(),
        }
    }
}
