use super::super::Usage;
use super::super::migrate::migrate;
use super::{Case, Environment};

const V1: &str = r#"
log: {level: debug, file: {rootPath: logs/b.log}}
milvus:
  address: db
  user: root
  password: "it's \"p\": #1\\"
  tlsMode: 1
  etcd: {endpoints: 'a:1, b:2'}
minio:
  address: store
  port: 9002
  secretAccessKey: from-file
  bucketName: mb
  backupBucketName: bak
  backupRootPath: bk
  crossStorage: yes
backup:
  gcPause: {enable: no}
typo: 1
"#;

#[test]
fn a_migrated_file_means_the_same() {
    let case = Case::new(V1);
    let before = case.load([]);
    let migration = migrate(&case.path(), &Environment::default()).unwrap_or_else(|e| panic!("{e}"));
    assert!(migration.problems.is_empty());
    assert_eq!(migration.warnings.len(), 1, "{:?}", migration.warnings);
    let after = Case::new(&migration.text).load([]);
    assert!(after.warnings.is_empty(), "{:?}", after.warnings);
    for (before, after) in before.rows().iter().zip(after.rows()).skip(1) {
        assert_eq!((before.key, &before.value), (after.key, &after.value), "{}", migration.text);
    }
    let secret = |config: &super::Config| {
        let engine = config.engine(&Environment::default(), Usage::Milvus).unwrap_or_else(|e| panic!("{e}"));
        match engine.milvus.auth {
            milvus::Auth::Password { password, .. } => {
                secrecy::ExposeSecret::expose_secret(&password).to_owned()
            }
            _ => panic!("no password"),
        }
    };
    assert_eq!(secret(&before), "it's \"p\": #1\\");
    assert_eq!(secret(&after), secret(&before));
}

#[test]
fn secrets_of_the_environment_are_named_and_not_written() {
    let variables = [
        ("MINIO_SECRET_KEY", "from-env"),
        ("MILVUS_PASSWORD_FILE", "/proc/sys/kernel/hostname"),
        ("MINIO_ACCESS_KEY", "me"),
        ("MILVUS_USER", "admin"),
    ];
    let case = Case::new(V1);
    let migration = migrate(&case.path(), &Environment::from(variables)).unwrap_or_else(|e| panic!("{e}"));
    let text = &migration.text;
    assert!(!text.contains("from-env") && !text.contains("from-file"), "{text}");
    assert!(text.contains("      # secretAccessKey is read from the environment variable MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY, formerly MINIO_SECRET_KEY\n"), "{text}");
    assert!(
        text.contains(
            "  # password is read from the environment variable MILVUS_PASSWORD_FILE, formerly MILVUS_PASSWORD_FILE\n"
        ),
        "{text}"
    );
    assert!(text.contains("      accessKeyID: \"me\"\n"), "{text}");
    assert!(text.contains("  user: \"admin\"\n"), "{text}");
    assert_eq!(
        migration.variables,
        [
            ("MINIO_ACCESS_KEY".to_owned(), "MILVUS_STORAGE_AUTH_ACCESS_KEY_ID".to_owned()),
            ("MINIO_SECRET_KEY".to_owned(), "MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY".to_owned()),
        ]
    );
}

#[test]
fn values_that_v2_rejects_are_reported() {
    let case = Case::new("storage: {storageType: gcpnative}\n");
    let migration = migrate(&case.path(), &Environment::default()).unwrap_or_else(|e| panic!("{e}"));
    let problems: Vec<_> =
        migration.problems.iter().map(|problem| case.plain(&problem.to_string())).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("gcpnative is not supported yet"), "{problems:?}");
    assert!(
        problems[1].ends_with("auth.credentialsFile: required by auth.type serviceAccount"),
        "{problems:?}"
    );
}

#[test]
fn a_v2_file_is_rejected() {
    let case = Case::new("configVersion: v2\n");
    let error = migrate(&case.path(), &Environment::default()).err().unwrap();
    assert_eq!(case.plain(&error.to_string()), "c.yaml is already a v2 configuration");
    let error = migrate("", &Environment::default()).err().unwrap();
    assert_eq!(error.to_string(), "there is no configuration file to migrate");
}

proptest::proptest! {
    #[test]
    fn any_password_survives(password in "\\PC*", user in "[!-~][ -~]{0,40}") {
        let v1 = serde_json::json!({"milvus": {"user": user, "password": password}});
        let case = Case::new(&v1.to_string());
        let migration = migrate(&case.path(), &Environment::default()).unwrap_or_else(|e| panic!("{e}"));
        let after = Case::new(&migration.text).load([]);
        let engine = after.engine(&Environment::default(), Usage::Milvus).unwrap_or_else(|e| panic!("{e}"));
        let milvus::Auth::Password { user: read_user, password: read } = engine.milvus.auth else {
            panic!("no password in {}", migration.text)
        };
        let trimmed = password.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let trimmed = trimmed.trim_start_matches('\u{feff}');
        proptest::prop_assert_eq!(secrecy::ExposeSecret::expose_secret(&read), trimmed);
        proptest::prop_assert_eq!(read_user, user.trim_end());
    }
}
