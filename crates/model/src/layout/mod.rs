//! Object key to ids and back, for Milvus's storage and for a backup's.
