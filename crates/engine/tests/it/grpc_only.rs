//! Backups and restores where REST cannot be reached, on the simulated Milvus.

use model::mapping::Mapping;
use model::plan::restore::RestoreRequest;
use testkit::fake::FakeConfig;

use crate::samples;
use crate::watch::WatchedJob;
use crate::world::{World, backup_request, restore_request};

#[tokio::test]
async fn files_are_listed_and_each_job_imports_one_segment() {
    for version in ["2.5.27", "2.6.19", "3.0.0"] {
        let world = World::with_version(version, FakeConfig::grpc_only);
        let milvus = world.connect().await;
        samples::create_with_rows(&milvus, "books", &[("_default", 8), ("old", 4)]).await;
        let books = samples::collection("books");
        milvus.flush(&books).await.unwrap();
        assert_eq!(milvus.delete(&books, "id in [1, 2]").await, 2);
        milvus.flush(&books).await.unwrap();
        samples::insert_rows(&milvus, "books", "old", 3).await;
        let report = world.back_up(&backup_request("nightly")).await.unwrap();
        assert_eq!(report.kind(), None, "{version}: {report:?}");
        assert_eq!(report.deletes, 2, "{version}: those in L0 segments are counted");

        let mapping = Mapping::new(None, Some("_copy")).unwrap();
        let request = RestoreRequest { mapping, ..restore_request("nightly") };
        let watched = WatchedJob::new(|_, _| {});
        let restored = world.restore_watched(&request, &watched).await.unwrap();
        assert_eq!(restored.kind(), None, "{version}: {restored:?}");
        assert_eq!(
            world.fake.rows("default", "books_copy"),
            world.fake.rows("default", "books"),
            "{version}"
        );
        assert_eq!(world.count_calls("Import"), 3, "{version}: one for each segment");
        assert!(watched.messages().contains("REST"), "{version}: {}", watched.messages());
    }
}
