//! Rendering: reports as text and JSON, progress, and the two output streams.

mod commands;
pub(crate) mod json;
mod mode;
mod out;
mod progress;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod units;

pub(crate) use commands::shell_word;
pub(crate) use mode::{Format, ProgressMode};
pub(crate) use out::{MESSAGE_TARGET, Out};
pub(crate) use progress::ProgressDisplay;
