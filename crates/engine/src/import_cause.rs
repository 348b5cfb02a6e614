//! Why Milvus refused an import or failed an import job: the texts it is known to give, what each means, and what to do.

use crate::{Advice, Setting};

/// Stands for any text between two parts of a pattern.
const ANYTHING: char = '…';

/// Texts of Milvus, the cause in one sentence, and the next step.
type Known = (&'static [&'static str], &'static str, Advice);

/// Returns the cause of a failed or refused import and the next step, if the reason that Milvus gives is a known one.
pub(crate) fn advice_for_import_failure(reason: &str) -> Option<Advice> {
    // The path that follows may contain any word.
    let reason = reason.split(", file: id:").next().unwrap_or(reason);
    let known = [files(), access(), limits(), job_states(), requests(), schemas()];
    let found = known.into_iter().flatten().find(|(texts, ..)| texts.iter().any(|text| occurs(text, reason)));
    found.map(|(_, cause, step)| Advice::MendImport { cause: cause.to_owned(), step: Box::new(step) })
}

/// Returns whether the parts of a pattern occur in a text one after the other.
fn occurs(pattern: &str, text: &str) -> bool {
    let mut rest = Some(text);
    for part in pattern.split(ANYTHING) {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, rest)| rest);
    }
    rest.is_some()
}

fn files() -> Vec<Known> {
    vec![
        (
            &["no binlog to import"],
            "Milvus finds no files of the backup: it reads another bucket or root path, or its credentials do not reach them",
            Advice::CompareWithMilvus { settings: vec![Setting::MilvusBucket, Setting::MilvusRootPath] },
        ),
        (
            &["no binlog for system fields", "no binlog for field:RowID", "no binlog for field:Timestamp"],
            "files of the system columns of a segment are missing",
            Advice::InspectBackupFiles,
        ),
        (
            &["no binlog for field:"],
            "a segment has no files of a field: they are missing, or the field is a vector that was added after the \
             segment was written, which Milvus 2.6 and 3.0 do not import",
            Advice::InspectBackupFiles,
        ),
        (
            &["misaligned binlog count", "binlog file count"],
            "a segment has more files of one field than of another, so the backup has surplus files or lacks some",
            Advice::InspectBackupFiles,
        ),
        (
            &["file is smaller than indicated metadata size", "parse magic number failed"],
            "a file of the backup is damaged, or is a file of another kind",
            Advice::UseAnotherBackup,
        ),
        (
            &["failed to parse field id from log…parsing \"meta\"", "too many input paths for binlog import"],
            "Milvus before 2.6.12 fails some imports while it compacts deletes; an upgrade mends that",
            Advice::RestoreCollectionAgain,
        ),
        (
            &["failed to parse field id from log"],
            "the directory that Milvus reads contains another one whose name is not a number",
            Advice::InspectBackupFiles,
        ),
        (
            &["internal error recovered"],
            "a file is damaged, or has another storage version than the backup says",
            Advice::UseAnotherBackup,
        ),
        (
            &["Missing field when appending row"],
            "Milvus before 2.5.7 cannot import segments that have deletes if a function computes one of their fields",
            Advice::UseNewerTarget,
        ),
    ]
}

fn access() -> Vec<Known> {
    vec![
        (
            &["NoSuchBucket"],
            "Milvus reads from a bucket that does not exist",
            Advice::CompareWithMilvus { settings: vec![Setting::MilvusBucket] },
        ),
        (
            &["AccessDenied", "Access Denied", "list binlogs failed"],
            "the Milvus server itself cannot read the files of the backup",
            Advice::AllowMilvusToRead,
        ),
        (
            &["PrivilegeNotPermitted", "privilege not permitted", "permission deny"],
            "the user of Milvus lacks the privilege Import on the collection or, which releases since August 2026 demand \
             too, ImportBinlog on database * and object *",
            Advice::GrantPrivilege,
        ),
    ]
}

fn limits() -> Vec<Known> {
    vec![
        (&["disk quota exceeded"], "the disk quota of Milvus is exhausted", Advice::FreeQuota),
        (
            &["max number of import files should not exceed"],
            "Milvus accepts fewer segments per job than this program sends",
            Advice::SetInMilvus {
                key: "dataCoord.import.maxImportFileNumPerReq".to_owned(),
                value: "256 or more".to_owned(),
            },
        ),
        (
            &["number of jobs has reached the limit"],
            "Milvus has as many import jobs as it accepts (dataCoord.import.maxImportJobNum)",
            Advice::WaitForImports,
        ),
        (
            &["request resource exhausted"],
            "Milvus has no free resources for the import",
            Advice::WaitForImports,
        ),
        (&["quota"], "a quota of Milvus is exhausted, or a database denies writing", Advice::FreeQuota),
    ]
}

fn job_states() -> Vec<Known> {
    vec![
        (
            &["import job does not exist", "import task id doesn't exist", "key not found…importtask"],
            "Milvus does not know the job any more: its state was lost, or the time for which it keeps ended jobs is over",
            Advice::RestoreCollectionAgain,
        ),
        (
            // Milvus 2.2 and 2.3, also for a task that only waited for its turn.
            &["the import task has timed out"],
            "the task waited and ran for longer than Milvus allows",
            Advice::SetInMilvus {
                key: "rootCoord.importTaskExpiration".to_owned(),
                value: "more than the default of 900 s".to_owned(),
            },
        ),
        (
            &["aborted by user", "expected Uncommitted", "abort not allowed"],
            "someone else aborted or committed the job",
            Advice::RestoreCollectionAgain,
        ),
        (&["collection …dropped"], "someone else dropped the target", Advice::RestoreCollectionAgain),
        (
            &["for l0 import, collection cannot be loaded"],
            "Milvus imports deletes only into a collection that is not loaded",
            Advice::RestoreCollectionAgain,
        ),
        (
            &["l0 import is disabled"],
            "this Milvus does not import deletes as segments of their own",
            Advice::SetInMilvus {
                key: "dataCoord.import.enableL0Import".to_owned(),
                value: "true".to_owned(),
            },
        ),
        (
            &["there should be one prefix for l0 import"],
            "Milvus before 2.6.5 imports one segment of deletes per job",
            Advice::UseNewerTarget,
        ),
    ]
}

fn requests() -> Vec<Known> {
    vec![
        (
            &["partition not found", "partition ID not found"],
            "the target lacks a partition of the backup",
            Advice::CreatePartition,
        ),
        (
            &[
                "partition not specified",
                "partition name not specified",
                "import request is empty",
                "unexpected file type",
                "unsupported file type",
                "there should be one prefix, but got",
                "parse timeout failed",
                "parse storage_version failed",
            ],
            "Milvus does not understand the request for the import, or received only a part of it",
            Advice::ReportBug,
        ),
        (
            &["failed to decode EZK"],
            "Milvus cannot read the key of the encryption zone that the backup or the request names",
            Advice::CorrectEncryptionKey,
        ),
        (
            &[
                "is not a valid hybrid timestamp",
                "parse end_ts failed",
                "start_ts shouldn't be larger than end_ts",
                "request options is not illegal",
            ],
            "this release of Milvus expects the times of the request in another form",
            Advice::ReportBug,
        ),
    ]
}

fn schemas() -> Vec<Known> {
    vec![
        (
            &["enable_dynamic_field is true but the dynamic field doesn't exist"],
            "the target was created without its dynamic field, because its field ids were preserved",
            Advice::RecreateTarget,
        ),
        (
            &["has no binlog file"],
            "the fields of the target have other ids than in the backup",
            Advice::RecreateTarget,
        ),
        (
            &[
                "field not found[field=",
                "Wrong rows type",
                "Wrong row type",
                "deserialize error on type",
                "cannot find field",
                "doesn't exist in collection schema",
                "unequal to field",
                "binlog data type is not",
                "dimension",
            ],
            "the fields of the target differ from those in the backup",
            Advice::RecreateTarget,
        ),
        (
            &["could not read binlog file"],
            "a file of the backup is damaged, or does not fit the field of the target",
            Advice::UseAnotherBackup,
        ),
        (&["schema"], "the schema of the target differs from the backup's", Advice::RecreateTarget),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_text_leads_to_its_own_cause() {
        for (texts, cause, _) in [files(), access(), limits(), job_states(), requests(), schemas()].concat() {
            for text in texts {
                let reason = format!("error: {}: importing data failed", text.replace(ANYTHING, "1"));
                let Some(Advice::MendImport { cause: found, .. }) = advice_for_import_failure(&reason) else {
                    panic!("{reason}");
                };
                assert_eq!(found, cause, "{reason}");
            }
        }
    }

    #[test]
    fn the_path_of_a_file_is_not_taken_for_a_reason() {
        assert_eq!(advice_for_import_failure("no reason, file: id:1 paths:\"quota/schema/1\""), None);
        assert_eq!(advice_for_import_failure(""), None);
    }
}
