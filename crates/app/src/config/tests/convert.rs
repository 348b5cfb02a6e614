use milvus::{Auth, Tls};
use storage::{S3Addressing, S3Config, S3Credentials, StoreConfig};

use super::super::Usage;
use super::{Case, Environment};

fn s3(text: &str) -> Result<S3Config, String> {
    let case = Case::new(&format!("configVersion: v2\n{text}"));
    match case.load([]).engine(&Environment::default(), Usage::Milvus) {
        Ok(engine) => match engine.source.store {
            StoreConfig::S3(config) => Ok(config),
            StoreConfig::Disk => Err("local".to_owned()),
        },
        Err(error) => Err(case.plain(&error.to_string())),
    }
}

#[test]
fn defaults_make_an_engine() {
    let config = Case::new("configVersion: v2\n").load([]);
    let engine = config
        .engine(&Environment::from([("HOSTNAME", "h")]), Usage::Milvus)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((engine.milvus.address.as_str(), engine.milvus.port), ("localhost", 19530));
    assert!(matches!(engine.milvus.tls, Tls::Disabled) && matches!(engine.milvus.auth, Auth::None));
    assert_eq!(engine.milvus.management_endpoint.as_deref(), Some("http://localhost:9091"));
    assert_eq!((engine.source.root.as_str(), engine.backup.root.as_str()), ("files", "backup"));
    assert_eq!(engine.host, "h");
    assert_eq!(engine.limits.copies.get(), 128);
    assert_eq!(engine.limits.multipart_threshold, 500 << 20);
    assert_eq!(engine.limits.bytes_per_second, None);
    assert_eq!(engine.limits.stall.as_secs(), 900);
    assert!(config.log().file.is_none());
    assert_eq!(config.log().level, "info");
}

#[test]
fn stores_are_addressed_as_their_providers_want() {
    let config = s3("").unwrap();
    assert_eq!((config.endpoint.as_str(), config.addressing), ("http://localhost:9000", S3Addressing::Auto));
    let config =
        s3("milvus: {storage: {provider: TENCENT, address: cos.eu, port: 443, useSSL: on}}\n").unwrap();
    assert_eq!((config.endpoint.as_str(), config.addressing), ("https://cos.eu", S3Addressing::VirtualHost));
    let config = s3("milvus: {storage: {provider: gcp, address: 'fe80::1', port: 80}}\n").unwrap();
    assert_eq!((config.endpoint.as_str(), config.region.as_str()), ("http://[fe80::1]", "auto"));
}

#[test]
fn logins_become_keys_or_the_chain() {
    let credentials = |storage: &str| {
        s3(&format!("milvus: {{storage: {storage}}}\n")).map(|config| match config.credentials {
            S3Credentials::Static { access_key_id, session_token, .. } => {
                format!("{access_key_id} {}", session_token.is_some())
            }
            S3Credentials::Chain { iam_endpoint } => format!("chain {iam_endpoint:?}"),
        })
    };
    assert_eq!(credentials("{}").as_deref(), Ok("minioadmin false"));
    assert_eq!(credentials("{auth: {sessionToken: t}}").as_deref(), Ok("minioadmin true"));
    assert_eq!(credentials("{provider: aws}").as_deref(), Ok("chain None"));
    assert_eq!(
        credentials("{provider: aws, auth: {accessKeyID: a, secretAccessKey: b}}").as_deref(),
        Ok("a false")
    );
    assert_eq!(credentials("{auth: {accessKeyID: '', secretAccessKey: ''}}").as_deref(), Ok("chain None"));
    assert_eq!(
        credentials("{auth: {type: iam, endpoint: 'http://m'}}").as_deref(),
        Ok("chain Some(\"http://m\")")
    );
    assert_eq!(
        credentials("{provider: hwc, auth: {type: iam}}").unwrap_err(),
        "c.yaml line 2: milvus.storage.auth.type: login without keys at hwc is not supported yet; set an access key pair"
    );
    assert!(credentials("{provider: azure, accountName: a, auth: {type: sharedKey, accountKey: k}}").unwrap_err().starts_with(
        "c.yaml line 2: milvus.storage.provider: azure is not supported yet; use local or an S3 provider"
    ));
}

#[test]
fn local_roots_become_absolute() {
    let root = |storage: &str| {
        let case = Case::new(&format!("configVersion: v2\nmilvus: {{storage: {storage}}}\n"));
        let config = match case.try_load([]) {
            Ok(config) => config,
            Err(error) => return Err(case.plain(&error.to_string())),
        };
        let engine = config.engine(&Environment::default(), Usage::Milvus);
        engine
            .map(|engine| (engine.source.root_text, engine.source.root.to_string()))
            .map_err(|e| case.plain(&e.to_string()))
    };
    assert_eq!(
        root("{provider: local, rootPath: /d/milvus/}"),
        Ok(("/d/milvus".to_owned(), "d/milvus".to_owned()))
    );
    let here = std::env::current_dir().unwrap().join("data").display().to_string();
    assert_eq!(root("{provider: local, rootPath: ./data}").map(|(text, _)| text), Ok(here));
    assert_eq!(
        root("{provider: local, rootPath: /d, localPath: /d/}").map(|(text, _)| text).as_deref(),
        Ok("/d")
    );
    let config =
        Case::new("configVersion: v2\nmilvus: {storage: {provider: local, rootPath: /d, localPath: /m}}\n")
            .load([]);
    let engine = config.engine(&Environment::default(), Usage::Milvus).unwrap();
    assert_eq!((engine.source.seen_as.as_deref(), engine.backup.seen_as), (Some("/m"), None));
    assert_eq!(
        root("{provider: local, rootPath: /d, localPath: d}").unwrap_err(),
        "c.yaml line 2: milvus.storage.localPath: expected an absolute path, not \"d\""
    );
    assert!(root("{provider: local, rootPath: /}").unwrap_err().contains("expected a directory of its own"));
}

#[test]
fn certificate_files_are_checked() {
    let case =
        Case::new("configVersion: v2\nmilvus:\n  grpc:\n    tlsMode: server\n    caCertPath: /none/ca.pem\n");
    let error = case.load([]).engine(&Environment::default(), Usage::Milvus).unwrap_err();
    assert_eq!(
        case.plain(&error.to_string()),
        "c.yaml line 5: milvus.grpc.caCertPath: cannot read /none/ca.pem: No such file or directory (os error 2)"
    );
    let no_pem = case.file("ca.pem", "nothing").display().to_string();
    let case = case.set(&[&format!("milvus.grpc.caCertPath={no_pem}")]);
    let error = case.load([]).engine(&Environment::default(), Usage::Milvus).unwrap_err();
    assert!(
        error.to_string().ends_with("ca.pem is not a PEM file (it contains no `-----BEGIN …`)"),
        "{error}"
    );
    case.file("ca.pem", "-----BEGIN CERTIFICATE-----\n");
    let engine =
        case.load([]).engine(&Environment::default(), Usage::Milvus).unwrap_or_else(|e| panic!("{e}"));
    assert!(matches!(engine.milvus.tls, Tls::Server { ca: Some(_), server_name: None }));
}

#[test]
fn slashes_around_roots_in_buckets_are_removed_with_a_warning() {
    let config = Case::new("minio: {rootPath: /files/, backupRootPath: backup}\n").load([]);
    assert_eq!(config.warnings, ["minio.rootPath: \"/files/\" is used as \"files\""]);
}

#[test]
fn a_token_replaces_the_password() {
    let config = Case::new("configVersion: v2\n").load([("MILVUS_TOKEN", "t")]);
    assert!(matches!(
        config.engine(&Environment::default(), Usage::Milvus).unwrap().milvus.auth,
        Auth::Token(_)
    ));
    let both = Case::new("configVersion: v2\nmilvus: {user: u}\n").load([("MILVUS_TOKEN", "t")]);
    assert!(matches!(
        both.engine(&Environment::default(), Usage::Milvus).unwrap().milvus.auth,
        Auth::Token(_)
    ));
    assert_eq!(both.warnings, ["milvus.user is ignored, because milvus.token is set"]);
}

#[test]
fn a_password_without_a_user_is_ignored_with_a_warning() {
    let config = Case::new("milvus: {user: \"\", password: secret}\n").load([]);
    assert!(matches!(config.engine(&Environment::default(), Usage::Milvus).unwrap().milvus.auth, Auth::None));
    assert_eq!(config.warnings, ["milvus.password is ignored, because milvus.user is empty"]);
}

#[test]
fn urls_without_a_scheme_get_one() {
    let case = Case::new(
        "backup: {gcPause: {address: localhost}}\nminio: {useIAM: true, iamEndpoint: \"10.0.0.1:80\"}\n",
    );
    let config = case.load([]);
    assert_eq!(
        config.shown("milvus.management.endpoint"),
        "http://localhost (c.yaml:1 backup.gcPause.address)"
    );
    assert_eq!(
        config.shown("milvus.storage.auth.endpoint"),
        "http://10.0.0.1:80 (c.yaml:2 minio.iamEndpoint)"
    );
}

#[test]
fn bucket_names_that_are_paths_or_urls_are_rejected_with_the_way_out() {
    for (bucket, expected) in [
        ("a/b", "not \"a/b\"; set the path with minio.rootPath"),
        ("s3://b", "without a scheme, not \"s3://b\""),
        ("/u01/b", "not \"/u01/b\"; for a directory set storage.storageType to local"),
        ("a b", "without white space, not \"a b\""),
    ] {
        let error = Case::new(&format!("minio: {{bucketName: \"{bucket}\"}}\n")).error([]);
        assert!(
            error.starts_with("c.yaml line 1: minio.bucketName: expected the name of a bucket"),
            "{error}"
        );
        assert!(error.ends_with(expected), "a wrong value counts once: {error}");
    }
    let root = Case::new("minio: {rootPath: /u01/b}\n").load([]).warnings;
    assert!(root[0].ends_with("for a directory set storage.storageType to local"), "{root:?}");
}

#[test]
fn other_words_for_providers_are_known_or_suggested() {
    for word in ["gcs", "google", "gcp"] {
        let config =
            Case::new(&format!("minio: {{storageType: {word}, accessKeyID: a, secretAccessKey: b}}\n"));
        assert!(config.load([]).shown("milvus.storage.provider").starts_with("gcp "), "{word}");
    }
    let error = Case::new("minio: {storageType: mino}\n").error([]);
    assert!(error.ends_with("did you mean minio?"), "{error}");
}
