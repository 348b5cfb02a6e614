//! Names that no other test uses, because all test programs share the servers.

/// Returns a new name that begins with `prefix`, e.g. `shop_1f3a09c2`; valid for databases, collections and backups.
pub fn unique(prefix: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{prefix}_{}", &id[..8])
}

/// Returns a new bucket name that begins with `prefix`, without underscores, which buckets do not allow.
pub fn bucket(prefix: &str) -> String {
    unique(prefix).replace('_', "-")
}
