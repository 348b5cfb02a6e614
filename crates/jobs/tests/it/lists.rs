//! Lists of jobs (simulated Milvus).

use engine::{FailureKind, Progress, ProgressTotals};
use jobs::{JobFilter, JobKind, JobState};

use crate::fixtures::{
    TestEnvironment, backup_submission, delete_submission, restore_submission, within_deadline,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_list_all_jobs_newest_first() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        ids.push(env.run_backup(&jobs, name).await.id);
    }
    ids.reverse();
    let (mut listed, mut page) = (Vec::new(), None);
    loop {
        let current = jobs.list(&JobFilter::default(), page.as_deref(), 2).unwrap();
        assert!(current.jobs.len() <= 2);
        assert!(
            current
                .jobs
                .iter()
                .all(|job| job.progress.collections.is_empty() && job.progress.phase.is_some())
        );
        listed.extend(current.jobs.into_iter().map(|job| job.id));
        // A job that is submitted meanwhile does not appear on a later page.
        if listed.len() == 2 {
            env.run_backup(&jobs, "f").await;
        }
        page = current.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let error = jobs.list(&JobFilter::default(), Some("2"), 2).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (FailureKind::Usage, "\"2\" is not a valid page token")
    );
}

#[tokio::test]
async fn a_list_can_be_filtered_by_kind_state_and_backup() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    let deletion = within_deadline(jobs.submit(delete_submission("nightly"))).await.unwrap().id;
    within_deadline(jobs.wait(&deletion)).await.unwrap();
    env.stall_backups(1);
    within_deadline(jobs.submit(backup_submission("weekly"))).await.unwrap();
    env.wait_until_stalled().await;
    let list = |filter: JobFilter| -> Vec<String> {
        let page = jobs.list(&filter, None, 10).unwrap();
        page.jobs.iter().map(|job| format!("{} {}", job.kind.as_str(), job.backup)).collect()
    };
    assert_eq!(list(JobFilter::default()), ["backup weekly", "delete nightly", "backup nightly"]);
    let by_kind = JobFilter { kinds: vec![JobKind::Delete, JobKind::Restore], ..JobFilter::default() };
    assert_eq!(list(by_kind), ["delete nightly"]);
    let by_state = JobFilter { states: vec![JobState::Running], ..JobFilter::default() };
    assert_eq!(list(by_state), ["backup weekly"]);
    let by_name = JobFilter { backup: Some("nightly".to_owned()), ..JobFilter::default() };
    assert_eq!(list(by_name.clone()), ["delete nightly", "backup nightly"]);
    let by_name_and_kind = JobFilter { kinds: vec![JobKind::Backup], ..by_name };
    assert_eq!(list(by_name_and_kind), ["backup nightly"]);
    // A running job is listed with the progress of its collections.
    let first_page = jobs.list(&JobFilter::default(), None, 1).unwrap();
    assert!(!first_page.jobs[0].progress.collections.is_empty() && first_page.next.is_some());
}

#[tokio::test]
async fn finished_jobs_are_listed_with_sums_and_without_collections() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    let restored = within_deadline(jobs.submit(restore_submission("nightly", "_copy"))).await.unwrap().id;
    within_deadline(jobs.wait(&restored)).await.unwrap();
    let page = jobs.list(&JobFilter::default(), None, 10).unwrap();
    assert_eq!(page.jobs.len(), 2);
    for listed in page.jobs {
        let full = jobs.get(&listed.id).unwrap();
        assert!(listed.progress.collections.is_empty() && !full.progress.collections.is_empty());
        assert!(full.progress.totals().objects.done + full.progress.totals().jobs.done > 0, "{full:?}");
        let sums = |progress: &Progress| ProgressTotals { rate: None, left: None, ..progress.totals() };
        assert_eq!(sums(&listed.progress), sums(&full.progress));
        let is_restore = listed.kind == JobKind::Restore;
        assert_eq!((listed.targets.is_empty(), full.targets.is_empty()), (true, !is_restore));
        assert_eq!((listed.outcome.is_none(), full.outcome.is_some()), (is_restore, true));
    }
}
