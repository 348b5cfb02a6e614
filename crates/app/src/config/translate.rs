//! Translates v1 values to v2 values, which keep their sources.

use secrecy::SecretString;

use super::data::Data;
use super::layers::Resolved;
use super::provider::{Provider, StorageProtocol};
use super::schema::{AnyKey, Schema, TypedKey, keys, v1_keys};
use super::storage_keys::StorageKeys;
use super::value::{Source, Value, Values};

/// Translates resolved v1 values. A value that v2 cannot express becomes a warning.
pub(super) fn translate(v1: &Resolved) -> Resolved {
    let mut warnings = v1.warnings.clone();
    let mut v2 = defaults();
    for key in Schema::V1.keys() {
        if let (Some(to), Some(value)) = (key.becomes, v1.values.get(key.name)) {
            v2.put(to, value.clone());
        }
    }
    let v1 = &v1.values;
    connection(v1, &mut v2, &mut warnings);
    credentials(v1, &mut v2, &SOURCE, &StorageKeys::SOURCE);
    credentials(v1, &mut v2, &BACKUP, &StorageKeys::BACKUP);
    backup_root(v1, &mut v2);
    let cross = v1.flag(v1_keys::MINIO_CROSS_STORAGE);
    let mode = Data::Text(if cross { "streaming" } else { "auto" }.to_owned());
    v2.put_from(keys::TRANSFER_MODE, mode, &v1.source(v1_keys::MINIO_CROSS_STORAGE));
    Resolved { values: v2, warnings }
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
fn connection(v1: &Values, v2: &mut Values, warnings: &mut Vec<String>) {
    let address = v1.text(v1_keys::MILVUS_ADDRESS);
    let (host, https) = match address.split_once("://") {
        Some((scheme, host)) => (host, scheme.eq_ignore_ascii_case("https")),
        None => (address, false),
    };
    let host = host.trim_end_matches('/').to_owned();
    v2.put_from(keys::MILVUS_GRPC_ADDRESS, Data::Text(host), &v1.source(v1_keys::MILVUS_ADDRESS));

    let source = v1.source(v1_keys::MILVUS_TLS_MODE);
    let pair = !v1.text(v1_keys::MILVUS_MTLS_CERT_PATH).is_empty()
        && !v1.text(v1_keys::MILVUS_MTLS_KEY_PATH).is_empty();
    let (mode, source) = match v1.number(v1_keys::MILVUS_TLS_MODE) {
        0 if https => ("server", v1.source(v1_keys::MILVUS_ADDRESS)),
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
            warnings.push(format!(
                "milvus.tlsMode {other} is none of 0 (plain), 1 (verify the server) and 2 (mutual): the connection is not \
                 encrypted, as with 0.4.15"
            ));
            ("disabled", source)
        }
    };
    v2.put_from(keys::MILVUS_GRPC_TLS_MODE, Data::Text(mode.to_owned()), &source);
}

/// The v1 keys for the login to one storage.
struct Login {
    provider: TypedKey<Provider>,
    use_iam: TypedKey<bool>,
    access_key: TypedKey<String>,
    secret_key: TypedKey<SecretString>,
}

const SOURCE: Login = Login {
    provider: v1_keys::STORAGE_STORAGE_TYPE,
    use_iam: v1_keys::MINIO_USE_IAM,
    access_key: v1_keys::MINIO_ACCESS_KEY_ID,
    secret_key: v1_keys::MINIO_SECRET_ACCESS_KEY,
};

const BACKUP: Login = Login {
    provider: v1_keys::STORAGE_BACKUP_STORAGE_TYPE,
    use_iam: v1_keys::MINIO_BACKUP_USE_IAM,
    access_key: v1_keys::MINIO_BACKUP_ACCESS_KEY_ID,
    secret_key: v1_keys::MINIO_BACKUP_SECRET_ACCESS_KEY,
};

/// Translates the login. v1 has the values of all kinds of login, v2 only those of the chosen one.
fn credentials(v1: &Values, v2: &mut Values, from: &Login, to: &StorageKeys) {
    let iam = v1.flag(from.use_iam);
    let provider = v1.provider(from.provider);
    let (login, keeps): (_, Vec<AnyKey>) = match provider.protocol() {
        StorageProtocol::Azure if iam => ("default", Vec::new()),
        StorageProtocol::Azure => ("sharedKey", vec![to.account_key.any()]),
        StorageProtocol::GoogleJson => ("serviceAccount", vec![to.credentials_file.any()]),
        StorageProtocol::Disk | StorageProtocol::S3 if iam => ("iam", vec![to.iam_endpoint.any()]),
        StorageProtocol::Disk | StorageProtocol::S3 => {
            ("static", vec![to.access_key.any(), to.secret_key.any(), to.session_token.any()])
        }
    };
    if provider == Provider::Azure {
        for (key, old) in
            [(to.account.any(), from.access_key.any()), (to.account_key.any(), from.secret_key.any())]
        {
            if let Some(value) = v1.get(old.name()) {
                v2.put(key.name(), value.clone());
            }
        }
    }
    for key in to.credentials().into_iter().filter(|key| !keeps.contains(key)) {
        let empty = match v2.get(key.name()).map(|value| &value.data) {
            Some(Data::Secret(_)) => Data::Secret(SecretString::default()),
            _ => Data::Text(String::new()),
        };
        v2.put_from(key, empty, &Source::Default);
    }
    let source = v1.source(if iam { from.use_iam.any() } else { from.provider.any() });
    v2.put_from(to.auth_type, Data::Text(login.to_owned()), &source);
}

/// Translates the backup root. As in 0.5.16, its default is the root of Milvus, or `backup` if that is empty.
fn backup_root(v1: &Values, v2: &mut Values) {
    let inherited =
        v1.get(v1_keys::MINIO_BACKUP_ROOT_PATH.name()).is_some_and(|value| value.inherited.is_some());
    if inherited && v1.text(v1_keys::MINIO_BACKUP_ROOT_PATH).is_empty() {
        v2.put_from(keys::BACKUP_STORAGE_ROOT_PATH, Data::Text("backup".to_owned()), &Source::Default);
    }
}
