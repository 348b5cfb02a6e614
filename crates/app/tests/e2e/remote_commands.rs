//! Commands that run on a server (`--server`), on a real Milvus.

use crate::serving::Serving;
use crate::source::{MAIN, Source};
use crate::tool::Tool;
use testkit::names;
use testkit::seed::Library;
use testkit::servers;

#[tokio::test]
async fn commands_on_a_server_back_up_restore_and_delete() {
    let Some(server) = servers::milvus() else { return };
    let source = Source::on(&server, &MAIN).await;
    let tool = Tool::on_disk(&server);
    let serving = Serving::start(&tool, "");
    let run_on_server = |arguments: &str| tool.run(&format!("{arguments} --server {}", serving.url()));
    source.back_up(&tool, &format!("nightly --server {}", serving.url()));
    run_on_server("list").exits_with(0).prints(&["nightly", "complete"]);
    let target = Library::in_databases(&names::unique("library"), &names::unique("shop"));
    let pairs = [
        (&source.library.books.database, &target.books.database),
        (&source.library.orders.database, &target.orders.database),
    ];
    let rename = pairs.map(|(from, to)| format!("{from}.*:{to}.*")).join(",");
    let restored = run_on_server(&format!("restore -n nightly --rename {rename}")).exits_with(0);
    restored.prints(&["6,993 rows counted in the target, as expected"]);
    run_on_server("jobs list --kind restore").exits_with(0).prints(&["succeeded", "100 %"]);
    run_on_server("delete -n nightly --yes").exits_with(0).prints(&["Deleted backup nightly"]);
    target.drop(&server.connect().await).await.unwrap();
}
