//! Copies that a store makes by itself, across its buckets: requests of ours, since OpenDAL copies within one bucket only.

pub(crate) mod s3;
