//! Jobs in the messages of release 0.4.15: an unfinished backup, and a restore.

use api::backup;
use model::name::CollectionRef;

use super::info::count;
use crate::rest::v1::info::BackupInfo;
use crate::rest::v1::task::{BackupContents, RestoreBackupTask, RestoreCollectionTask};

/// Converts the backup that a job creates or has created.
pub(super) fn backup(job: &jobs::JobSnapshot) -> backup::BackupInfo {
    let info = BackupInfo::of_job(job);
    backup::BackupInfo {
        id: info.id,
        state_code: info.state_code,
        error_message: info.error_message,
        start_time: info.start_time,
        end_time: info.end_time,
        progress: info.progress,
        name: info.name,
        size: count(info.size),
        milvus_version: info.milvus_version,
        ..Default::default()
    }
}

/// Converts the restore that a job executes or has executed.
pub(super) fn restore(job: &jobs::JobSnapshot) -> backup::RestoreBackupTask {
    let task = RestoreBackupTask::of_job(job, &BackupContents::default());
    let sources = job.targets.iter().map(|(source, _)| source);
    let collections = task.collection_restore_tasks.into_iter().zip(sources);
    backup::RestoreBackupTask {
        id: task.id,
        state_code: task.state_code,
        error_message: task.error_message,
        start_time: task.start_time,
        end_time: task.end_time,
        collection_restore_tasks: collections.map(|(task, source)| collection(task, source)).collect(),
        restored_size: count(task.restored_size),
        to_restore_size: count(task.to_restore_size),
        progress: task.progress,
    }
}

fn collection(task: RestoreCollectionTask, source: &CollectionRef) -> backup::RestoreCollectionTask {
    let named = backup::CollectionBackupInfo {
        db_name: source.database.clone(),
        collection_name: source.collection.clone(),
        ..Default::default()
    };
    let options = task.options;
    backup::RestoreCollectionTask {
        id: task.id,
        state_code: task.state_code,
        error_message: task.error_message,
        start_time: task.start_time,
        end_time: task.end_time,
        coll_backup: Some(named),
        target_collection_name: task.target_collection_name,
        partition_restore_tasks: Vec::new(),
        restored_size: count(task.restored_size),
        to_restore_size: count(task.to_restore_size),
        progress: task.progress,
        target_db_name: task.target_db_name,
        meta_only: options.meta_only,
        restore_index: options.restore_index,
        use_auto_index: options.use_auto_index,
        drop_exist_collection: options.drop_exist_collection,
        drop_exist_index: options.drop_exist_index,
        skip_create_collection: options.skip_create_collection,
    }
}
