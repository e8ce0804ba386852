//! Encryption of connections, with libpq's meaning of each `sslmode`.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::target::SslMode;

/// What of the server's certificate is checked.
#[derive(Debug)]
enum Trust {
    /// Nothing: the connection is private, but the peer is not proven.
    Anyone,
    /// The chain, not the host name.
    Chain(Arc<WebPkiServerVerifier>),
}

/// A verifier that checks less than the whole, because the user's `sslmode` asks for less.
#[derive(Debug)]
struct LenientVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for LenientVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Trust::Chain(inner) = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What encrypts a connection to a server that is asked whether it does.
#[derive(Clone)]
pub(crate) enum Encryption {
    /// Made, for what it needs was read.
    Made(Box<MakeRustlsConnect>),
    /// For `prefer`, which trusts anyone: nothing is to be read for it, and many servers do not
    /// encrypt. It is made for one that does.
    Wanted,
}

impl Encryption {
    /// For `mode`. Errors say what could not be read.
    pub(crate) fn of(mode: SslMode, root_cert: Option<&Path>) -> Result<Self, String> {
        match mode {
            SslMode::Prefer => Ok(Self::Wanted),
            _ => connector(mode, root_cert).map(|it| Self::Made(Box::new(it))),
        }
    }

    fn made(self) -> io::Result<MakeRustlsConnect> {
        match self {
            Self::Made(connector) => Ok(*connector),
            Self::Wanted => connector(SslMode::Prefer, None).map_err(io::Error::other),
        }
    }
}

impl<S> MakeTlsConnect<S> for Encryption
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;
    type TlsConnect = Encrypting;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Encrypting> {
        Ok(Encrypting { encryption: self.clone(), host: host.to_owned() })
    }
}

/// The same for one connection, which the server has said to encrypt.
pub(crate) struct Encrypting {
    encryption: Encryption,
    host: String,
}

impl<S> TlsConnect<S> for Encrypting
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let mut made = self.encryption.made()?;
            let host = &self.host;
            let connect =
                <MakeRustlsConnect as MakeTlsConnect<S>>::make_tls_connect(&mut made, host);
            connect.map_err(io::Error::other)?.connect(stream).await
        })
    }
}

/// A connector for `mode`. Errors say what could not be read.
pub(crate) fn connector(
    mode: SslMode,
    root_cert: Option<&Path>,
) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    // libpq: with a root certificate given, `require` checks the chain as `verify-ca` does.
    let chain = mode == SslMode::VerifyCa || (mode == SslMode::Require && root_cert.is_some());
    let config = if mode == SslMode::VerifyFull {
        builder.with_root_certificates(roots(root_cert)?).with_no_client_auth()
    } else {
        let trust = if chain {
            let roots = Arc::new(roots(root_cert)?);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .map_err(|error| error.to_string())?;
            Trust::Chain(verifier)
        } else {
            Trust::Anyone
        };
        let verifier = Arc::new(LenientVerifier { trust, provider });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match file.filter(|path| path.as_os_str() != "system") {
        Some(path) => {
            let shown = path.display();
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("cannot read the root certificate {shown}: {error}"))?;
            store.add_parsable_certificates(certificates);
            if store.is_empty() {
                return Err(format!("{shown} holds no usable root certificate"));
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err(
                    "this system has no root certificates; name a file with sslrootcert".into()
                );
            }
        }
    }
    Ok(store)
}
