//! A small varied data set: every scalar type of Milvus 2.3, JSON, arrays, a dynamic field, partitions, a partition
//! key, automatic ids, a binary vector, deletes, indexes, an alias, a TTL, two databases, an empty collection.
//!
//! It has the same collections and rows as the fixtures' backups (`fixtures/rows`), except for the vectors.

mod books;
mod columns;
pub mod keyed;
mod schema;
mod shop;
mod tenants;

use crate::test_milvus::TestMilvus;
use milvus::MilvusError;
use model::name::{CollectionRef, DEFAULT_DATABASE};

/// The names of the five collections of the data set.
#[derive(Debug, Clone)]
pub struct Library {
    /// 3,700 rows in 3 partitions, 5 of them deleted; loaded.
    pub books: CollectionRef,
    /// 1,200 rows with a partition key, 2 of them deleted; indexed, not loaded.
    pub tenants: CollectionRef,
    /// No rows and no index.
    pub empty: CollectionRef,
    /// 2,000 rows with automatic ids; loaded.
    pub orders: CollectionRef,
    /// 100 rows without index; the collection has the name of the first one, in another database.
    pub shop_books: CollectionRef,
}

impl Library {
    /// The alias of [`Library::books`].
    pub const ALIAS: &str = "library";

    /// Names the collections in the databases `default` and `shop`, as in the fixtures.
    pub fn as_recorded() -> Self {
        Self::in_databases(DEFAULT_DATABASE, "shop")
    }

    /// Names the collections in two databases.
    pub fn in_databases(first: &str, second: &str) -> Self {
        Self {
            books: CollectionRef::new(first, "books"),
            tenants: CollectionRef::new(first, "tenants"),
            empty: CollectionRef::new(first, "empty"),
            orders: CollectionRef::new(second, "orders"),
            shop_books: CollectionRef::new(second, "books"),
        }
    }

    /// Returns all collections, those of the first database first.
    pub fn collections(&self) -> [&CollectionRef; 5] {
        [&self.books, &self.tenants, &self.empty, &self.orders, &self.shop_books]
    }

    /// Creates missing databases, the collections and their rows; flushes the collections and loads some of them.
    pub async fn fill(&self, milvus: &TestMilvus) -> Result<(), MilvusError> {
        let present = milvus.list_databases().await?;
        for database in [&self.books.database, &self.orders.database] {
            if !present.contains(database) {
                milvus.create_database(database).await?;
            }
        }
        tokio::try_join!(
            Box::pin(books::create(milvus, &self.books)),
            Box::pin(tenants::create(milvus, &self.tenants)),
            shop::create_empty(milvus, &self.empty),
            Box::pin(shop::create_orders(milvus, &self.orders)),
            shop::create_books(milvus, &self.shop_books),
        )?;
        milvus.create_alias(&self.books, Self::ALIAS).await
    }

    /// Drops the collections that exist, and their aliases.
    pub async fn drop(&self, milvus: &TestMilvus) -> Result<(), MilvusError> {
        let mut present = Vec::new();
        let databases = milvus.list_databases().await?;
        for collection in self.collections() {
            if databases.contains(&collection.database) && milvus.has_collection(collection).await? {
                present.push(collection);
            }
        }
        for collection in present {
            for alias in milvus.aliases(collection).await? {
                milvus.drop_alias(&collection.database, &alias).await;
            }
            milvus.drop_collection(collection).await?;
        }
        Ok(())
    }
}

/// Creates a collection of 100 rows without index, and flushes it; its database must exist.
pub async fn hundred_rows(milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
    shop::create_books(milvus, target).await
}
