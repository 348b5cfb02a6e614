//! The warnings of a run, which are emitted at once and kept for its report.

use std::sync::{Mutex, PoisonError};

use crate::JobCtx;

/// Emits the warnings of one run and records them.
pub(crate) struct Warnings<'a> {
    ctx: &'a JobCtx,
    recorded: Mutex<Vec<String>>,
}

impl<'a> Warnings<'a> {
    /// Starts with warnings that have been emitted already.
    pub(crate) fn new(ctx: &'a JobCtx, emitted: Vec<String>) -> Self {
        Self { ctx, recorded: Mutex::new(emitted) }
    }

    /// Emits a warning and records it.
    pub(crate) fn record(&self, warning: String) {
        self.ctx.warn(warning.as_str());
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    /// Returns the recorded warnings.
    pub(crate) fn recorded(&self) -> Vec<String> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
