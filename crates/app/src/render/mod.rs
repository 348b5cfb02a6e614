//! Rendering: reports as text and JSON, progress, and the two output streams.

mod advice;
pub(crate) mod json;
mod mode;
mod out;
mod progress;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod units;

pub(crate) use advice::CommandTerms;
pub(crate) use mode::{Format, ProgressMode};
pub(crate) use out::{MESSAGE_TARGET, Out};
pub(crate) use progress::ProgressDisplay;
