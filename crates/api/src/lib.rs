//! The messages and calls that Milvus Backup serves.
