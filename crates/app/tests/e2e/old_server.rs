//! Milvus 2.2.16, whose flush does not write delete entries.

use crate::source::{Content, OLD, Source};
use crate::tool::Tool;
use testkit::seed::Library;
use testkit::{names, servers};

#[tokio::test]
async fn milvus_2_2_is_backed_up_with_a_warning_and_restored_to_2_2_and_2_3() {
    let (Some(old), Some(new)) = (servers::milvus_2216(), servers::milvus_target()) else { return };
    let source = Source::on(&old, &OLD).await;
    let tool = Tool::on_disk(&old);
    tool.run(&format!("create -n nightly --filter {}", source.filter())).exits_with(0).prints(&["delete"]);
    let target = Library::in_databases(&names::unique("library"), &names::unique("shop"));
    let rename = format!(
        "{}.*:{}.*,{}.*:{}.*",
        source.library.books.database,
        target.books.database,
        source.library.orders.database,
        target.orders.database
    );
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
