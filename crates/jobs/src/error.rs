//! Why a job was not taken in, not found or not stopped.

use engine::Kind;

use crate::job::JobFailure;
use crate::{JobState, StoreError};

/// Why a job was not taken in, not found or not stopped.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// No job has this id; perhaps it was removed, being over for long.
    #[error("there is no job {0}")]
    NoSuchJob(String),
    /// Another job works on the same.
    #[error("{claim} is taken by job {holder}")]
    Busy {
        /// On what, such as a backup or a collection of the target.
        claim: String,
        /// The id of the other job.
        holder: String,
    },
    /// As many jobs wait as may.
    #[error("{0} jobs wait for their turn, as many as may")]
    QueueFull(usize),
    /// The id is another job's.
    #[error("a job with the id {0} exists already")]
    IdTaken(String),
    /// The idempotency key came with another request before.
    #[error("the idempotency key {key} belongs to job {job}, which was asked for something else")]
    KeyReused {
        /// The key.
        key: String,
        /// The job that came of the first request.
        job: String,
    },
    /// An id or a key that cannot be one.
    #[error("{what} {problem}")]
    BadText {
        /// `the id of a job` or `an idempotency key`.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The job is over.
    #[error("job {id} is over: {}", .state.as_str())]
    Over {
        /// The job.
        id: String,
        /// How it ended.
        state: JobState,
    },
    /// What was given as the place of a page is none.
    #[error("{0:?} is no page of the list of jobs")]
    BadPage(String),
    /// The server ends.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The engine refused it.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The job store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl JobsError {
    /// What kind of failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoSuchJob(_) => Kind::NotFound,
            Self::Busy { .. } | Self::QueueFull(_) | Self::Over { .. } => Kind::Busy,
            Self::IdTaken(_) | Self::KeyReused { .. } => Kind::AlreadyExists,
            Self::BadText { .. } | Self::BadPage(_) => Kind::Usage,
            Self::ShuttingDown => Kind::Unreachable,
            Self::Engine(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    /// What to do, where something can be said.
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

    /// The error with its causes in one breath, for who is told.
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
