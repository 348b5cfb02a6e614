//! The work beside: a backup and a restore, again and again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::clients::Seen;
use crate::serving::{Serving, World};

/// Collections that are backed up and restored.
const COLLECTIONS: usize = 40;

/// Makes collections and flushes them, so that there are files.
pub(crate) async fn fill(world: &World) {
    for number in 0..COLLECTIONS {
        world.create_collection(&format!("books_{number}_now"), 50).await;
    }
}

/// Backs up and restores until it is stopped. What was restored and the backup are removed by the next round.
pub(crate) async fn work(serving: Arc<Serving>, seen: Arc<Seen>, stop: CancellationToken) {
    // Not the copies that the restores make and drop meanwhile.
    let backup = |name: &str| json!({ "name": name, "filter": "*_now" });
    run(&serving, &seen, "/api/v2/backups", &backup("kept")).await;
    let restores = async {
        while !stop.is_cancelled() {
            let request = json!({ "backup": "kept", "suffix": "_copy", "existing": "drop" });
            run(&serving, &seen, "/api/v2/restores", &request).await;
        }
    };
    let backups = async {
        while !stop.is_cancelled() {
            run(&serving, &seen, "/api/v2/backups", &backup("again")).await;
            serving.delete("/api/v1/delete?backup_name=again").await.has_status(200);
        }
    };
    tokio::join!(restores, backups);
}

/// Hands a job in and waits for its end.
async fn run(serving: &Serving, seen: &Seen, path: &str, request: &Value) {
    let job = serving.post(path, request).await.has_status(202).json();
    let id = job["id"].as_str().unwrap().to_owned();
    seen.began(id.clone());
    loop {
        let job = serving.get(&format!("/api/v2/jobs/{id}")).await.has_status(200).json();
        match job["state"].as_str().unwrap() {
            "queued" | "running" => tokio::time::sleep(Duration::from_millis(200)).await,
            "succeeded" => return,
            state => panic!("{state}: {}", job["error"]),
        }
    }
}
