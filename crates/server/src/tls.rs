//! TLS: certificates that are read again when they change, and the names in those of clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::signal::unix::Signal;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use x509_parser::extensions::GeneralName;

use super::TlsFiles;

/// How often the files are looked at.
const LOOKED_AT: Duration = Duration::from_secs(10);

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("cannot read {} from {}", what, path.display())]
    File {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// They do not fit each other.
    #[error("the certificate and key of {} cannot be used", .0.display())]
    Unusable(PathBuf, #[source] rustls::Error),
    /// The authority of clients cannot be used.
    #[error("the authority in {} cannot be used", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The certificates in use.
pub(super) struct Certificates {
    files: TlsFiles,
    /// Whether who shows no certificate may still come with a token or a password.
    optional: bool,
    current: ArcSwap<ServerConfig>,
}

impl Certificates {
    /// Reads the files.
    pub(super) fn load(files: TlsFiles, optional: bool) -> Result<Self, TlsError> {
        let current = ArcSwap::new(read(&files, optional)?);
        Ok(Self { files, optional, current })
    }

    /// What shakes hands with the certificates as they are now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reads the files again when they change, and on SIGHUP. Files that cannot be used leave those in use in place.
    pub(super) async fn follow(self: Arc<Self>, mut hangup: Signal, stop: CancellationToken) {
        let mut seen = self.stamps();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => {}
                () = tokio::time::sleep(LOOKED_AT) => {
                    if self.stamps() == seen {
                        continue;
                    }
                }
            }
            seen = self.stamps();
            match read(&self.files, self.optional) {
                Ok(config) => {
                    self.current.store(config);
                    tracing::info!(cert = %self.files.cert.display(), "certificates read again");
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "new certificates cannot be used; those before stay");
                }
            }
        }
    }

    fn stamps(&self) -> Vec<Option<(SystemTime, u64)>> {
        let TlsFiles { cert, key, client_ca } = &self.files;
        [Some(cert), Some(key), client_ca.as_ref()].into_iter().flatten().map(|path| stamp(path)).collect()
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read(files: &TlsFiles, optional: bool) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsError::File {
        what: "a private key",
        path: files.key.clone(),
        source,
    })?;
    let builder = ServerConfig::builder();
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let unusable = |source| TlsError::Authority { path: path.clone(), source };
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority).map_err(|error| unusable(error.into()))?;
            }
            let verifier = WebPkiClientVerifier::builder(roots.into());
            let verifier = if optional { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| unusable(error.into()))?)
        }
    };
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|source| TlsError::Unusable(files.cert.clone(), source))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::File { what: "certificates", path: path.to_owned(), source };
    let read: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if read.is_empty() {
        return Err(wrong(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(read)
}

/// The names in a certificate: its common name, and its alternative names.
pub(super) fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return Vec::new() };
    let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned);
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let others =
        alternative.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        });
    common.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::tls::Certificates as Made;

    #[test]
    fn what_cannot_be_used_is_told_by_file() {
        let made = Made::generate();
        let files = TlsFiles { cert: made.server_cert(), key: made.server_key(), client_ca: Some(made.ca()) };
        assert!(read(&files, true).is_ok());
        let told =
            |files: TlsFiles| read(&files, true).err().map(|error| error.to_string()).unwrap_or_default();
        let swapped = TlsFiles { key: made.client_key(), ..files.clone() };
        assert!(told(swapped).ends_with("server.pem cannot be used"));
        let no_key = TlsFiles { key: made.ca(), ..files.clone() };
        assert!(told(no_key).starts_with("cannot read a private key from "));
        let none = TlsFiles { cert: made.server_key(), ..files };
        assert!(told(none).starts_with("cannot read certificates from "));
    }

    #[test]
    fn a_client_is_known_by_each_of_its_names() {
        let made = Made::generate();
        let certificate = CertificateDer::from_pem_file(made.client_cert()).unwrap();
        assert_eq!(names_of(&certificate)[..2], ["client", "localhost"]);
    }
}
