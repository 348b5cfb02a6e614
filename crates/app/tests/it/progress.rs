//! What is printed while a command runs without a terminal (simulated Milvus).

use crate::serving::World;
use crate::tool::Tool;

#[tokio::test]
async fn without_a_terminal_only_warnings_are_printed() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    assert_eq!(tool.run(&["create", "nightly"]).exits_with(0).stderr, "");
    assert_eq!(tool.run(&["restore", "nightly", "--suffix", "_copy"]).exits_with(0).stderr, "");
    let plain =
        tool.run(&["restore", "nightly", "--suffix", "_plain", "--progress", "plain"]).exits_with(0).stderr;
    assert!(plain.starts_with("preflight\n") && plain.ends_with("finish\n"), "{plain}");
}

#[tokio::test]
async fn events_of_a_restore_contain_the_name_in_the_target() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    tool.run(&["create", "nightly"]).exits_with(0);
    let restore = ["restore", "nightly", "--suffix", "_copy", "--progress", "json"];
    let events = tool.run(&restore).exits_with(0).stderr;
    let of_books = events.lines().find(|line| line.contains("default.books") && line.contains("creating"));
    let target = "\"target\":\"default.books_copy\"";
    assert!(of_books.is_some_and(|line| line.contains(target)), "{events}");
}

#[tokio::test]
async fn quiet_prints_the_result_with_the_generated_name_and_nothing_else() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    let created = tool.run(&["create", "--quiet"]).exits_with(0);
    assert!(created.stdout.starts_with("Backup backup_20"), "{}", created.stdout);
    assert_eq!(created.stderr, "");
    let name = created.stdout.split_whitespace().nth(1).unwrap();
    tool.run(&["get", name]).exits_with(0);
}
