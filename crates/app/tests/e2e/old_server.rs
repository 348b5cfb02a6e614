//! Milvus 2.2.16, whose flush does not write delete entries, and whose imports apply them regardless of their time.

use crate::source::{Content, OLD, Source};
use crate::tool::Tool;
use model::name::CollectionRef;
use testkit::seed::keyed;
use testkit::{names, servers};

#[tokio::test]
async fn milvus_2_2_is_backed_up_with_a_warning_and_restored_to_2_2_and_2_3() {
    let (Some(old), Some(new)) = (servers::milvus_2216(), servers::milvus_target()) else { return };
    let source = Source::on(&old, &OLD).await;
    let tool = Tool::on_disk(&old);
    tool.run(&format!("create -n nightly --filter {}", source.filter())).exits_with(0).prints(&["delete"]);
    let (target, rename) = source.rename_databases();
    for server in [old, new] {
        Tool::on_disk_of(&tool, &server).run(&format!("restore -n nightly --rename {rename}")).exits_with(0);
        let milvus = server.connect().await;
        for (from, to) in source.library.collections().into_iter().zip(target.collections()) {
            let expected = &source.contents[from];
            let restored = Content::read(&milvus, to).await;
            // As the warning says, deleted rows may have come back.
            let none: [&str; 0] = [];
            assert_eq!(expected.rows.differences(&restored.rows.common_with(&expected.rows)), none);
            assert_eq!(restored.shape["indexes"], expected.shape["indexes"]);
            assert_eq!(restored.shape["fields"], expected.shape["fields"]);
        }
        target.drop(&milvus).await.unwrap();
    }
}

#[tokio::test]
async fn rows_that_were_deleted_and_inserted_again_are_restored_to_an_old_target_too() {
    let (Some(server), Some(old)) = (servers::milvus(), servers::milvus_2216()) else { return };
    let (milvus, run) = (server.connect().await, names::unique("again"));
    let name = |suffix: &str| CollectionRef::new("default", format!("{run}_{suffix}"));
    let (replaced, whole) = (name("a"), name("b"));
    for collection in [&replaced, &whole] {
        keyed::create(&milvus, collection, 2).await.unwrap();
        keyed::insert(&milvus, collection, 0..10, 2).await;
    }
    milvus.delete(&replaced, "id in [3, 4]").await;
    keyed::insert(&milvus, &replaced, 3..4, 2).await;
    for collection in [&replaced, &whole] {
        milvus.flush(collection).await.unwrap();
    }
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n again --filter {replaced},{whole}")).exits_with(0);

    let copied = tool.run("restore -n again --suffix _new").exits_with(0);
    copied.prints(&["19 rows"]);
    let to_old = Tool::on_disk_of(&tool, &old);
    let rewritten = "1 segment rewritten without deleted rows";
    to_old.run("restore -n again --dry-run").exits_with(0).prints(&[rewritten]);
    to_old.run("restore -n again").exits_with(0).prints(&["19 rows counted in the target, as expected"]);
    let old = old.connect().await;
    assert_eq!(old.flushed_rows(&whole).await.unwrap(), 10);
    assert_eq!(old.flushed_rows(&replaced).await.unwrap(), 9);
    let expected = Content::read(&milvus, &replaced).await.rows;
    let none: [&str; 0] = [];
    assert_eq!(expected.differences(&Content::read(&old, &replaced).await.rows), none);
}
