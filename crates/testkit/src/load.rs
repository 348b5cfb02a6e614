//! Loading of collections that waits until they are loaded, because Milvus replies earlier.

use milvus::{Milvus, MilvusError};
use model::manifest::LoadState;
use model::name::CollectionRef;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const DEADLINE: Duration = Duration::from_mins(2);

/// Loads a collection and waits until it can be queried.
///
/// # Panics
/// Panics if it is not loaded in time.
pub async fn load_and_wait(milvus: &Milvus, collection: &CollectionRef) -> Result<(), MilvusError> {
    milvus.load(collection).await?;
    let deadline = Instant::now() + DEADLINE;
    while milvus.load_state(collection, None).await? != LoadState::Loaded {
        assert!(Instant::now() < deadline, "{collection} does not load");
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
