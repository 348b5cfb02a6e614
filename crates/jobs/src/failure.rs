//! The failure of a job.

use engine::{Advice, FailureKind};
use serde::{Deserialize, Serialize};

/// The reason why a job did not do everything that was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// The kind of the failure.
    pub kind: FailureKind,
    /// The message, which includes the causes.
    pub message: String,
    /// The operation or phase in which the failure occurred, if known.
    pub context: Option<String>,
    /// The suggested next step, if one is known.
    #[serde(default, deserialize_with = "engine::known_advice")]
    pub advice: Option<Advice>,
}
