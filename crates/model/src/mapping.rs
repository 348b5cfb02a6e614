//! Source names to target names.
