//! Certificates: read at start, read again on SIGHUP.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::serve::{ServeError, TlsFiles};

/// The listener's certificate and key, replaceable while connections are open.
pub struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ServeError::Option`] that names the file and what is wrong with it.
    pub fn load(files: TlsFiles) -> Result<Self, ServeError> {
        let config = RwLock::new(Arc::new(config(&files)?));
        Ok(Self { files, config })
    }

    /// Reads the files again; new connections use them. On an error the old ones stay.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn reload(&self) -> Result<(), ServeError> {
        let fresh = Arc::new(config(&self.files)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Shakes hands with the current certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, ServeError> {
    let failed =
        |path: &Path, what: &dyn std::fmt::Display| ServeError::Option(format!("{}: {what}", path.display()));
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&files.cert).map_err(|e| failed(&files.cert, &e))?.collect();
    let chain = chain.map_err(|e| failed(&files.cert, &e))?;
    if chain.is_empty() {
        return Err(failed(&files.cert, &"holds no certificate in PEM form"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| failed(&files.key, &e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&files.cert, &e))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| failed(&files.cert, &e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let files = TlsFiles { cert: cert.clone(), key };
        let message = |f: &TlsFiles| Tls::load(f.clone()).err().unwrap().to_string();
        assert!(message(&files).contains("cert.pem"), "{}", message(&files));
        std::fs::write(&cert, "no certificate").unwrap();
        assert!(message(&files).contains("no certificate in PEM"), "{}", message(&files));
    }
}
