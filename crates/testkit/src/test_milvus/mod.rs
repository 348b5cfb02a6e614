//! A connection to Milvus with the calls that only tests need: they write, delete and query rows.

mod column;
mod users;

use std::fmt::Debug;
use std::ops::Deref;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use milvus::{Auth, ConnectConfig, Milvus, MilvusError, Tls};
use model::name::CollectionRef;
use proto::common::{ConsistencyLevel, KeyValuePair, Status};
use proto::milvus::milvus_service_client::MilvusServiceClient;
use proto::milvus::{
    CreateDatabaseRequest, DeleteRequest, DropAliasRequest, DropDatabaseRequest, InsertRequest, QueryRequest,
};
use proto::schema::FieldData;
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response};

pub use column::{Column, Values};

/// The time for which a call is repeated while the server is busy or not ready.
const PATIENCE: Duration = Duration::from_mins(1);
const RETRY_DELAY: Duration = Duration::from_millis(200);
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// The output field with which a query returns the number of rows.
const COUNT_FIELD: &str = "count(*)";

type Client = MilvusServiceClient<Channel>;

/// A connection of the production client, with a second one for the calls of the tests.
///
/// Every call of the tests panics if it fails.
#[derive(Clone, Debug)]
pub struct TestMilvus {
    milvus: Milvus,
    client: Client,
    authorization: Option<AsciiMetadataValue>,
}

impl Deref for TestMilvus {
    type Target = Milvus;

    fn deref(&self) -> &Milvus {
        &self.milvus
    }
}

impl TestMilvus {
    /// Connects, without TLS or with a certificate of the server, and with or without a password.
    ///
    /// # Panics
    /// Panics if the second connection cannot be opened.
    pub async fn connect(config: &ConnectConfig) -> Result<Self, MilvusError> {
        let milvus = Milvus::connect(config).await?;
        let scheme = if matches!(config.tls, Tls::Disabled) { "http" } else { "https" };
        let url = format!("{scheme}://{}", milvus.server().address);
        let mut endpoint = Endpoint::from_shared(url).expect("a URL").connect_timeout(PATIENCE);
        if let Tls::Server { ca: Some(ca), .. } = &config.tls {
            let ca = Certificate::from_pem(std::fs::read(ca).expect("a certificate"));
            let tls = ClientTlsConfig::new().domain_name(&config.address).ca_certificate(ca);
            endpoint = endpoint.tls_config(tls).expect("TLS settings");
        }
        let channel = endpoint.connect().await.expect("a second connection");
        let client = MilvusServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let authorization = match &config.auth {
            Auth::Password { user, password } => {
                let header = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
                Some(header.parse().expect("a header"))
            }
            _ => None,
        };
        Ok(Self { milvus, client, authorization })
    }

    /// Inserts rows and returns their number; without a partition, the server chooses one.
    ///
    /// The columns must not include the primary key of a collection with automatic ids.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn insert(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
        columns: &[Column],
    ) -> u64 {
        let rows = columns.first().map_or(0, |column| column.values.len());
        let fields = columns.iter().map(column::to_wire).collect();
        self.insert_fields(collection, partition, fields, rows.try_into().expect("few rows")).await
    }

    /// Does the same with the fields of the message itself, for types that [`Values`] does not have.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn insert_fields(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
        fields_data: Vec<FieldData>,
        num_rows: u32,
    ) -> u64 {
        let request = InsertRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: partition.unwrap_or_default().to_owned(),
            fields_data,
            num_rows,
        };
        let send = |mut client: Client, request| async move { client.insert(request).await };
        let reply = self.call(&collection.database, request, send, |reply| reply.status.as_ref()).await;
        reply.insert_cnt.try_into().expect("a number of rows")
    }

    /// Deletes the rows that match an expression, such as `id in [1, 2]`, and returns the number of keys in it.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn delete(&self, collection: &CollectionRef, expr: &str) -> u64 {
        let request = DeleteRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: String::new(),
            expr: expr.to_owned(),
        };
        let send = |mut client: Client, request| async move { client.delete(request).await };
        let reply = self.call(&collection.database, request, send, |reply| reply.status.as_ref()).await;
        reply.delete_cnt.try_into().expect("a number of keys")
    }

    /// Reads the rows that match an expression, with strong consistency; no partitions means all partitions.
    ///
    /// The collection must be loaded. Servers return at most 16,384 rows.
    ///
    /// # Panics
    /// Panics if the server refuses, or returns values of a type that [`Values`] does not have.
    pub async fn query(
        &self,
        collection: &CollectionRef,
        partitions: &[String],
        expr: &str,
        output_fields: &[String],
    ) -> Vec<Column> {
        let request = QueryRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            expr: expr.to_owned(),
            output_fields: output_fields.to_vec(),
            partition_names: partitions.to_vec(),
            guarantee_timestamp: 0,
            consistency_level: ConsistencyLevel::Strong.into(),
            use_default_consistency: false,
        };
        let send = |mut client: Client, request| async move { client.query(request).await };
        let reply = self.call(&collection.database, request, send, |reply| reply.status.as_ref()).await;
        let columns = reply.fields_data.into_iter().map(column::from_wire);
        columns.collect::<Option<_>>().expect("values of known types")
    }

    /// Counts the rows of a loaded collection without deleted rows; not supported before Milvus 2.3.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn row_count(&self, collection: &CollectionRef) -> u64 {
        self.row_count_where(collection, "").await
    }

    /// Counts the rows that match an expression; several rows with the same key all count.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn row_count_where(&self, collection: &CollectionRef, expr: &str) -> u64 {
        let columns = self.query(collection, &[], expr, &[COUNT_FIELD.to_owned()]).await;
        let Some(Column { values: Values::Long(counts), .. }) = columns.first() else {
            panic!("no count in {columns:?}")
        };
        counts[0].try_into().expect("a number of rows")
    }

    /// Creates a database in an encryption zone, on a server with a cipher plugin.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn create_encrypted_database(&self, name: &str) {
        let zone = [("cipher.ezID", "7"), ("cipher.key", "kms-1")];
        let zone = zone.map(|(key, value)| KeyValuePair { key: key.to_owned(), value: value.to_owned() });
        let request = CreateDatabaseRequest { db_name: name.to_owned(), properties: zone.to_vec() };
        self.call(
            "",
            request,
            |mut client: Client, request| async move { client.create_database(request).await },
            |status| Some(status),
        )
        .await;
    }

    /// Drops a database; fails if it contains collections.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn drop_database(&self, name: &str) {
        let request = DropDatabaseRequest { db_name: name.to_owned() };
        self.call(
            "",
            request,
            |mut client: Client, request| async move { client.drop_database(request).await },
            |status| Some(status),
        )
        .await;
    }

    /// Drops an alias, whichever collection of the database it belongs to.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn drop_alias(&self, database: &str, alias: &str) {
        let request = DropAliasRequest { db_name: database.to_owned(), alias: alias.to_owned() };
        self.call(
            database,
            request,
            |mut client: Client, request| async move { client.drop_alias(request).await },
            |status| Some(status),
        )
        .await;
    }

    /// Sends a request until the server accepts it; `status` returns the status that a reply contains.
    async fn call<Q: Clone + Debug, R, F>(
        &self,
        database: &str,
        message: Q,
        send: impl Fn(Client, Request<Q>) -> F,
        status: impl Fn(&R) -> Option<&Status>,
    ) -> R
    where
        F: Future<Output = Result<Response<R>, tonic::Status>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(PATIENCE);
            if let Some(authorization) = &self.authorization {
                request.metadata_mut().insert("authorization", authorization.clone());
            }
            if !database.is_empty() {
                request.metadata_mut().insert("dbname", database.parse().expect("a name"));
            }
            let refusal = match send(self.client.clone(), request).await {
                Ok(reply) => match status(reply.get_ref()).filter(|status| is_refusal(status)) {
                    None => return reply.into_inner(),
                    Some(status) => format!("{status:?}"),
                },
                Err(status) => status.to_string(),
            };
            assert!(Instant::now() < deadline, "{refusal}");
            sleep(RETRY_DELAY).await;
        }
    }
}

/// Returns whether a status is not that of success, in the fields of any release of Milvus.
fn is_refusal(status: &Status) -> bool {
    status.code != 0 || status.error_code != 0
}
