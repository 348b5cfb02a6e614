//! Outcomes as text and JSON, progress, and the two streams they go to.

mod advice;
pub(crate) mod json;
mod out;
mod progress;
pub(crate) mod text;
mod tracker;
mod units;

pub(crate) use advice::CommandTerms;
pub(crate) use out::{Out, TOLD};
pub(crate) use progress::Progress;
