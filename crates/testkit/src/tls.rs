//! Certificates of a generated certificate authority, for TLS tests.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A certificate authority, a server certificate for `localhost` and `127.0.0.1`, and a client certificate.
///
/// The PEM files are removed when this value is dropped.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// Generates all keys and certificates.
    ///
    /// # Panics
    /// Panics if the files cannot be written.
    pub fn generate() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_certificates(dir.path()).expect("certificates");
        Self { dir }
    }

    /// Returns the path of the authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Returns the path of the server's certificate.
    pub fn server_cert(&self) -> PathBuf {
        self.dir.path().join("server.pem")
    }

    /// Returns the path of the server's private key.
    pub fn server_key(&self) -> PathBuf {
        self.dir.path().join("server.key")
    }

    /// Returns the path of the client's certificate.
    pub fn client_cert(&self) -> PathBuf {
        self.dir.path().join("client.pem")
    }

    /// Returns the path of a certificate for the client's key that expired in 2001.
    pub fn expired_client_cert(&self) -> PathBuf {
        self.dir.path().join("expired.pem")
    }

    /// Returns the path of the client's private key.
    pub fn client_key(&self) -> PathBuf {
        self.dir.path().join("client.key")
    }
}

/// Generates keys and certificates and writes them to a directory.
fn write_certificates(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Milvus Backup test authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    std::fs::write(dir.join("ca.pem"), authority.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(authority, key);
    for (name, usage) in
        [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
    {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        std::fs::write(dir.join(format!("{name}.pem")), params.signed_by(&key, &issuer)?.pem())?;
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem())?;
        if name == "client" {
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
            std::fs::write(dir.join("expired.pem"), params.signed_by(&key, &issuer)?.pem())?;
        }
    }
    Ok(())
}
