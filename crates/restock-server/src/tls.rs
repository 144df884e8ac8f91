//! TLS by two files, certificate and key, which are read again when they change: certificates are renewed every few weeks,
//! and nobody should have to restart a server for that.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that lead from it to a known one, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Why certificate or key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the {what} {}: {reason}", path.display())]
pub struct TlsError {
    /// `certificate` or `key`.
    pub what: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// When a file was changed last; `None` when nobody can say.
type Stamps = [Option<SystemTime>; 2];

/// The configuration of TLS as the files were when they could be read last.
pub(crate) struct Tls {
    files: TlsFiles,
    stamps: Mutex<Stamps>,
    config: RwLock<Arc<ServerConfig>>,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Tls {
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let stamps = stamps(&files);
        let config = config(&files)?;
        Ok(Self { files, stamps: Mutex::new(stamps), config: RwLock::new(config) })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again when they have changed, or whatever they are. What cannot be used is said, and the last usable
    /// certificate stays; the next look tries again. Returns whether there is another one now.
    pub(crate) fn refresh(&self, is_asked_for: bool) -> bool {
        let mut known = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.files);
        if *known == now && !is_asked_for {
            return false;
        }
        match config(&self.files) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                *known = now;
                tracing::info!("certificate and key were read again");
                true
            }
            Err(error) => {
                tracing::error!(error = %error, "the last usable certificate stays");
                false
            }
        }
    }

    /// Reads the files again when they change, and on SIGHUP, until `closing` is true.
    pub(crate) async fn watch(self: Arc<Self>, mut closing: watch::Receiver<bool>) {
        let mut hangup = Hangup::new();
        loop {
            let is_asked_for = tokio::select! {
                _ = closing.wait_for(|is_closing| *is_closing) => return,
                () = hangup.next() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let tls = self.clone();
            // A panic there would be logged, and the certificate stays.
            drop(tokio::task::spawn_blocking(move || tls.refresh(is_asked_for)).await);
        }
    }
}

/// The signal that asks a server to read its settings again, where systems have it.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    #[cfg(unix)]
    fn new() -> Self {
        Self { signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok() }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

fn stamps(files: &TlsFiles) -> Stamps {
    [&files.certificate, &files.key].map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let TlsFiles { certificate, key } = files;
    let failed = |what, path: &Path, reason: String| TlsError { what, path: path.to_owned(), reason };
    let read = |what, path: &Path| fs::read(path).map_err(|error| failed(what, path, error.to_string()));
    let pem = read("certificate", certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| failed("certificate", certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(failed("certificate", certificate, "it has no part BEGIN CERTIFICATE".to_owned()));
    }
    let pem = read("key", key)?;
    let own_key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| failed("key", key, error.to_string()))?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions")
        .with_no_client_auth();
    // This also finds that the key belongs to another certificate.
    let config = builder.with_single_cert(chain, own_key);
    let mut config = config.map_err(|error| failed("key", key, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// How we speak TLS to others: with the certificates that this machine trusts, and `extra`, PEM.
pub(crate) fn client_config(extra: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    // Some systems have certificates that nobody can read; the others still count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = extra {
        let failed = |reason: String| TlsError { what: "certificate", path: path.to_owned(), reason };
        let pem = fs::read(path).map_err(|error| failed(error.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions")
        .with_root_certificates(roots);
    Ok(Arc::new(builder.with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_certificate(files: &TlsFiles) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn files_are_read_again_when_they_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = TlsFiles { certificate: path("cert.pem"), key: path("key.pem") };
        assert!(Tls::load(files.clone()).is_err_and(|error| error.what == "certificate"));
        write_certificate(&files);
        let tls = Tls::load(files.clone()).unwrap();
        let first = tls.config();
        assert!(!tls.refresh(false), "nothing has changed");
        fs::write(&files.key, "no key").unwrap();
        assert!(!tls.refresh(true));
        assert!(Arc::ptr_eq(&first, &tls.config()), "the last usable one stays");
        write_certificate(&files);
        assert!(tls.refresh(true));
        assert!(!Arc::ptr_eq(&first, &tls.config()));

        let other = TlsFiles { certificate: path("other.pem"), key: path("other-key.pem") };
        write_certificate(&other);
        let mixed = TlsFiles { key: other.key, ..files };
        assert!(Tls::load(mixed).is_err_and(|error| error.what == "key"), "a key of another certificate");
    }
}
