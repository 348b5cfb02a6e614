//! The `milvus-backup` program.

mod config;

fn main() {}
