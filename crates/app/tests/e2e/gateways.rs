//! Backups and restores through gateways that answer as those of other vendors do, in front of Ceph RGW.

use futures::TryStreamExt;
use http::Method;
use http::request::Parts;
use model::key::ObjectKey;
use model::name::CollectionRef;
use storage::{NewObjectOptions, S3Addressing, S3Config, S3Credentials, Store, StoreConfig};
use testkit::gateway::{Gateway, Treatment};
use testkit::servers::{self, S3Server, ServerStorage};

use crate::source::create_collections;
use crate::tool::{BACKUP_BUCKET, Run, Tool};

/// The Milvus whose files are in the store, a collection in it, and a tool that reaches the store through a gateway.
struct Scene {
    gateway: Gateway,
    tool: Tool,
    collection: CollectionRef,
    milvus: testkit::test_milvus::TestMilvus,
}

impl Scene {
    /// Returns `None` if there are no servers.
    async fn new(rule: impl Fn(&Parts) -> Treatment + Send + Sync + 'static) -> Option<Self> {
        let (Some(server), Some(s3)) = (servers::milvus_s3(), servers::s3()) else { return None };
        let milvus = server.connect().await;
        let collection = create_collections(&milvus, &["apple"]).await.remove(0);
        let tool = Tool::on_s3(&server, &s3).await;
        Some(Self { gateway: Gateway::start(&s3.endpoint, rule), tool, collection, milvus })
    }

    /// Runs a command with both storages behind the gateway.
    fn run(&self, arguments: &str) -> Run {
        let (address, port) = ("127.0.0.1", self.gateway.port());
        self.tool.run_with(
            arguments,
            &[
                ("milvus.storage.address", &address),
                ("milvus.storage.port", &port),
                ("backup.storage.address", &address),
                ("backup.storage.port", &port),
            ],
        )
    }

    /// Creates a backup, restores it under another name, which stages it, and deletes it.
    async fn back_up_restore_and_delete(&self) {
        self.run("check").exits_with(0);
        self.run(&format!("create -n fruit --filter {}", self.collection)).exits_with(0);
        self.run("list").exits_with(0).prints(&["fruit"]);
        self.run("get -n fruit").exits_with(0);
        self.run("restore -n fruit --suffix _copy").exits_with(0);
        let copy = CollectionRef::new(
            self.collection.database.as_str(),
            format!("{}_copy", self.collection.collection),
        );
        assert_eq!(self.milvus.flushed_rows(&copy).await.unwrap(), 100);
        self.run("delete -n fruit --yes").exits_with(0);
        self.run("get -n fruit").exits_with(3);
    }

    fn count_requests(&self, words: &[&str]) -> usize {
        let requests = self.gateway.requests();
        requests.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

#[tokio::test]
async fn a_gateway_confirms_deletions_with_200_and_refuses_to_delete_many_objects_at_once() {
    let rule = |request: &Parts| match (&request.method, request.uri.query()) {
        (&Method::DELETE, _) => Treatment::Status(200),
        (&Method::POST, Some(query)) if query.starts_with("delete") => {
            Treatment::Answer(501, ("x-gateway", "1"), "")
        }
        _ => Treatment::Pass,
    };
    let Some(scene) = Scene::new(rule).await else { return };
    scene.back_up_restore_and_delete().await;
    assert!(scene.count_requests(&["POST", "?delete"]) > 0, "the rule was used");
}

#[tokio::test]
async fn a_gateway_names_the_region_that_it_demands() {
    let rule = |request: &Parts| {
        let authorization = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        if authorization.is_some_and(|text| text.contains("/eu-west-3/s3/")) {
            Treatment::Pass
        } else if request.method == Method::HEAD {
            Treatment::Answer(400, ("x-amz-bucket-region", "eu-west-3"), "")
        } else {
            let document =
                "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>";
            Treatment::Answer(400, ("x-gateway", "1"), document)
        }
    };
    let Some(scene) = Scene::new(rule).await else { return };
    scene.back_up_restore_and_delete().await;
}

#[tokio::test]
async fn a_key_that_may_list_and_read_only_is_enough_to_list_get_and_restore() {
    let Some(scene) = Scene::new(|_| Treatment::Pass).await else { return };
    scene.run(&format!("create -n fruit --filter {}", scene.collection)).exits_with(0);
    let rule = |request: &Parts| match request.method {
        // The backup's bucket is read-only, and metadata may not be requested.
        Method::HEAD => Treatment::Answer(403, ("x-gateway", "1"), ""),
        Method::PUT | Method::POST | Method::DELETE if request.uri.path().starts_with("/backups") => {
            let document = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
            Treatment::Answer(403, ("x-gateway", "1"), document)
        }
        _ => Treatment::Pass,
    };
    let s3 = servers::s3().unwrap();
    let scene = Scene { gateway: Gateway::start(&s3.endpoint, rule), ..scene };
    scene.run("list").exits_with(0).prints(&["fruit"]);
    scene.run("get -n fruit").exits_with(0);
    scene.run("restore -n fruit --suffix _copy").exits_with(0);
    scene.run("check").exits_with(0).prints(&["backups cannot be created"]);
    scene.run("check --for restore").exits_with(0);
    scene.run("check --for backup").exits_with(5).prints(&["backups cannot be created"]);
    scene.run("create -n other").exits_with(5).prints(&["hint:"]);
}

#[tokio::test]
async fn a_check_of_restores_fails_where_files_cannot_be_staged() {
    let denied = |request: &Parts| {
        let writes = matches!(request.method, Method::PUT | Method::POST | Method::DELETE);
        if !writes || request.uri.path().starts_with("/backups") {
            return Treatment::Pass;
        }
        let document = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        Treatment::Answer(403, ("x-gateway", "1"), document)
    };
    let Some(scene) = Scene::new(denied).await else { return };
    let check = |purpose: &str| scene.run(&format!("check --set transfer.mode=streaming{purpose}"));
    check("").exits_with(0).prints(&["staged", "access denied"]);
    check(" --for backup").exits_with(0);
    check(" --for restore").exits_with(5).prints(&["access denied"]);
}

#[tokio::test]
async fn an_archived_backup_hides_no_other() {
    let archived = |request: &Parts| {
        if request.method != Method::GET || !request.uri.path().contains("/cold/meta/backup_meta.json") {
            return Treatment::Pass;
        }
        let document = "<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's \
                        storage class</Message></Error>";
        Treatment::Answer(403, ("x-gateway", "1"), document)
    };
    let Some(scene) = Scene::new(archived).await else { return };
    for name in ["cold", "warm"] {
        scene.run(&format!("create -n {name} --filter {}", scene.collection)).exits_with(0);
    }
    let list = scene.run("list --output json").exits_with(0).json();
    let backups = list["backups"].as_array().unwrap();
    let state = |name: &str| backups.iter().find(|backup| backup["name"] == name).unwrap()["state"].clone();
    assert_eq!((state("cold"), state("warm")), ("unreadable".into(), "complete".into()), "{list}");
    scene.run("list").exits_with(0).prints(&["the object is archived; restore it in the store first"]);
    scene.run("get -n cold").exits_with(7).prints(&["backup cold cannot be read", "the object is archived"]);
    scene.run("get -n warm").exits_with(0);
    scene.run("delete -n cold --yes").exits_with(0);
}

#[tokio::test]
async fn a_name_that_no_backup_has_is_not_deleted_where_reading_is_denied() {
    let rule = |request: &Parts| {
        let lists = request.uri.query().is_some_and(|query| query.contains("list-type"));
        if request.method != Method::GET || lists {
            return Treatment::Pass;
        }
        let document = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        Treatment::Answer(403, ("x-gateway", "1"), document)
    };
    let Some(scene) = Scene::new(rule).await else { return };
    scene.run("delete -n absent --yes").exits_with(3);
}

#[tokio::test]
async fn a_backup_in_the_format_of_a_minio_disk_is_listed_as_unreadable() {
    let Some(scene) = Scene::new(|_| Treatment::Pass).await else { return };
    let backups = open_bucket(&servers::s3().unwrap(), BACKUP_BUCKET, S3Server::ACCESS_KEY_ID);
    let key = format!("{}/raw/meta/backup_meta.json/xl.meta", scene.tool.backup_root);
    backups.write(&ObjectKey::new(&key), "XL2 ".into()).await.unwrap();
    scene.run("list").exits_with(0).prints(&["raw", "unreadable", "backup_meta.json: is a directory"]);
    scene.run("get -n raw").exits_with(7).prints(&["backup raw cannot be read"]);
    scene.run("delete -n raw --yes").exits_with(0);
    scene.run("get -n raw").exits_with(3);
}

/// Opens a bucket as the user of an access key, whose secret is the same.
fn open_bucket(s3: &S3Server, bucket: &str, access_key_id: &str) -> Store {
    let credentials = S3Credentials::Static {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: access_key_id.into(),
        session_token: None,
    };
    let config = S3Config {
        endpoint: s3.endpoint.clone(),
        region: String::new(),
        bucket: bucket.to_owned(),
        addressing: S3Addressing::Auto,
        credentials,
        ca_cert: None,
        new_objects: NewObjectOptions::default(),
    };
    Store::open(&StoreConfig::S3(config)).unwrap()
}

/// Writes an object of as many bytes under the name of every binlog.
async fn copy_as_garbage(from: &Store, to: &Store, root: &str) {
    let mut entries = from.list(&ObjectKey::new(&format!("{root}/insert_log/")));
    while let Some(entry) = entries.try_next().await.unwrap() {
        let garbage = vec![b'Z'; usize::try_from(entry.meta.size).unwrap()];
        to.write(&entry.key, garbage.into()).await.unwrap();
    }
}

#[tokio::test]
async fn two_tenants_with_buckets_of_the_same_name_are_two_places() {
    let (Some(server), Some(s3)) = (servers::milvus_s3(), servers::s3()) else { return };
    let ServerStorage::S3 { bucket, root, .. } = &server.storage else { panic!("{server:?}") };
    let milvus = server.connect().await;
    let collection = create_collections(&milvus, &["apple"]).await.remove(0);
    milvus.flush(&collection).await.unwrap();
    s3.create_bucket_of_other_tenant(bucket).await;
    let tool = Tool::on_s3(&server, &s3).await;
    let run = |arguments: &str| {
        let key = S3Server::OTHER_ACCESS_KEY_ID;
        tool.run_with(
            arguments,
            &[
                ("backup.storage.bucketName", bucket),
                ("backup.storage.auth.accessKeyID", &key),
                ("backup.storage.auth.secretAccessKey", &S3Server::OTHER_SECRET_ACCESS_KEY),
            ],
        )
    };
    run("check").exits_with(0).prints(&["staged"]);
    // The other tenant has other objects under the same names, which a server-side copy would read.
    let bucket_of = |access_key_id| open_bucket(&s3, bucket, access_key_id);
    let (own, other) = (bucket_of(S3Server::ACCESS_KEY_ID), bucket_of(S3Server::OTHER_ACCESS_KEY_ID));
    copy_as_garbage(&own, &other, root).await;
    run(&format!("create -n fruit --filter {collection}")).exits_with(0);
    run("restore -n fruit --suffix _copy").exits_with(0);
    let copy = CollectionRef::new(collection.database.as_str(), format!("{}_copy", collection.collection));
    assert_eq!(milvus.flushed_rows(&copy).await.unwrap(), 100);
    run("delete -n fruit --yes").exits_with(0);
}

#[tokio::test]
async fn a_run_lives_whatever_the_date_of_a_gateway_says() {
    use http::header::{DATE, HeaderValue, LAST_MODIFIED};
    let Some(mut scene) = Scene::new(|_| Treatment::Pass).await else { return };
    let key = ObjectKey::new(&format!("{}/fruit/meta/mb_begin.json", scene.tool.backup_root));
    let marker = r#"{"format_version":1,"owner":"x","use":"write","host":"elsewhere","pid":1,"tool":"t",
        "started_ms":0,"renewed_ms":0}"#;
    let s3 = servers::s3().unwrap();
    let backups = open_bucket(&s3, BACKUP_BUCKET, S3Server::ACCESS_KEY_ID);
    backups.write(&key, marker.into()).await.unwrap();
    let dates = [Some("Mon, 01 Jan 2035 00:00:00 GMT"), Some("Mon, 01 Jan 2001 00:00:00 GMT"), None];
    for date in dates.map(|date| date.map(HeaderValue::from_static)) {
        let rule = move |_: &Parts| Treatment::Headers(vec![(DATE, date.clone()), (LAST_MODIFIED, None)]);
        scene.gateway = Gateway::start(&s3.endpoint, rule);
        scene.run("delete -n fruit --yes").exits_with(1).prints(&["being written by process 1 on elsewhere"]);
    }
}
