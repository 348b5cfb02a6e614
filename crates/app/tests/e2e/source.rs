//! The data set that the tests back up: created once for each server, and only read afterwards.

use crate::tool::Tool;
use model::name::CollectionRef;
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::names;
use testkit::rows::Rows;
use testkit::seed::{self, Library};
use testkit::servers::MilvusServer;
use testkit::shape::shape;
use testkit::test_milvus::TestMilvus;
use tokio::sync::OnceCell;

/// The rows of a collection, and its shape: schema, indexes, aliases and properties.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    pub(crate) rows: Rows,
    pub(crate) shape: Value,
}

impl Content {
    /// Reads a collection.
    pub(crate) async fn read(milvus: &TestMilvus, collection: &CollectionRef) -> Self {
        let shape = shape(milvus, collection).await.unwrap();
        Self { rows: Box::pin(Rows::fetch(milvus, collection)).await.unwrap(), shape }
    }

    /// Asserts that a restored collection has the same rows and shape.
    ///
    /// Without `with_aliases`, aliases are not compared: an alias can exist only once on a server.
    #[track_caller]
    pub(crate) fn assert_same(&self, restored: &Self, with_aliases: bool) {
        let none: [&str; 0] = [];
        assert_eq!(self.rows.differences(&restored.rows), none);
        let mut shape = restored.shape.clone();
        if !with_aliases {
            shape["aliases"] = self.shape["aliases"].clone();
        }
        assert_eq!(shape, self.shape);
    }
}

/// The library on one server, with its content.
pub(crate) struct Source {
    pub(crate) library: Library,
    pub(crate) contents: BTreeMap<CollectionRef, Content>,
}

impl Source {
    /// Returns the library of a server; the first test creates it.
    pub(crate) async fn on(server: &MilvusServer, cell: &'static OnceCell<Source>) -> &'static Source {
        cell.get_or_init(|| Box::pin(Self::create(server))).await
    }

    async fn create(server: &MilvusServer) -> Self {
        let milvus = server.connect().await;
        let library = Library::in_databases(&names::unique("library"), &names::unique("shop"));
        library.fill(&milvus).await.unwrap();
        let mut contents = BTreeMap::new();
        for collection in library.collections() {
            contents.insert(collection.clone(), Content::read(&milvus, collection).await);
        }
        Self { library, contents }
    }

    /// Returns the filter that selects exactly this library.
    pub(crate) fn filter(&self) -> String {
        format!("{}.*,{}.*", self.library.books.database, self.library.orders.database)
    }

    /// Returns a library with new database names, and the value of `--rename` for it.
    pub(crate) fn rename_databases(&self) -> (Library, String) {
        let target = Library::in_databases(&names::unique("library"), &names::unique("shop"));
        let pairs = [
            (&self.library.books.database, &target.books.database),
            (&self.library.orders.database, &target.orders.database),
        ];
        let rename = pairs.map(|(from, to)| format!("{from}.*:{to}.*")).join(",");
        (target, rename)
    }

    /// Backs up the library under this name.
    pub(crate) fn back_up(&self, tool: &Tool, name: &str) {
        tool.run(&format!("create -n {name} --filter {}", self.filter())).exits_with(0);
    }
}

/// The library on the first server.
pub(crate) static MAIN: OnceCell<Source> = OnceCell::const_new();
/// The library on the server whose storage is S3.
pub(crate) static ON_S3: OnceCell<Source> = OnceCell::const_new();
/// The library on the server of release 2.2.16.
pub(crate) static OLD: OnceCell<Source> = OnceCell::const_new();

/// Creates a database with these collections of 100 rows each.
pub(crate) async fn create_collections(milvus: &TestMilvus, collections: &[&str]) -> Vec<CollectionRef> {
    let database = names::unique("shelf");
    milvus.create_database(&database).await.unwrap();
    let collections: Vec<_> =
        collections.iter().map(|name| CollectionRef::new(database.as_str(), *name)).collect();
    let creations = collections.iter().map(|collection| seed::hundred_rows(milvus, collection));
    futures::future::try_join_all(creations).await.unwrap();
    collections
}
