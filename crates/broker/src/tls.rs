//! TLS for AMQP.

/// Installs ring as the process's crypto provider. Idempotent; called before any client is built.
pub fn install_crypto() {
    // Err means that a provider is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
