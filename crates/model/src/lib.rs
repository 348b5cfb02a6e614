//! What a backup is: names, selections, key layouts, manifests and plans, as pure data.
//!
//! Nothing here does I/O, reads a clock or the environment: every function is a plain mapping from
//! what was seen and what was asked to what follows. The crates around it do the seeing and the doing.

pub mod binlog;
pub mod ids;
pub mod key;
pub mod layout;
pub mod manifest;
pub mod mapping;
pub mod name;
pub mod plan;
pub mod selection;
pub mod version;
