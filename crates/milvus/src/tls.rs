//! Encryption settings of the connection.

use std::path::Path;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::config::Tls;
use crate::error::{ErrorKind, MilvusError};

/// Reads the files a configuration names; nothing when it is off.
pub(crate) async fn load(tls: &Tls, address: &str) -> Result<Option<ClientTlsConfig>, MilvusError> {
    let (ca, server_name, identity) = match tls {
        Tls::Disabled => return Ok(None),
        Tls::Server { ca, server_name } => (ca, server_name, None),
        Tls::Mutual { ca, server_name, cert, key } => {
            let identity = Identity::from_pem(read(cert).await?, read(key).await?);
            (ca, server_name, Some(identity))
        }
    };
    let name = server_name.as_deref().unwrap_or(address);
    let mut config = ClientTlsConfig::new().domain_name(name);
    config = match ca {
        Some(path) => config.ca_certificate(Certificate::from_pem(read(path).await?)),
        None => config.with_native_roots(),
    };
    if let Some(identity) = identity {
        config = config.identity(identity);
    }
    Ok(Some(config))
}

async fn read(path: &Path) -> Result<Vec<u8>, MilvusError> {
    let unreadable = |reason: &str| {
        MilvusError::new(ErrorKind::Invalid, format!("read the TLS file {}", path.display()), reason)
    };
    let bytes = tokio::fs::read(path).await.map_err(|error| unreadable(&error.to_string()))?;
    // what is no PEM file would otherwise be taken for one without certificates, and fail much later
    let is_pem = bytes.windows(PEM_BEGIN.len()).any(|window| window == PEM_BEGIN);
    if is_pem { Ok(bytes) } else { Err(unreadable("it holds no PEM block")) }
}

const PEM_BEGIN: &[u8] = b"-----BEGIN ";
