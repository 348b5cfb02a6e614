//! Defines backups as pure data: names, selections, key layouts, manifests and plans.
//!
//! This crate does no I/O and reads neither the clock nor the environment: every function computes its result from
//! its arguments. Other crates collect the facts from which plans are made, and execute the plans.

mod host;
pub mod ids;
pub mod key;
pub mod layout;
pub mod manifest;
pub mod mapping;
pub mod name;
pub mod plan;
pub mod privilege;
pub mod segment;
pub mod selection;
mod similar;
pub mod version;

pub use host::is_local_host;
pub use similar::most_similar;
