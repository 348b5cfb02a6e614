//! Server-side copies between buckets; OpenDAL can copy only within one bucket.

pub(crate) mod s3;
