//! The compatible JSON files.
