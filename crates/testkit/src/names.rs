//! Names that no other test uses: the servers are shared by all test programs.

/// A name that begins with `prefix` and is new, e.g. `shop_1f3a09c2`; valid for databases, collections and backups.
pub fn unique(prefix: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{prefix}_{}", &id[..8])
}

/// A new bucket name that begins with `prefix`; buckets take no underscores.
pub fn bucket(prefix: &str) -> String {
    unique(prefix).replace('_', "-")
}
