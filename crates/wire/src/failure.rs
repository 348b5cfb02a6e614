//! The failure of a command or a request, its conversions, and its document.

use engine::Advice;
use serde::Serialize;

use crate::advice::{Reword, Terms, hint_of, reword_hint};
use crate::{FailureKind, exit_code};

/// The reason why a command or a request ended without its result.
#[derive(Debug)]
pub struct Failure {
    /// The kind, which decides the exit code and the status.
    pub kind: FailureKind,
    /// What failed, on which object, and why, in one line.
    pub message: String,
    /// The operation during which the failure occurred, if `message` does not say it.
    pub context: Option<String>,
    /// The suggested next step, in the terms of the API or, if it is not an [`Advice`], as it was written.
    pub hint: Option<String>,
    /// The suggested next step as data.
    pub advice: Option<Box<Advice>>,
}

impl Failure {
    /// Creates a failure without context and hint.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: None, hint: None, advice: None }
    }

    /// Creates a failure of the kind [`FailureKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }

    /// Creates the failure of a request for a feature that this version does not support yet.
    pub fn not_supported_yet(feature: &str) -> Self {
        Self::new(
            FailureKind::Unsupported,
            format!("{feature} is not supported by this version of milvus-backup"),
        )
    }

    /// Returns the failure with the kind [`FailureKind::Usage`]: a text that cannot be parsed is an error of the request, whatever
    /// the kind of such an error elsewhere.
    #[must_use]
    pub fn into_usage(mut self) -> Self {
        self.kind = FailureKind::Usage;
        self
    }

    /// Creates a failure with an advice, whose text in the terms of the API becomes the hint.
    pub fn with_advice(kind: FailureKind, message: impl Into<String>, advice: Advice) -> Self {
        Self { hint: hint_of(Some(&advice)), advice: Some(Box::new(advice)), ..Self::new(kind, message) }
    }

    /// Returns the failure with this hint, which replaces an advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), advice: None, ..self }
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        let advice = error.advice();
        Self {
            kind: error.kind().into(),
            message: engine::chain(&error),
            context: error.context(),
            hint: hint_of(advice.as_ref()),
            advice: advice.map(Box::new),
        }
    }
}

impl From<&engine::CollectionFailure> for Failure {
    fn from(failure: &engine::CollectionFailure) -> Self {
        Self {
            kind: failure.kind.into(),
            message: failure.message.clone(),
            context: None,
            hint: hint_of(failure.advice.as_ref()),
            advice: failure.advice.clone().map(Box::new),
        }
    }
}

impl From<jobs::JobFailure> for Failure {
    fn from(failure: jobs::JobFailure) -> Self {
        let jobs::JobFailure { kind, message, context, advice } = failure;
        Self {
            kind: kind.into(),
            message,
            context,
            hint: hint_of(advice.as_ref()),
            advice: advice.map(Box::new),
        }
    }
}

impl From<jobs::JobsError> for Failure {
    fn from(error: jobs::JobsError) -> Self {
        let failure = Self::from(jobs::JobFailure::from(&error));
        let kind = match error {
            jobs::JobsError::QueueFull(_) => FailureKind::TooMany,
            _ => failure.kind,
        };
        Self { kind, hint: error.hint().or(failure.hint), ..failure }
    }
}

impl Reword for Failure {
    fn reword(&mut self, terms: &dyn Terms) {
        reword_hint(&mut self.hint, self.advice.as_deref(), terms);
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(FailureKind::Failed, error.to_string())
    }
}

/// The document of a failure, which a command prints instead of its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureDocument {
    error: FailureFields,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct FailureFields {
    kind: FailureKind,
    message: String,
    context: Option<String>,
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<Advice>,
    exit_code: u8,
}

impl From<&Failure> for FailureDocument {
    fn from(failure: &Failure) -> Self {
        Self {
            error: FailureFields {
                kind: failure.kind,
                message: failure.message.clone(),
                context: failure.context.clone(),
                hint: failure.hint.clone(),
                advice: failure.advice.as_deref().cloned(),
                exit_code: exit_code(failure.kind),
            },
        }
    }
}
