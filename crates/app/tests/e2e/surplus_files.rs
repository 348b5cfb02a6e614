//! Files in the directory of a segment that Milvus does not know, as an interrupted flush leaves them.

use std::fs;
use std::path::{Path, PathBuf};

use model::name::CollectionRef;
use testkit::names;
use testkit::rows::Rows;
use testkit::seed::keyed;
use testkit::servers::{self, ServerStorage};
use testkit::test_milvus::TestMilvus;

use crate::tool::Tool;

const DIM: usize = 2;
/// More bytes than any file has.
const ALL: usize = usize::MAX;

/// The files of a collection of one segment: a directory for each column, with one file.
struct Columns(Vec<PathBuf>);

impl Columns {
    /// Creates a collection with these keys and flushes it.
    async fn create(milvus: &TestMilvus, root: &Path, collection: &CollectionRef, keys: i64) -> Self {
        keyed::create(milvus, collection, DIM).await.unwrap();
        keyed::insert(milvus, collection, 0..keys, DIM).await;
        milvus.flush(collection).await.unwrap();
        let id = milvus.describe_collection(collection).await.unwrap().id;
        let mut dirs = vec![root.join(format!("insert_log/{id}"))];
        for _level in ["partition", "segment", "column"] {
            dirs = dirs.iter().flat_map(|dir| children(dir)).collect();
        }
        dirs.sort();
        assert_eq!(dirs.len(), 4, "two system columns, the key and the vector: {dirs:?}");
        Self(dirs)
    }

    /// Writes the first `bytes` of the files of another segment, of some columns, into this one, with larger ids.
    fn add(&self, other: &Self, columns: usize, bytes: usize) {
        for (to, from) in self.0.iter().zip(&other.0).take(columns) {
            let file = children(from).remove(0);
            let id: i64 = file.file_name().unwrap().to_str().unwrap().parse().unwrap();
            let content = fs::read(&file).unwrap();
            fs::write(to.join((id + 100_000).to_string()), &content[..bytes.min(content.len())]).unwrap();
        }
    }

    /// Copies the files of the last column into a new one.
    fn add_column(&self, id: &str) {
        let last = self.0.last().unwrap();
        let added = last.with_file_name(id);
        fs::create_dir(&added).unwrap();
        for file in children(last) {
            fs::copy(&file, added.join(file.file_name().unwrap())).unwrap();
        }
    }
}

fn children(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn files_that_milvus_does_not_know_are_left_out() {
    let Some(server) = servers::milvus() else { return };
    let ServerStorage::Local { root } = &server.storage else { panic!("{server:?}") };
    let milvus = server.connect().await;
    let run = names::unique("surplus");
    let name = |suffix: &str| CollectionRef::new("default", format!("{run}_{suffix}"));
    let names = ["repeated", "foreign", "partial", "cut", "empty", "unknown"].map(name);
    let [repeated, foreign, partial, cut, empty, unknown] = &names;
    let other = Columns::create(&milvus, root, &name("other"), 12).await;
    for (collection, is_own, columns, bytes) in [
        (repeated, true, 4, ALL),
        (foreign, false, 4, ALL),
        (partial, true, 3, ALL),
        (cut, true, 4, 200),
        (empty, true, 1, 0),
    ] {
        let own = Columns::create(&milvus, root, collection, 30).await;
        own.add(if is_own { &own } else { &other }, columns, bytes);
    }
    Columns::create(&milvus, root, unknown, 30).await.add_column("999");

    let tool = Tool::on_disk(&server);
    let filter = names.each_ref().map(ToString::to_string).join(",");
    let created = tool.run(&format!("create -n surplus --filter {filter}")).exits_with(0);
    created.prints(&[
        &format!("{repeated}: segment "),
        "has files that do not belong to its 30 rows; they are left out: 4",
        "has files that do not belong to its 30 rows; they are left out: 3",
        &format!("{cut}: segment "),
        "has files that do not belong to its 30 rows; they are left out: 1",
        &format!("{unknown}: segment "),
        "has files of fields that the schema does not have; they are left out: field 999",
    ]);
    tool.run("restore -n surplus --suffix _copy").exits_with(0);
    for collection in &names {
        let copy = CollectionRef::new("default", format!("{}_copy", collection.collection));
        let (source, restored) = (fetch(&milvus, collection).await, fetch(&milvus, &copy).await);
        assert_eq!(source.differences(&restored), Vec::<String>::new());
    }
}

async fn fetch(milvus: &TestMilvus, collection: &CollectionRef) -> Rows {
    Box::pin(Rows::fetch(milvus, collection)).await.unwrap()
}
