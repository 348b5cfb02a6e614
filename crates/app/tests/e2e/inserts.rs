//! Restores that insert rows: between releases that cannot import each other's files.

use crate::go_backups::copy_directory;
use crate::source::{Content, OLD, Source};
use crate::tool::Tool;
use model::name::CollectionRef;
use testkit::rows::Rows;
use testkit::seed::keyed;
use testkit::{fixtures, names, servers};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn live_rows_of_milvus_2_5_are_inserted_into_2_3_and_2_2() {
    let (Some(new), Some(old)) = (servers::milvus_target(), servers::milvus_2216()) else { return };
    for server in [new, old] {
        let tool = Tool::on_disk(&server);
        copy_directory(&fixtures::path("backups").join("m2527_l0"), &tool.backup_dir("m2527_l0"));
        let suffix = format!("_{}", names::unique("ins"));
        let restore = format!("restore -n m2527_l0 --filter del,delstr --suffix {suffix} --mode insert");
        tool.run(&format!("{restore} --dry-run")).exits_with(0).prints(&["inserts", "147 rows", "20 rows"]);
        tool.run(&restore).exits_with(0).prints(&["167 rows counted in the target, as expected"]);
        let milvus = server.connect().await;
        for (collection, key) in [("del", "id"), ("delstr", "pk")] {
            let target = CollectionRef::new("default", format!("{collection}{suffix}"));
            let recorded = Rows::recorded(&format!("default.{collection}.jsonl"), key);
            assert_eq!(recorded.differences(&Content::read(&milvus, &target).await.rows), NONE);
            milvus.drop_collection(&target).await.unwrap();
        }
    }
}

#[tokio::test]
async fn rows_of_milvus_2_2_are_inserted_into_2_3_unless_it_makes_their_keys() {
    let (Some(old), Some(new)) = (servers::milvus_2216(), servers::milvus_target()) else { return };
    let source = Source::on(&old, &OLD).await;
    let tool = Tool::on_disk(&old);
    tool.run(&format!("create -n nightly --filter {}", source.filter())).exits_with(0);
    let (target, rename) = source.rename_databases();
    let to_new = Tool::on_disk_of(&tool, &new);
    let restore = format!("restore -n nightly --mode insert --rename {rename}");
    let numbered = format!("the rows of {} cannot be inserted", source.library.orders);
    to_new.run(&restore).exits_with(1).prints(&[&numbered, "the target makes its keys itself"]);
    let milvus = new.connect().await;
    let others = || {
        let pairs = source.library.collections().into_iter().zip(target.collections());
        pairs.filter(|(from, _)| **from != source.library.orders)
    };
    for (_, to) in others() {
        assert!(!milvus.has_collection(to).await.unwrap(), "{to} exists after a refusal");
    }
    let filter = others().map(|(from, _)| from.to_string()).collect::<Vec<_>>().join(",");
    to_new.run(&format!("{restore} --filter {filter}")).exits_with(0);
    for (from, to) in others() {
        let expected = &source.contents[from];
        let restored = Content::read(&milvus, to).await;
        // A flush of 2.2 does not write all deletes, so deleted rows may have come back.
        assert_eq!(expected.rows.differences(&restored.rows.common_with(&expected.rows)), NONE);
        assert_eq!(restored.shape["indexes"], expected.shape["indexes"]);
        assert_eq!(restored.shape["fields"], expected.shape["fields"]);
    }
    target.drop(&milvus).await.unwrap();
}

#[tokio::test]
async fn rows_of_milvus_2_3_are_inserted_into_2_2_beside_those_that_are_there() {
    let (Some(server), Some(old)) = (servers::milvus(), servers::milvus_2216()) else { return };
    let (milvus, name) = (server.connect().await, CollectionRef::new("default", names::unique("moved")));
    keyed::create(&milvus, &name, 2).await.unwrap();
    keyed::insert(&milvus, &name, 0..1000, 2).await;
    milvus.flush(&name).await.unwrap();
    milvus.delete(&name, "id in [3, 4]").await;
    keyed::insert(&milvus, &name, 3..4, 2).await;
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n moved --filter {name}")).exits_with(0);
    let to_old = Tool::on_disk_of(&tool, &old);
    let counted = "999 rows counted in the target, as expected";
    to_old.run("restore -n moved --mode insert").exits_with(0).prints(&[counted]);
    let old = old.connect().await;
    let expected = Content::read(&milvus, &name).await.rows;
    assert_eq!(expected.differences(&Content::read(&old, &name).await.rows), NONE);
    to_old.run("restore -n moved --mode insert").exits_with(4).prints(&["exist already"]);
    let twice = "contains 999 rows already: rows with the same keys will be there twice";
    to_old.run("restore -n moved --mode insert --skip-create-collection").exits_with(0).prints(&[twice]);
    assert_eq!(old.flushed_rows(&name).await.unwrap(), 1998);
    milvus.drop_collection(&name).await.unwrap();
    old.drop_collection(&name).await.unwrap();
}
