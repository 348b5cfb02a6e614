//! A job whose thread panics (simulated Milvus).
//!
//! A job cannot be made to panic by its request, so the subscriber of its log panics instead.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};
use std::thread::{self, ThreadId};

use engine::FailureKind;
use jobs::{JobKind, JobState};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::fixtures::{TestEnvironment, backup_submission, within_deadline};

/// The backup whose first job panics.
const BACKUP: &str = "panics";

/// A layer that panics once, when the span of the first job of the backup is entered on the thread of its work.
///
/// That is another thread than the one that opened the span.
#[derive(Default)]
struct PanickingLayer {
    job: OnceLock<(Id, ThreadId)>,
    panicked: AtomicBool,
}

impl<S: Subscriber> Layer<S> for PanickingLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut visitor = BackupVisitor { found: false };
        attributes.record(&mut visitor);
        if visitor.found {
            self.job.get_or_init(|| (id.clone(), thread::current().id()));
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let Some((job, opened)) = self.job.get() else { return };
        let on_other_thread = job == id && *opened != thread::current().id();
        assert!(
            !on_other_thread || self.panicked.swap(true, Ordering::Relaxed),
            "the thread of the job panics"
        );
    }
}

/// Looks for the name of the backup among the fields of a span.
struct BackupVisitor {
    found: bool,
}

impl Visit for BackupVisitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.found |= field.name() == "backup" && value == BACKUP;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Installs the layer for the whole process.
///
/// This must be done before the first job of the process, because tracing caches for each span whether a subscriber is
/// interested in it.
pub(crate) fn install_panicking_subscriber() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(PanickingLayer::default());
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

#[tokio::test]
async fn a_job_that_panics_fails_and_the_next_one_runs() {
    let env = TestEnvironment::with_one_slot().await;
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(backup_submission(BACKUP))).await.unwrap().id;
    let job = within_deadline(jobs.wait(&first)).await.unwrap();
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    let failure = job.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(failure.message.contains("panicked"), "{failure:?}");
    assert_eq!(jobs.get(&first).unwrap().state, JobState::Failed);
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Failed)], 1);
    env.run_backup(&jobs, BACKUP).await;
}
