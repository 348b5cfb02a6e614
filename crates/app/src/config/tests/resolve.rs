use milvus::Auth;
use secrecy::ExposeSecret;

use super::super::Usage;
use super::super::keys;
use super::{Case, Config, Environment, Request};

const V1: &str = "milvus:\n  address: db\n  port: \"19531\"\nminio:\n  cloudProvider: ali\n  address: store\n  bucketName: mb\n";

#[test]
fn the_sample_contains_the_defaults() {
    let sample = include_str!("../../../../../configs/backup.yaml");
    let from_sample = Case::new(sample).load([]);
    assert!(from_sample.warnings.is_empty(), "{:?}", from_sample.warnings);
    let defaults = Case::new("configVersion: v2\n").load([]);
    for (sample, default) in from_sample.rows().iter().zip(defaults.rows()) {
        assert_eq!((sample.key, &sample.value), (default.key, &default.value));
        let last = sample.key.rsplit('.').next().unwrap_or_default();
        let inherited = sample.key.starts_with("backup.storage.") && sample.source == "default";
        assert!(inherited || sample.source != "default", "{last} is missing in the sample");
    }
}

#[test]
fn no_file_means_v2_and_its_defaults() {
    let load = |variables| {
        let request = Request { file: "", set: &[], flags: &[] };
        Config::load(&request, &variables).unwrap_or_else(|error| panic!("{error}"))
    };
    let config = load(Environment::from([("MILVUS_USER", "root"), ("MINIO_ADDRESS", "store")]));
    assert_eq!(config.shown("milvus.user"), "root (env MILVUS_USER)");
    assert_eq!(config.shown("milvus.storage.address"), "localhost (default)");
    assert_eq!(
        config.warnings,
        [
            "environment variable MINIO_ADDRESS is ignored without a v1 configuration file; use --set milvus.storage.address=…"
        ]
    );
}

#[test]
fn flag_beats_set_beats_environment_beats_file_beats_default() {
    let case = Case::new("configVersion: v2\nlog:\n  level: warn\nmilvus:\n  user: from-file\n");
    assert_eq!(case.load([]).shown("milvus.user"), "from-file (c.yaml:5)");
    let variables = [("MILVUS_USER", "from-env")];
    assert_eq!(case.load(variables).shown("milvus.user"), "from-env (env MILVUS_USER)");
    let case = case.set(&["Milvus.User=from-set", "log.level=error"]);
    assert_eq!(case.load(variables).shown("milvus.user"), "from-set (--set)");
    assert_eq!(case.load(variables).shown("log.level"), "error (--set)");
    let case = case.flag((keys::LOG_LEVEL.any(), "debug".to_owned(), "-v"));
    assert_eq!(case.load(variables).shown("log.level"), "debug (flag -v)");
    assert_eq!(case.load(variables).shown("log.console"), "true (default)");
}

#[test]
fn set_takes_the_names_of_variables_too() {
    let case = Case::new(V1).set(&["MINIO_ADDRESS=other", "minio.port=1"]);
    let config = case.load([("MINIO_ADDRESS", "env")]);
    assert_eq!(config.shown("milvus.storage.address"), "other (--set MINIO_ADDRESS)");
    assert_eq!(config.shown("milvus.storage.port"), "1 (--set minio.port)");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn v1_is_translated_with_its_sources() {
    let config = Case::new(V1).load([]);
    assert_eq!(config.shown("milvus.grpc.port"), "19531 (c.yaml:3 milvus.port)");
    assert_eq!(config.shown("milvus.storage.provider"), "aliyun (c.yaml:5 minio.cloudProvider)");
    assert_eq!(config.shown("backup.storage.provider"), "aliyun (c.yaml:5 minio.cloudProvider)");
    assert_eq!(config.shown("backup.storage.bucketName"), "mb (c.yaml:7 minio.bucketName)");
    assert_eq!(config.shown("backup.storage.rootPath"), "files (default)");
    assert_eq!(config.shown("milvus.storage.auth.secretAccessKey"), "**** (default)");
    assert_eq!(config.shown("backup.pauseGC"), "true (default)");
    assert_eq!(config.shown("transfer.mode"), "auto (default)");
}

#[test]
fn v1_inherits_unless_set_even_to_nothing() {
    let text = "minio:\n  rootPath: data\n  token: t\n  backupToken: ''\n  gcpCredentialJSON: x\n";
    let config = Case::new(text).load([("MINIO_REGION", "eu")]);
    assert_eq!(config.shown("backup.storage.rootPath"), "data (c.yaml:2 minio.rootPath)");
    assert_eq!(config.shown("backup.storage.auth.sessionToken"), " (c.yaml:4 minio.backupToken)");
    assert_eq!(config.shown("backup.storage.region"), "eu (env MINIO_REGION)");
    let config = Case::new("minio:\n  rootPath: ''\n").load([]);
    assert_eq!(config.shown("backup.storage.rootPath"), "backup (default)");
}

#[test]
fn v2_inherits_all_but_the_root() {
    let text = "configVersion: V2\nmilvus:\n  storage:\n    rootPath: data\n    address: store\nbackup:\n  storage:\n    port: 9001\n";
    let config = Case::new(text).load([("MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY", "s3cret")]);
    assert_eq!(config.shown("backup.storage.address"), "store (c.yaml:5 milvus.storage.address)");
    assert_eq!(config.shown("backup.storage.rootPath"), "backup (default)");
    assert_eq!(config.shown("backup.storage.port"), "9001 (c.yaml:8)");
    assert_eq!(
        config.shown("backup.storage.auth.secretAccessKey"),
        "**** (env MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY)"
    );
}

#[test]
fn keys_of_0_4_15_are_all_known() {
    let text = "
log: {level: panic, console: no, format: json, file: {rootPath: logs/b.log, maxSize: 10, maxBackups: 3, maxAge: 7}}
grpc: {log: {level: ERROR}}
http: {enabled: yes, debug_mode: on, simpleResponse: true}
milvus: {address: 'https://host', port: '19530', authorizationEnabled: true, tlsMode: 0, user: root, password: Milvus}
minio: {cloudProvider: minio, useIAM: false, iamEndpoint: ''}
backup:
  maxSegmentGroupSize: 2G
  parallelism: {backupCollection: 2, copydata: 3, restoreCollection: 4}
  keepTempFiles: true
  gcPause: {enable: false, seconds: 7200, address: 'http://m:9091'}
";
    let config = Case::new(text).load([]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.shown("log.file.path"), "logs/b.log (c.yaml:2 log.file.rootPath)");
    assert_eq!(config.shown("log.file.maxDays"), "7 (c.yaml:2 log.file.maxAge)");
    assert_eq!(config.shown("log.level"), "error (c.yaml:2)");
    assert_eq!(config.shown("server.debugMode"), "true (c.yaml:4 http.debug_mode)");
    assert_eq!(config.shown("milvus.grpc.address"), "host (c.yaml:5 milvus.address)");
    assert_eq!(config.shown("milvus.grpc.tlsMode"), "server (c.yaml:5 milvus.address)");
    assert_eq!(config.shown("transfer.concurrency"), "3 (c.yaml:9 backup.parallelism.copydata)");
    assert_eq!(config.shown("backup.pauseGC"), "false (c.yaml:11 backup.gcPause.enable)");
}

#[test]
fn v1_logins_keep_only_their_own_credentials() {
    let azure = Case::new("storage: {storageType: azure}\nminio: {accessKeyID: acc, secretAccessKey: key}\n")
        .load([]);
    assert_eq!(azure.shown("milvus.storage.accountName"), "acc (c.yaml:2 minio.accessKeyID)");
    assert_eq!(azure.shown("milvus.storage.auth.type"), "sharedKey (c.yaml:1 storage.storageType)");
    assert_eq!(azure.shown("milvus.storage.auth.accountKey"), "**** (c.yaml:2 minio.secretAccessKey)");
    assert_eq!(azure.shown("milvus.storage.auth.accessKeyID"), " (default)");
    let iam =
        Case::new("minio: {cloudProvider: aws, useIAM: true, accessKeyID: a, iamEndpoint: 'http://m'}\n")
            .load([]);
    assert_eq!(iam.shown("milvus.storage.auth.type"), "iam (c.yaml:1 minio.useIAM)");
    assert_eq!(iam.shown("milvus.storage.auth.endpoint"), "http://m (c.yaml:1 minio.iamEndpoint)");
    assert_eq!(iam.shown("milvus.storage.auth.accessKeyID"), " (default)");
}

#[test]
fn v1_tls_modes_become_words() {
    let mode = |text: &str| Case::new(text).load([]).shown("milvus.grpc.tlsMode");
    assert_eq!(mode("milvus: {tlsMode: 1}"), "server (c.yaml:1 milvus.tlsMode)");
    assert_eq!(
        mode("milvus: {tlsMode: 2, mtlsCertPath: c, mtlsKeyPath: k}"),
        "mutual (c.yaml:1 milvus.tlsMode)"
    );
    let config = Case::new("milvus: {tlsMode: 2}").load([]);
    assert_eq!(config.shown("milvus.grpc.tlsMode"), "server (c.yaml:1 milvus.tlsMode)");
    assert_eq!(config.warnings.len(), 1);
    let config = Case::new("milvus: {tlsMode: 3}").load([]);
    assert_eq!(config.shown("milvus.grpc.tlsMode"), "disabled (c.yaml:1 milvus.tlsMode)");
    assert!(config.warnings[0].ends_with("the connection is not encrypted, as with 0.4.15"));
}

#[test]
fn values_that_go_releases_ignore_are_replaced_with_a_warning() {
    let text = "log: {format: ''}\nhttp: {simpleResponse: ''}\nminio: {useSSL: maybe, multipartCopyThresholdMiB: 0}\n\
                backup: {gcPause: {address: 'local host'}}";
    let case = Case::new(text);
    let config = case.load([]);
    for (key, shown) in [
        ("log.format", "text (c.yaml:1)"),
        ("server.simpleResponse", "false (c.yaml:2 http.simpleResponse)"),
        ("milvus.storage.useSSL", "false (c.yaml:3 minio.useSSL)"),
        ("transfer.multipartCopyThresholdMiB", "500 (c.yaml:3 minio.multipartCopyThresholdMiB)"),
        ("milvus.management.endpoint", " (c.yaml:4 backup.gcPause.address)"),
    ] {
        assert_eq!(config.shown(key), shown);
    }
    assert_eq!(config.warnings.len(), 5, "{:?}", config.warnings);
    let expected = "c.yaml line 3: minio.useSSL: expected true or false, not \"maybe\"; false is used, as in Milvus \
                    Backup (Go)";
    assert!(config.warnings.iter().any(|warning| case.plain(warning) == expected), "{:?}", config.warnings);
    let error = case.set(&["minio.useSSL=perhaps"]).error([]);
    assert!(error.contains("minio.useSSL: expected true or false, not \"perhaps\""), "{error}");
}

#[test]
fn secrets_may_come_from_files() {
    let case = Case::new(V1);
    let secret = case.file("secret", "hunter2\n").display().to_string();
    let config = case.load([("MILVUS_USER", "root"), ("MILVUS_PASSWORD_FILE", &secret)]);
    assert_eq!(config.shown("milvus.password"), "**** (env MILVUS_PASSWORD_FILE)");
    assert_eq!(
        case.error([("MILVUS_PASSWORD_FILE", &secret), ("MILVUS_PASSWORD", "x")]),
        "environment variable MILVUS_PASSWORD: MILVUS_PASSWORD_FILE is set too; set only one of them"
    );
    assert_eq!(
        case.error([("MINIO_SECRET_KEY_FILE", "/none")]),
        "environment variable MINIO_SECRET_KEY_FILE: cannot read /none: No such file or directory (os error 2)"
    );
}

#[test]
fn unusable_variables_are_ignored_with_a_warning() {
    let config = Case::new(V1).load([("MILVUS_PORT", "tcp://10.0.0.7:19530"), ("MILVUS_USER", "")]);
    assert_eq!(config.shown("milvus.grpc.port"), "19531 (c.yaml:3 milvus.port)");
    assert_eq!(
        config.warnings,
        [
            "environment variable MILVUS_PORT is ignored: tcp://10.0.0.7:19530 is a service link of Kubernetes, not a port",
            "environment variable MILVUS_USER is ignored: it is empty",
        ]
    );
}

#[test]
fn errors_name_file_line_and_key() {
    let v2 = |text: &str| Case::new(&format!("configVersion: v2\n{text}")).error([]);
    assert_eq!(
        v2("milvus:\n  grpc:\n    Port: no-port\n"),
        "c.yaml line 4: milvus.grpc.Port: expected a port (1 to 65535), not \"no-port\""
    );
    assert_eq!(
        v2("milvus:\n  grpc:\n    port: [1]\n"),
        "c.yaml line 4: milvus.grpc.port: expected a port (1 to 65535), not a list"
    );
    assert_eq!(
        v2("milvus:\n  user:\n    name: x\n"),
        "c.yaml line 3: milvus.user: expected a value, not keys below it"
    );
    assert_eq!(
        v2("milvus: {grpc: {tlsMode: 1}}\n"),
        "c.yaml line 2: milvus.grpc.tlsMode: expected one of disabled, server, mutual, not \"1\""
    );
    assert_eq!(
        v2("milvus: {grpc: {tlsMode: mutual, port: 0}, storage: {provider: floppy}}\n"),
        "2 configuration values are invalid\n  \
         c.yaml line 2: milvus.grpc.port: expected a port (1 to 65535), not \"0\"\n  \
         c.yaml line 2: milvus.storage.provider: expected one of local, minio, s3, aws, ceph, gcp, gcpnative, azure, aliyun, tencent, hwc, not \"floppy\""
    );
    assert_eq!(
        Case::new("configVersion: 3\n").error([]),
        "c.yaml line 1: configVersion: expected v1 or v2, not \"3\""
    );
    assert_eq!(Case::new("milvus: [").error([]).split(':').next(), Some("c.yaml line 1"));
    assert_eq!(
        Case::new(V1).set(&["minio.port=x"]).error([]),
        "--set minio.port: expected a port (1 to 65535), not \"x\""
    );
    assert_eq!(
        Case::new(V1).error([("MILVUS_TLS_MODE", "x")]),
        "environment variable MILVUS_TLS_MODE: expected a number, not \"x\""
    );
}

#[test]
fn violations_are_reported_together() {
    let text = "configVersion: v2
milvus:
  password: p
  grpc: {address: 'host:19530', tlsMode: mutual}
  storage: {provider: azure, localPath: /x, auth: {type: static, accountKey: k}}
";
    let error = Case::new(text).error([]);
    for part in [
        "7 configuration values are invalid\n  c.yaml line 5: milvus.storage.provider: azure is not supported yet",
        "milvus.grpc.address: expected a host without port, not \"host:19530\"; set the port with milvus.grpc.port",
        "\n  milvus.grpc.mtlsCertPath: required by tlsMode mutual",
        "c.yaml line 5: milvus.storage.localPath: allowed only with provider local, not azure",
        "milvus.storage.accountName: the name of the account is required by provider azure",
        "milvus.storage.auth.type: static is not available for provider azure; use sharedKey or default",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
}

#[test]
fn a_section_needs_keys_below_it() {
    for (text, told) in [
        (
            "configVersion: v2\nmilvus: {grpc: 5}\n",
            "c.yaml line 2: milvus.grpc: expected a section with keys below it, not a value",
        ),
        ("Minio: x\n", "c.yaml line 1: Minio: expected a section with keys below it, not a value"),
    ] {
        assert_eq!(Case::new(text).error([]), told);
    }
}

#[test]
fn a_secret_file_that_is_empty_is_ignored_with_a_warning() {
    let config = Case::new(V1).load([("MINIO_SECRET_KEY_FILE", "/dev/null")]);
    let told = "environment variable MINIO_SECRET_KEY_FILE is ignored: /dev/null is empty";
    assert!(config.warnings.iter().any(|warning| warning == told), "{:?}", config.warnings);
}

#[test]
fn white_space_at_the_end_of_credentials_is_removed_with_a_warning() {
    let case = Case::new("configVersion: v2\nmilvus: {user: \"root \", password: \" a b \"}\n");
    let config = case.load([("MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY", "\u{feff}key\n")]);
    let warnings: Vec<_> = config.warnings.iter().map(|warning| case.plain(warning)).collect();
    assert_eq!(
        warnings,
        [
            "milvus.user: white space at its end is removed (c.yaml:2)",
            "milvus.password: white space at its end is removed (c.yaml:2)",
            "milvus.storage.auth.secretAccessKey: white space at its end is removed \
             (env MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY)",
        ]
    );
    let Auth::Password { user, password } =
        config.engine(&Environment::default(), Usage::Milvus).unwrap().milvus.auth
    else {
        panic!("no password")
    };
    assert_eq!((user.as_str(), password.expose_secret()), ("root", " a b"));
}

#[test]
fn an_unknown_key_of_set_is_an_error_unless_another_release_has_it() {
    let case = Case::new("configVersion: v2\nmilvus: {username: x}\n").set(&["milvus.grpc.prot=1"]);
    assert_eq!(
        case.error([]),
        "--set milvus.grpc.prot: unknown key; did you mean milvus.grpc.port?\n  \
         warning: c.yaml line 2: unknown key milvus.username is ignored; did you mean milvus.user?"
    );
    for known in ["minio.port=1", "MINIO_PORT=1", "NO_SUCH_VARIABLE=1"] {
        let config = Case::new("configVersion: v2\n").set(&[known]).load([]);
        assert_eq!(config.warnings.len(), 1, "{known}: {:?}", config.warnings);
    }
}

#[test]
fn unknown_keys_are_reported_with_the_most_similar_key() {
    let case = Case::new("milvus:\n  adress: x\n  grpc:\n    port: 1\nminio:\n  bucket: x\nfoo: 1\n")
        .set(&["MINIO_ADRESS=1"]);
    let warnings: Vec<_> = case.load([]).warnings.iter().map(|warning| case.plain(warning)).collect();
    assert_eq!(
        warnings,
        [
            "c.yaml line 7: unknown key foo is ignored",
            "c.yaml line 2: unknown key milvus.adress is ignored; did you mean milvus.address?",
            "c.yaml line 4: v2 key milvus.grpc.port is ignored in a v1 configuration; use milvus.port",
            "c.yaml line 6: unknown key minio.bucket is ignored; did you mean minio.bucketName?",
            "--set: unknown key MINIO_ADRESS is ignored; did you mean minio.address?",
        ]
    );
    let case =
        Case::new("configVersion: v2\nminio:\n  address: x\n  crossStorage: true\nhttp: {enabled: true}\n");
    let warnings: Vec<_> = case.load([]).warnings.iter().map(|warning| case.plain(warning)).collect();
    assert_eq!(
        warnings,
        [
            "c.yaml line 5: v1 key http.enabled is ignored; v2 has no such key",
            "c.yaml line 3: v1 key minio.address is ignored in a v2 configuration; use milvus.storage.address",
            "c.yaml line 4: v1 key minio.crossStorage is ignored in a v2 configuration; use transfer.mode",
        ]
    );
}

#[test]
fn the_file_is_searched_in_three_directories() {
    let case = Case::new("x: 1");
    let conf = case.dir.path().join("conf");
    std::fs::create_dir(&conf).unwrap();
    std::fs::write(conf.join("c.json"), "{\"milvus\": {\"port\": 7}}").unwrap();
    let missing = case.dir.path().join("c.json").display().to_string();
    let request = Request { file: &missing, set: &[], flags: &[] };
    let conf = conf.display().to_string();
    let config = Config::load(&request, &Environment::from([("MILVUSCONF", conf.as_str())]));
    assert_eq!(
        config.unwrap_or_else(|e| panic!("{e}")).shown("milvus.grpc.port"),
        "7 (c.json:1 milvus.port)"
    );
    let error = Config::load(&request, &Environment::default()).err().unwrap();
    assert_eq!(case.plain(&error.to_string()), "there is no configuration file DIR/c.json");
    assert_eq!(
        case.plain(&error.hint()),
        "tried DIR/c.json, configs/c.json; name a file with --config FILE, or use --config \"\" to run with the defaults"
    );
    let toml = case.file("c.toml", "").display().to_string();
    let error =
        Config::load(&Request { file: &toml, set: &[], flags: &[] }, &Environment::default()).err().unwrap();
    assert_eq!(case.plain(&error.to_string()), "DIR/c.toml is neither YAML nor JSON");
}
