//! Those who look on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio_util::sync::CancellationToken;

use crate::serving::{DEADLINE, Serving};

/// How long a client thinks before it asks again, and before it watches again.
const PAUSE: Duration = Duration::from_secs(2);

/// What the clients see.
#[derive(Default)]
pub(crate) struct Seen {
    /// The job that runs.
    job: Mutex<Option<String>>,
    /// How long `/jobs/{id}` took, milliseconds.
    times: Mutex<Vec<f64>>,
    jobs: AtomicU64,
    events: AtomicU64,
    failed: AtomicU64,
}

impl Seen {
    /// A job began.
    pub(crate) fn began(&self, id: String) {
        *self.job.lock().unwrap() = Some(id);
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }

    /// The times since the last look.
    pub(crate) fn take(&self) -> Vec<f64> {
        std::mem::take(&mut self.times.lock().unwrap())
    }

    /// Jobs so far.
    pub(crate) fn jobs(&self) -> u64 {
        self.jobs.load(Ordering::Relaxed)
    }

    /// Pieces of streams so far.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Requests so far that were not answered with 200.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn job(&self) -> Option<String> {
        self.job.lock().unwrap().clone()
    }
}

/// Starts the clients, each with a connection of its own.
pub(crate) fn start(count: u64, serving: &Arc<Serving>, seen: &Arc<Seen>, stop: &CancellationToken) {
    for number in 0..count {
        let client = Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
        let (serving, seen, stop) = (Arc::clone(serving), Arc::clone(seen), stop.clone());
        tokio::spawn(async move {
            // Not all at the same moment.
            tokio::time::sleep(PAUSE.mul_f64(number as f64 / count as f64)).await;
            while !stop.is_cancelled() {
                if let Some(id) = seen.job() {
                    if number % 2 == 0 {
                        list(&client, &serving, &seen, &id).await;
                    } else {
                        watch(&client, &serving, &seen, &id).await;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
}

async fn list(client: &Client, serving: &Serving, seen: &Seen, id: &str) {
    let begun = Instant::now();
    if fetch(client, seen, serving.url(&format!("/api/v2/jobs/{id}"))).await {
        seen.times.lock().unwrap().push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    fetch(client, seen, serving.url("/api/v2/jobs")).await;
    fetch(client, seen, serving.url("/api/v2/backups")).await;
}

async fn fetch(client: &Client, seen: &Seen, url: String) -> bool {
    let answer = async { client.get(url).send().await?.error_for_status()?.bytes().await };
    let answered = answer.await.is_ok();
    seen.failed.fetch_add(u64::from(!answered), Ordering::Relaxed);
    answered
}

async fn watch(client: &Client, serving: &Serving, seen: &Seen, id: &str) {
    let Ok(mut stream) = client.get(serving.url(&format!("/api/v2/jobs/{id}/events"))).send().await else {
        seen.failed.fetch_add(1, Ordering::Relaxed);
        return;
    };
    while let Ok(Some(_)) = stream.chunk().await {
        seen.events.fetch_add(1, Ordering::Relaxed);
    }
}
