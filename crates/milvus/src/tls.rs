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
