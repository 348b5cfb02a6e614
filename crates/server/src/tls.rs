//! TLS: certificates that are reloaded when they change, and the names in client certificates.

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

/// The interval at which the files are checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// The certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read or has other contents.
    #[error("cannot read {} from {}", what, path.display())]
    File {
        /// The expected contents.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate and the key do not match or are not supported.
    #[error("the certificate and key of {} cannot be used", .0.display())]
    Unusable(PathBuf, #[source] rustls::Error),
    /// The authority of client certificates cannot be used.
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
    /// Whether a client without a certificate may authenticate with a token or password.
    optional: bool,
    current: ArcSwap<ServerConfig>,
}

impl Certificates {
    /// Loads the files.
    pub(super) fn load(files: TlsFiles, optional: bool) -> Result<Self, TlsError> {
        let current = ArcSwap::new(read(&files, optional)?);
        Ok(Self { files, optional, current })
    }

    /// Returns an acceptor with the current certificates.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reloads the files when they change and on SIGHUP. If they cannot be used, the current certificates stay active.
    pub(super) async fn reload_on_change(self: Arc<Self>, mut hangup: Signal, stop: CancellationToken) {
        let mut seen = self.stamps();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => {}
                () = tokio::time::sleep(CHECK_INTERVAL) => {
                    if self.stamps() == seen {
                        continue;
                    }
                }
            }
            seen = self.stamps();
            match read(&self.files, self.optional) {
                Ok(config) => {
                    self.current.store(config);
                    tracing::info!(cert = %self.files.cert.display(), "certificates reloaded");
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "cannot use the new certificates; the previous ones stay active");
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

/// Returns the common name and the alternative names of a certificate.
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
    use testkit::tls::Certificates as TestCertificates;

    #[test]
    fn errors_name_the_file() {
        let made = TestCertificates::generate();
        let files = TlsFiles { cert: made.server_cert(), key: made.server_key(), client_ca: Some(made.ca()) };
        assert!(read(&files, true).is_ok());
        let message_of =
            |files: TlsFiles| read(&files, true).err().map(|error| error.to_string()).unwrap_or_default();
        let swapped = TlsFiles { key: made.client_key(), ..files.clone() };
        assert!(message_of(swapped).ends_with("server.pem cannot be used"));
        let no_key = TlsFiles { key: made.ca(), ..files.clone() };
        assert!(message_of(no_key).starts_with("cannot read a private key from "));
        let none = TlsFiles { cert: made.server_key(), ..files };
        assert!(message_of(none).starts_with("cannot read certificates from "));
    }

    #[test]
    fn a_certificate_has_each_of_its_names() {
        let made = TestCertificates::generate();
        let certificate = CertificateDer::from_pem_file(made.client_cert()).unwrap();
        assert_eq!(names_of(&certificate)[..2], ["client", "localhost"]);
    }
}
