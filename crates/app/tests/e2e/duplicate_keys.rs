//! A collection that holds the same primary keys several times: a restore loses none of the rows and adds none.

use model::name::CollectionRef;
use testkit::seed::keyed;
use testkit::{names, servers};

use crate::tool::Tool;

const DIM: usize = 2;

#[tokio::test]
async fn rows_with_the_same_key_are_all_restored() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let source = CollectionRef::new("default", names::unique("twice"));
    keyed::create(&milvus, &source, DIM).await.unwrap();
    // Keys 0 to 9 once, 10 to 19 twice, 20 to 29 three times, in segments of their own.
    for first in [0, 10, 20] {
        keyed::insert(&milvus, &source, first..30, DIM).await;
        milvus.flush(&source).await.unwrap();
    }
    let tool = Tool::on_disk(&server);
    let created = tool.run(&format!("create -n twice --output json --filter {source}")).exits_with(0).json();
    assert_eq!(created["rows"], 60, "{created}");
    let restored = tool.run("restore -n twice --suffix _copy --output json").exits_with(0).json();
    assert_eq!((&restored["rows"], &restored["rows_max"]), (&60.into(), &60.into()), "{restored}");
    let copy = CollectionRef::new("default", format!("{}_copy", source.collection));
    assert_eq!(milvus.flushed_rows(&copy).await.unwrap(), 60);
}
