//! Lists of jobs (simulated Milvus).

use engine::{Kind, Progress};
use jobs::{JobFilter, JobKind, JobState};

use crate::world::{World, backup, delete, in_time, restore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_come_newest_first_and_end() {
    let world = World::new().await;
    let jobs = world.open();
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        ids.push(world.backed_up(&jobs, name).await.id);
    }
    ids.reverse();
    let (mut seen, mut page) = (Vec::new(), None);
    loop {
        let part = jobs.list(&JobFilter::default(), page.as_deref(), 2).unwrap();
        assert!(part.jobs.len() <= 2);
        assert!(
            part.jobs.iter().all(|job| job.progress.collections.is_empty() && job.progress.phase.is_some())
        );
        seen.extend(part.jobs.into_iter().map(|job| job.id));
        // one that comes meanwhile belongs to no later page
        if seen.len() == 2 {
            world.backed_up(&jobs, "f").await;
        }
        page = part.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let bad = jobs.list(&JobFilter::default(), Some("2"), 2).unwrap_err();
    assert_eq!((bad.kind(), bad.to_string().as_str()), (Kind::Usage, "\"2\" is no page of the list of jobs"));
}

#[tokio::test]
async fn a_list_can_be_of_kinds_states_and_a_backup() {
    let world = World::new().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    let gone = in_time(jobs.submit(delete("nightly"))).await.unwrap().id;
    in_time(jobs.wait(&gone)).await.unwrap();
    world.hold(1);
    in_time(jobs.submit(backup("weekly"))).await.unwrap();
    world.held().await;
    let list = |filter: JobFilter| -> Vec<String> {
        let page = jobs.list(&filter, None, 10).unwrap();
        page.jobs
            .iter()
            .map(|job| format!("{} {}", job.request.kind().as_str(), job.request.backup()))
            .collect()
    };
    assert_eq!(list(JobFilter::default()), ["backup weekly", "delete nightly", "backup nightly"]);
    let of_kind = JobFilter { kinds: vec![JobKind::Delete, JobKind::Restore], ..JobFilter::default() };
    assert_eq!(list(of_kind), ["delete nightly"]);
    let of_state = JobFilter { states: vec![JobState::Running], ..JobFilter::default() };
    assert_eq!(list(of_state), ["backup weekly"]);
    let of_name = JobFilter { backup: Some("nightly".to_owned()), ..JobFilter::default() };
    assert_eq!(list(of_name.clone()), ["delete nightly", "backup nightly"]);
    let both = JobFilter { kinds: vec![JobKind::Backup], ..of_name };
    assert_eq!(list(both), ["backup nightly"]);
    // of what runs a list tells how far it is
    let live = jobs.list(&JobFilter::default(), None, 1).unwrap();
    assert!(!live.jobs[0].progress.collections.is_empty() && live.next.is_some());
}

#[tokio::test]
async fn of_what_is_over_a_list_tells_sums_and_not_each_collection() {
    let world = World::new().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    let restored = in_time(jobs.submit(restore("nightly", "_copy"))).await.unwrap().id;
    in_time(jobs.wait(&restored)).await.unwrap();
    let page = jobs.list(&JobFilter::default(), None, 10).unwrap();
    assert_eq!(page.jobs.len(), 2);
    for listed in page.jobs {
        let whole = jobs.get(&listed.id).unwrap();
        assert!(listed.progress.collections.is_empty() && !whole.progress.collections.is_empty());
        assert!(whole.progress.objects().done + whole.progress.jobs().done > 0, "{whole:?}");
        let sums = |of: &Progress| (of.objects(), of.bytes(), of.jobs(), of.percent());
        assert_eq!(sums(&listed.progress), sums(&whole.progress));
        let restore = listed.request.kind() == JobKind::Restore;
        assert_eq!((listed.targets.is_empty(), whole.targets.is_empty()), (true, !restore));
        assert_eq!((listed.outcome.is_none(), whole.outcome.is_some()), (restore, true));
    }
}
