//! The steps of `scripts/demo` other than backup and restore: create, drop and compare collections.
//!
//!   demo fill PORT DIR      creates the collections and writes their content to DIR
//!   demo drop PORT          drops the collections
//!   demo compare PORT DIR   compares the collections with DIR, row by row
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program for people, not a library")]

use milvus::MilvusError;
use milvus_backup_testkit::rows::Rows;
use milvus_backup_testkit::seed::Library;
use milvus_backup_testkit::servers::{MilvusServer, ServerStorage};
use milvus_backup_testkit::shape::shape;
use milvus_backup_testkit::test_milvus::TestMilvus;
use model::name::CollectionRef;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["fill", port, dir] => fill(&connect(port).await, Path::new(dir)).await,
        ["drop", port] => drop_all(&connect(port).await).await,
        ["compare", port, dir] => compare(&connect(port).await, Path::new(dir)).await,
        _ => {
            println!("usage: demo fill PORT DIR | drop PORT | compare PORT DIR");
            return ExitCode::from(2);
        }
    };
    if done.expect("Milvus answers") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn connect(port: &str) -> TestMilvus {
    let server = MilvusServer {
        version: String::new(),
        address: "127.0.0.1".to_owned(),
        port: port.parse().expect("a port"),
        storage: ServerStorage::Local { root: PathBuf::new() },
    };
    server.connect().await
}

async fn fill(milvus: &TestMilvus, dir: &Path) -> Result<bool, MilvusError> {
    let library = Library::as_recorded();
    library.drop(milvus).await?;
    library.fill(milvus).await?;
    std::fs::create_dir_all(dir).expect("a directory for what the collections hold");
    for (collection, (rows, shape)) in
        library.collections().into_iter().zip(read_collections(milvus, &library).await?)
    {
        std::fs::write(rows_file(dir, collection), rows.to_lines()).expect("a file of rows");
        std::fs::write(shape_file(dir, collection), shape.to_string()).expect("a file of the shape");
        println!(
            "  {:<16} {} rows  {}",
            collection.to_string(),
            format_count(&rows),
            describe(&library, collection)
        );
    }
    Ok(true)
}

async fn drop_all(milvus: &TestMilvus) -> Result<bool, MilvusError> {
    let library = Library::as_recorded();
    library.drop(milvus).await?;
    for database in [&library.books.database, &library.orders.database] {
        println!("  {database:<16} {:>5} collections", milvus.list_collections(database).await?.len());
    }
    Ok(true)
}

async fn compare(milvus: &TestMilvus, dir: &Path) -> Result<bool, MilvusError> {
    let library = Library::as_recorded();
    let mut equal = true;
    for (collection, (rows, shape)) in
        library.collections().into_iter().zip(read_collections(milvus, &library).await?)
    {
        let key = if collection == &library.tenants { "pk" } else { "id" };
        let text = std::fs::read_to_string(rows_file(dir, collection)).expect("`demo fill` wrote it");
        let expected = Rows::parse(&text, key);
        let expected_shape =
            std::fs::read_to_string(shape_file(dir, collection)).expect("`demo fill` wrote it");
        let expected_shape: Value = serde_json::from_str(&expected_shape).expect("`demo fill` wrote JSON");
        let same_shape = shape == expected_shape;
        let differences = expected.differences(&rows);
        let verdict = match (differences.is_empty(), same_shape) {
            (true, true) => {
                "the same, and so are schema, partitions, indexes, properties, aliases, load state"
            }
            (true, false) => "the same, but the schema or what belongs to it differs",
            (false, _) => "different",
        };
        println!("  {:<16} {} rows  {verdict}", collection.to_string(), format_count(&rows));
        for difference in &differences {
            println!("    {difference}");
        }
        equal &= differences.is_empty() && same_shape;
    }
    Ok(equal)
}

/// Reads the rows and the shape of every collection of the library, in the library's order.
async fn read_collections(milvus: &TestMilvus, library: &Library) -> Result<Vec<(Rows, Value)>, MilvusError> {
    let reads = library.collections().map(async |collection| {
        let shape = shape(milvus, collection).await?;
        Ok((Rows::fetch(milvus, collection).await?, shape))
    });
    futures::future::try_join_all(reads).await
}

/// Formats the number of rows in five columns.
fn format_count(rows: &Rows) -> String {
    match (rows.len() / 1000, rows.len() % 1000) {
        (0, rows) => format!("{rows:>5}"),
        (thousands, rows) => format!("{thousands},{rows:03}"),
    }
}

fn rows_file(dir: &Path, collection: &CollectionRef) -> PathBuf {
    dir.join(format!("{collection}.jsonl"))
}

fn shape_file(dir: &Path, collection: &CollectionRef) -> PathBuf {
    dir.join(format!("{collection}.shape.json"))
}

/// Describes a collection of the library in words.
fn describe(library: &Library, collection: &CollectionRef) -> &'static str {
    if collection == &library.books {
        "3 partitions, every scalar type, JSON, arrays, a dynamic field, 5 rows deleted, alias library, loaded"
    } else if collection == &library.tenants {
        "string key, spread by a partition key, 2 rows deleted"
    } else if collection == &library.orders {
        "automatic ids, binary vectors, loaded"
    } else if collection == &library.shop_books {
        "another database, the same name"
    } else {
        "nothing in it"
    }
}
