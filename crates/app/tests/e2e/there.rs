//! A server does what the verbs ask for, on a real Milvus.

use crate::serving::Serving;
use crate::source::{MAIN, Source};
use crate::tool::Tool;
use testkit::names;
use testkit::seed::Library;
use testkit::servers;

#[tokio::test]
async fn a_server_backs_up_restores_and_deletes() {
    let Some(server) = servers::milvus() else { return };
    let source = Source::on(&server, &MAIN).await;
    let tool = Tool::on_disk(&server);
    let serving = Serving::start(&tool, "");
    let there = |arguments: &str| tool.run(&format!("{arguments} --server {}", serving.url()));
    source.back_up(&tool, &format!("nightly --server {}", serving.url()));
    there("list").ends_with(0).says(&["nightly", "complete"]);
    let target = Library::in_databases(&names::unique("library"), &names::unique("shop"));
    let pairs = [
        (&source.library.books.database, &target.books.database),
        (&source.library.orders.database, &target.orders.database),
    ];
    let rename = pairs.map(|(from, to)| format!("{from}.*:{to}.*")).join(",");
    let restored = there(&format!("restore -n nightly --rename {rename}")).ends_with(0);
    restored.says(&["6,993 rows counted", "7,000 less 7 deletes"]);
    there("jobs list --kind restore").ends_with(0).says(&["succeeded", "100 %"]);
    there("delete -n nightly --yes").ends_with(0).says(&["Deleted backup nightly"]);
    target.drop(&server.connect().await).await.unwrap();
}
