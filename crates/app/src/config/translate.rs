//! Translates v1 values to v2 values, which keep their sources.

use secrecy::SecretString;

use super::error::Problem;
use super::layers::Resolved;
use super::schema::Schema;
use super::storage_keys::StorageKeys;
use super::value::{Data, Source, Value, Values};

/// Translates resolved v1 values. A value that v2 cannot express becomes a warning.
pub(super) fn translate(v1: &Resolved) -> Result<Resolved, Vec<Problem>> {
    let mut warnings = v1.warnings.clone();
    let mut v2 = defaults();
    for key in Schema::V1.keys() {
        if let (Some(to), Some(value)) = (key.becomes, v1.values.get(key.name)) {
            v2.put(to, value.clone());
        }
    }
    let v1 = &v1.values;
    let mut problems = Vec::new();
    if let Err(problem) = connection(v1, &mut v2, &mut warnings) {
        problems.push(problem);
    }
    credentials(v1, &mut v2, &SOURCE, &StorageKeys::SOURCE);
    credentials(v1, &mut v2, &BACKUP, &StorageKeys::BACKUP);
    backup_root(v1, &mut v2);
    let cross = v1.flag("minio.crossStorage");
    let mode = Data::Text(if cross { "streaming" } else { "auto" }.to_owned());
    v2.put_from("transfer.mode", mode, &v1.source("minio.crossStorage"));
    if problems.is_empty() { Ok(Resolved { values: v2, warnings }) } else { Err(problems) }
}

/// The v2 defaults; a key that inherits has the default of the inherited key.
fn defaults() -> Values {
    let mut values = Values::default();
    for key in Schema::V2.keys() {
        let value = key.inherits.and_then(|from| values.get(from)).cloned().or_else(|| {
            let data = key.kind.parse(&super::document::Item::Scalar(key.default.to_owned())).ok()?;
            Some(Value { data, source: Source::Default, inherited: None })
        });
        if let Some(value) = value {
            values.put(key.name, value);
        }
    }
    values
}

/// Translates address and TLS mode. As in 0.4.15, `https://host` enables TLS.
fn connection(v1: &Values, v2: &mut Values, warnings: &mut Vec<String>) -> Result<(), Problem> {
    let address = v1.text("milvus.address");
    let (host, https) = match address.split_once("://") {
        Some((scheme, host)) => (host, scheme.eq_ignore_ascii_case("https")),
        None => (address, false),
    };
    let host = host.trim_end_matches('/').to_owned();
    v2.put_from("milvus.grpc.address", Data::Text(host), &v1.source("milvus.address"));

    let source = v1.source("milvus.tlsMode");
    let pair = !v1.text("milvus.mtlsCertPath").is_empty() && !v1.text("milvus.mtlsKeyPath").is_empty();
    let (mode, source) = match v1.number("milvus.tlsMode") {
        0 if https => ("server", v1.source("milvus.address")),
        0 => ("disabled", source),
        1 => ("server", source),
        2 if pair => ("mutual", source),
        2 => {
            warnings.push(
                "milvus.tlsMode 2 without milvus.mtlsCertPath and milvus.mtlsKeyPath: only the server is verified"
                    .to_owned(),
            );
            ("server", source)
        }
        other => {
            let reason = format!("expected 0 (plain), 1 (verify the server) or 2 (mutual), not {other}");
            return Err(Problem { key: "milvus.tlsMode".to_owned(), source, reason });
        }
    };
    v2.put_from("milvus.grpc.tlsMode", Data::Text(mode.to_owned()), &source);
    Ok(())
}

/// The v1 keys for the login to one storage.
struct Login {
    provider: &'static str,
    use_iam: &'static str,
    access_key: &'static str,
    secret_key: &'static str,
}

const SOURCE: Login = Login {
    provider: "storage.storageType",
    use_iam: "minio.useIAM",
    access_key: "minio.accessKeyID",
    secret_key: "minio.secretAccessKey",
};

const BACKUP: Login = Login {
    provider: "storage.backupStorageType",
    use_iam: "minio.backupUseIAM",
    access_key: "minio.backupAccessKeyID",
    secret_key: "minio.backupSecretAccessKey",
};

/// Translates the login. v1 has the values of all kinds of login, v2 only those of the chosen one.
fn credentials(v1: &Values, v2: &mut Values, from: &Login, to: &StorageKeys) {
    let iam = v1.flag(from.use_iam);
    let provider = v1.text(from.provider);
    let (login, keeps): (_, &[&str]) = match provider {
        "azure" if iam => ("default", &[]),
        "azure" => ("sharedKey", &[to.account_key]),
        "gcpnative" => ("serviceAccount", &[to.credentials_file]),
        _ if iam => ("iam", &[to.iam_endpoint]),
        _ => ("static", &[to.access_key, to.secret_key, to.session_token]),
    };
    if provider == "azure" {
        for (name, key) in [(to.account, from.access_key), (to.account_key, from.secret_key)] {
            if let Some(value) = v1.get(key) {
                v2.put(name, value.clone());
            }
        }
    }
    for name in to.credentials().into_iter().filter(|name| !keeps.contains(name)) {
        let empty = match v2.get(name).map(|value| &value.data) {
            Some(Data::Secret(_)) => Data::Secret(SecretString::default()),
            _ => Data::Text(String::new()),
        };
        v2.put_from(name, empty, &Source::Default);
    }
    let source = v1.source(if iam { from.use_iam } else { from.provider });
    v2.put_from(to.auth_type, Data::Text(login.to_owned()), &source);
}

/// Translates the backup root. As in 0.5.16, its default is the root of Milvus, or `backup` if that is empty.
fn backup_root(v1: &Values, v2: &mut Values) {
    let inherited = v1.get("minio.backupRootPath").is_some_and(|value| value.inherited.is_some());
    if inherited && v1.text("minio.backupRootPath").is_empty() {
        v2.put_from("backup.storage.rootPath", Data::Text("backup".to_owned()), &Source::Default);
    }
}
