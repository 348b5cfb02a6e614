//! Generates the messages, the clients and the servers from `proto/`, without `protoc`, and keeps the descriptors of
//! all files for server reflection.

use std::error::Error;
use std::path::Path;

use protox::prost::Message as _;

const FILES: [&str; 4] = [
    "milvus/proto/backup.proto",
    "milvus_backup/v1/backup.proto",
    "milvus_backup/v1/catalog.proto",
    "milvus_backup/v1/jobs.proto",
];

/// The requests that are converted to documents of `/api/v2`, and their fields that the document lacks if they
/// are not set.
const REQUESTS: [(&str, &[&str]); 2] = [
    ("CreateBackupRequest", &["name", "filter", "strategy", "format"]),
    (
        "RestoreBackupRequest",
        &["filter", "suffix", "existing", "mode", "limit", "indexes", "load", "aliases"],
    ),
];

/// The plans that are made from documents of `/api/v2`.
const PLANS: [&str; 8] = [
    "BackupPlan",
    "PlannedCollectionBackup",
    "RestorePlan",
    "PlannedCollectionRestore",
    "PlannedPartitionRestore",
    "PlannedImportJob",
    "PlannedRbac",
    "DeletionPlan",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), files.encode_to_vec())?;
    let mut builder = tonic_prost_build::configure();
    for (name, absent) in REQUESTS {
        let message = format!(".milvus_backup.v1.{name}");
        builder = builder
            .message_attribute(&message, "#[derive(serde::Serialize)]")
            .field_attribute(format!("{message}.job_id"), "#[serde(skip)]");
        for field in absent {
            let unset = "#[serde(skip_serializing_if = \"crate::is_unset\")]";
            builder = builder.field_attribute(format!("{message}.{field}"), unset);
        }
    }
    for name in PLANS {
        let message = format!(".milvus_backup.v1.{name}");
        builder = builder.message_attribute(message, "#[derive(serde::Deserialize)] #[serde(default)]");
    }
    builder.compile_fds(files)?;
    Ok(())
}
