//! Loading of the TLS settings and files of a connection.

use std::path::Path;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::config::Tls;
use crate::error::{MilvusError, MilvusErrorKind};

/// Reads the PEM files of a configuration; returns `None` if TLS is disabled.
pub(crate) async fn load_tls_config(
    tls: &Tls,
    address: &str,
) -> Result<Option<ClientTlsConfig>, MilvusError> {
    let (ca, server_name, identity) = match tls {
        Tls::Disabled => return Ok(None),
        Tls::Server { ca, server_name } => (ca, server_name, None),
        Tls::Mutual { ca, server_name, cert, key } => {
            let identity = Identity::from_pem(read_pem(cert).await?, read_pem(key).await?);
            (ca, server_name, Some(identity))
        }
    };
    let name = server_name.as_deref().unwrap_or(address);
    let mut config = ClientTlsConfig::new().domain_name(name);
    config = match ca {
        Some(path) => config.ca_certificate(Certificate::from_pem(read_pem(path).await?)),
        None => config.with_native_roots(),
    };
    if let Some(identity) = identity {
        config = config.identity(identity);
    }
    Ok(Some(config))
}

/// Reads a file and checks that it contains a PEM block.
async fn read_pem(path: &Path) -> Result<Vec<u8>, MilvusError> {
    let unreadable = |reason: &str| {
        MilvusError::new(MilvusErrorKind::Invalid, format!("read the TLS file {}", path.display()), reason)
    };
    let bytes = tokio::fs::read(path).await.map_err(|error| unreadable(&error.to_string()))?;
    // Without this check, any other file would count as one without certificates and fail much later.
    let is_pem = bytes.windows(PEM_BEGIN.len()).any(|window| window == PEM_BEGIN);
    if is_pem { Ok(bytes) } else { Err(unreadable("it contains no PEM block")) }
}

const PEM_BEGIN: &[u8] = b"-----BEGIN ";

/// The TLS settings of an HTTP client, which are those of the gRPC connection.
pub(crate) struct HttpTls {
    /// The certificate authorities to trust instead of those of the system.
    pub(crate) authorities: Vec<reqwest::Certificate>,
    /// The certificate and private key of the client.
    pub(crate) identity: Option<reqwest::Identity>,
    /// The name that the certificate of the server must contain instead of the address.
    pub(crate) server_name: Option<String>,
}

/// Reads the PEM files of a configuration for an HTTP client; returns `None` if TLS is disabled.
pub(crate) async fn load_http_tls(tls: &Tls) -> Result<Option<HttpTls>, MilvusError> {
    let (ca, server_name, own) = match tls {
        Tls::Disabled => return Ok(None),
        Tls::Server { ca, server_name } => (ca, server_name, None),
        Tls::Mutual { ca, server_name, cert, key } => (ca, server_name, Some((cert, key))),
    };
    let invalid = |error: reqwest::Error| {
        MilvusError::new(MilvusErrorKind::Invalid, "use the TLS files", "they cannot be used")
            .caused_by(error)
    };
    let authorities = match ca {
        Some(path) => reqwest::Certificate::from_pem_bundle(&read_pem(path).await?).map_err(invalid)?,
        None => Vec::new(),
    };
    let identity = match own {
        Some((cert, key)) => {
            let pem = [read_pem(cert).await?, read_pem(key).await?].join(&b'\n');
            Some(reqwest::Identity::from_pem(&pem).map_err(invalid)?)
        }
        None => None,
    };
    Ok(Some(HttpTls { authorities, identity, server_name: server_name.clone() }))
}
