//! A job whose thread panics (simulated Milvus).
//!
//! Nothing in it panics on purpose, so what listens to its log does.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};
use std::thread::{self, ThreadId};

use engine::Kind;
use jobs::{JobKind, JobState};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::world::{World, backup, in_time};

/// The backup whose first job panics.
const BACKUP: &str = "panics";

/// Panics once, where the span of that job is entered on another thread than the one that opened it.
#[derive(Default)]
struct Panics {
    job: OnceLock<(Id, ThreadId)>,
    done: AtomicBool,
}

impl<S: Subscriber> Layer<S> for Panics {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut job = OfTheJob(false);
        attributes.record(&mut job);
        if job.0 {
            self.job.get_or_init(|| (id.clone(), thread::current().id()));
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let Some((job, opened)) = self.job.get() else { return };
        let elsewhere = job == id && *opened != thread::current().id();
        assert!(!elsewhere || self.done.swap(true, Ordering::Relaxed), "a fault of this program");
    }
}

/// Whether a span names the backup.
struct OfTheJob(bool);

impl Visit for OfTheJob {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 |= field.name() == "backup" && value == BACKUP;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Has to come before the first job of the process: whether anybody listens is asked once for each span of the code,
/// on whichever thread is the first to reach it.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let listening = tracing_subscriber::registry().with(Panics::default());
        tracing::subscriber::set_global_default(listening).unwrap();
    });
}

#[tokio::test]
async fn it_has_failed_and_the_next_one_runs() {
    let world = World::one_at_a_time().await;
    let jobs = world.open();
    let first = in_time(jobs.submit(backup(BACKUP))).await.unwrap().id;
    let job = in_time(jobs.wait(&first)).await.unwrap();
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    let failure = job.failure.unwrap();
    assert_eq!(failure.kind, Kind::Failed);
    assert!(failure.message.contains("panicked"), "{failure:?}");
    assert_eq!(jobs.get(&first).unwrap().state, JobState::Failed);
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Failed)], 1);
    world.backed_up(&jobs, BACKUP).await;
}
