//! TLS for AMQP: whom we trust and which certificate we show.
//!
//! lapin's own TLS adds a given CA to the platform's store. Valet trusts the given CA *alone*, so
//! that no public CA can vouch for a private broker; hence our own connector. Must never skip
//! verification.

use crate::TlsConfig;
use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::io;

/// Installs ring as the process's crypto provider. Idempotent; called before any client is built.
pub fn install_crypto() {
    // Err means that a provider is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Builds the connector for one configuration. Errors name the setting that does not parse.
pub(crate) fn connector(config: &TlsConfig) -> io::Result<RustlsConnector> {
    install_crypto();
    let trust = match &config.ca_pem {
        Some(pem) => RustlsConnectorConfig::default().with_parsable_certificates(certificates(pem, "CA")?),
        None => RustlsConnectorConfig::new_with_platform_verifier(),
    };
    match (&config.client_cert_pem, &config.client_key_pem) {
        (Some(chain), Some(key)) => {
            trust.connector_with_single_cert(certificates(chain, "client certificate")?, private_key(key)?)
        }
        (None, None) => trust.connector_with_no_client_auth(),
        _ => Err(invalid("a client certificate needs its key, and the key its certificate")),
    }
}

/// At least one certificate, or an error: a CA file without any would mean "trust nobody".
pub(crate) fn certificates(pem: &str, what: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|cause| invalid(format!("the {what} is not PEM: {cause}")))?;
    if found.is_empty() {
        return Err(invalid(format!("the {what} file holds no certificate")));
    }
    Ok(found)
}

fn private_key(pem: &str) -> io::Result<PrivateKeyDer<'static>> {
    // The parser's error names the section it missed, never the key's bytes.
    PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|cause| invalid(format!("the client key is not a PEM private key: {cause}")))
}

fn invalid(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_certificates_is_refused() {
        let config = TlsConfig { ca_pem: Some("# nothing\n".into()), ..TlsConfig::default() };
        let Err(error) = connector(&config) else { panic!("trusting nobody is a mistake") };
        assert!(error.to_string().contains("CA file holds no certificate"), "{error}");
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let config = TlsConfig { client_cert_pem: Some("x".into()), ..TlsConfig::default() };
        assert!(connector(&config).is_err());
    }
}
