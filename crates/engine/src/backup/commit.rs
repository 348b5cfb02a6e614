//! Writes the manifest of a backup, and the commit marker last.

use std::sync::Arc;

use model::manifest::{BackupFormat, ClusterFlush, DatabaseBackup, Manifest, ManifestSummary};
use model::plan::backup::FlushStrategy;

use super::{BackupRun, CapturedCollection, PreparedBackup};
use crate::catalog::{BackupFacts, CollectionFacts, reject_damages};
use crate::clock::now_ms;
use crate::lease::Lease;
use crate::{BackupReport, Error};

/// Writes all metadata files; fails before the commit marker if another run has claimed the name.
pub(super) async fn commit_backup(
    run: &BackupRun<'_>,
    captured: Vec<CapturedCollection>,
    (databases, cluster_flush): (Vec<DatabaseBackup>, Option<ClusterFlush>),
    report: &BackupReport,
    lease: &Lease,
) -> Result<(), Error> {
    let facts = build_facts(run, &captured, report);
    let manifest =
        Manifest { databases, cluster_flush, ..build_manifest(run, captured, &facts, report.bytes) };
    let manifest = Arc::new(manifest);
    let PreparedBackup { request, catalog, .. } = &run.prepared;
    let (name, log_root) = (&request.name, &run.engine.config.source.root_text);
    if manifest.format == BackupFormat::Snapshot {
        reject_damages(name, catalog.inspect_bundles(name, &manifest).await?.into_iter())?;
    }
    catalog.write_manifest_files(name, &manifest, &facts, log_root).await?;
    // If this process stalled until the lease expired, another run may own the name now.
    lease.confirm().await?;
    catalog.write_commit_marker(name, &manifest, log_root).await
}

fn build_manifest(
    run: &BackupRun<'_>,
    captured: Vec<CapturedCollection>,
    facts: &BackupFacts,
    size: u64,
) -> Manifest {
    // The size of snapshots is recorded with their collections only, as the Go tool does.
    let (size, snapshot_bytes) =
        if run.prepared.format == BackupFormat::Snapshot { (0, size) } else { (size, 0) };
    Manifest {
        id: facts.job.clone(),
        name: run.prepared.request.name.to_string(),
        start_time_ms: Some(facts.started_ms),
        end_time_ms: Some(facts.ended_ms),
        size,
        milvus_version: facts.milvus_version.clone(),
        format: run.prepared.format.clone(),
        collections: captured.into_iter().map(|c| c.backup).collect(),
        rbac: run.prepared.rbac.clone(),
        summary: Some(ManifestSummary { snapshot_bytes, ..facts.summarize() }),
        ..Manifest::default()
    }
}

fn build_facts(run: &BackupRun<'_>, captured: &[CapturedCollection], report: &BackupReport) -> BackupFacts {
    let server = run.prepared.source.milvus.server();
    let collections = captured
        .iter()
        .map(|c| (c.backup.name.to_string(), CollectionFacts::new(&c.backup, &c.rows, &c.deletes)));
    BackupFacts {
        format_version: 1,
        tool: run.engine.config.tool.clone(),
        job: run.ctx.id().to_owned(),
        milvus_address: server.address.clone(),
        milvus_version: server.version.to_string(),
        source: run.prepared.source.describe_root(),
        selection: run.prepared.request.selection.to_string(),
        strategy: FlushStrategy::from(run.prepared.flush).as_str().to_owned(),
        started_ms: run.prepared.started_ms,
        ended_ms: now_ms(),
        vanished: report.vanished.iter().map(ToString::to_string).collect(),
        failed: report.failed.iter().map(|failed| failed.collection.to_string()).collect(),
        collections: collections.collect(),
    }
}
