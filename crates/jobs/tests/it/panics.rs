//! A job whose thread panics (simulated Milvus).
//!
//! Nothing in it panics on purpose, so what listens to its log does.

use std::sync::Mutex;
use std::thread::{self, ThreadId};

use engine::Kind;
use jobs::{JobKind, JobState};
use tracing::Subscriber;
use tracing::span::Id;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::world::{World, backup, in_time};

/// Panics once, where a span is entered on another thread than this one.
struct Panics(Mutex<Option<ThreadId>>);

impl<S: Subscriber> Layer<S> for Panics {
    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        let mut own = self.0.lock().unwrap();
        if own.is_some_and(|own| own != thread::current().id()) {
            *own = None;
            drop(own);
            panic!("a fault of this program");
        }
    }
}

#[tokio::test]
async fn it_has_failed_and_the_next_one_runs() {
    let world = World::one_at_a_time().await;
    let jobs = world.open();
    let panics = Panics(Mutex::new(Some(thread::current().id())));
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(panics));
    let first = in_time(jobs.submit(backup("first"))).await.unwrap().id;
    let job = in_time(jobs.wait(&first)).await.unwrap();
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    let failure = job.failure.unwrap();
    assert_eq!(failure.kind, Kind::Failed);
    assert!(failure.message.contains("panicked"), "{failure:?}");
    assert_eq!(jobs.get(&first).unwrap().state, JobState::Failed);
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Failed)], 1);
    world.backed_up(&jobs, "first").await;
}
