//! Where the broker is and how to log in. Parsed whole before any I/O; never prints a secret.

use crate::token::{TokenError, TokenFile};
use std::{fmt, path::PathBuf, time::Duration};
use url::Url;
use zeroize::Zeroizing;

/// A broker password. Wiped on drop, never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The one way out. Call it only where the password goes on the wire or to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<Zeroizing<String>> for Password {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What an `amqps://` connection trusts and shows. All PEM.
///
/// With `ca_pem` only that CA is trusted; without it the platform's store is.
#[derive(Clone, Default)]
pub struct TlsConfig {
    /// One or more CA certificates.
    pub ca_pem: Option<String>,
    /// Our certificate chain, leaf first.
    pub client_cert_pem: Option<String>,
    /// The key of `client_cert_pem` (PKCS#8, PKCS#1 or SEC1).
    pub client_key_pem: Option<Zeroizing<String>>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("private_ca", &self.ca_pem.is_some())
            .field("client_certificate", &self.client_cert_pem.is_some())
            .finish()
    }
}

/// How to reach the broker and who we are.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
    pub(crate) encrypted: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Password>,
    pub(crate) token: Option<TokenFile>,
    pub(crate) tls: TlsConfig,
    pub(crate) connection_name: String,
    pub(crate) heartbeat_seconds: u16,
    pub(crate) start_patience: Duration,
}

/// Heartbeat asked of the broker: a dead peer is noticed within about twice this (facts §9).
const HEARTBEAT_SECONDS: u16 = 30;
/// How long start-up keeps trying when the broker cannot be reached at all.
const START_PATIENCE: Duration = Duration::from_secs(10);

impl BrokerConfig {
    /// Parses `amqp[s]://[user[:password]@]host[:port][/vhost]`; the vhost is percent-decoded and
    /// defaults to `/`. IPv6 hosts are written in brackets. A query is refused: every setting has
    /// a method here.
    pub fn parse(url: &str) -> Result<Self, ConfigError> {
        // The parse error of `url` does not repeat the text, so a password in it cannot leak.
        let parsed = Url::parse(url).map_err(|cause| ConfigError::NotAUrl { cause })?;
        let encrypted = match parsed.scheme() {
            "amqp" => false,
            "amqps" => true,
            other => return Err(ConfigError::Scheme { scheme: other.to_owned() }),
        };
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(ConfigError::Query);
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(ConfigError::NoHost)?;
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: parsed.port().unwrap_or(if encrypted { 5671 } else { 5672 }),
            vhost: vhost(parsed.path())?,
            encrypted,
            username: decoded(parsed.username())?.filter(|name| !name.is_empty()),
            password: decoded(parsed.password().unwrap_or_default())?
                .filter(|text| !text.is_empty())
                .map(Password::from),
            token: None,
            tls: TlsConfig::default(),
            connection_name: "valet".to_owned(),
            heartbeat_seconds: HEARTBEAT_SECONDS,
            start_patience: START_PATIENCE,
        })
    }

    /// Sets the login; takes precedence over what the URL holds.
    pub fn with_login(mut self, username: impl Into<String>, password: impl Into<Password>) -> Self {
        self.username = Some(username.into());
        self.password = Some(password.into());
        self.token = None;
        self
    }

    /// Sets the login to the signed token in this file, in place of user name and password: the token's subject is
    /// the user name. The file is read now, with each connection, and again before the token ends: a newer one
    /// in it is taken over without a break.
    ///
    /// # Errors
    /// The file cannot be read, or holds no token, one that has ended, or one that never ends.
    pub fn with_token_file(mut self, path: impl Into<PathBuf>) -> Result<Self, TokenError> {
        let token = TokenFile::open(path.into())?;
        self.username = Some(token.login().to_owned());
        self.password = None;
        self.token = Some(token);
        Ok(self)
    }

    /// Sets the user name alone: the login is then made by client certificate (SASL EXTERNAL), and
    /// the name must be the one the broker derives from the certificate, as it becomes `user_id`.
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets trust and client certificate.
    pub fn with_tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// Names the connections in the broker's management page, e.g. `valet-worker vm-17`.
    pub fn with_connection_name(mut self, name: impl Into<String>) -> Self {
        self.connection_name = name.into();
        self
    }

    /// Sets the heartbeat in seconds (default 30; a worker's is 10 at most).
    pub fn with_heartbeat_seconds(mut self, seconds: u16) -> Self {
        self.heartbeat_seconds = seconds;
        self
    }

    pub(crate) fn with_heartbeat_seconds_max(mut self, seconds: u16) -> Self {
        self.heartbeat_seconds = self.heartbeat_seconds.min(seconds);
        self
    }

    /// How long [`crate::Session::connect`] keeps trying an unreachable broker (default 10 s).
    /// Refusals (login, vhost, TLS, topology) are never retried at start-up.
    pub fn with_start_patience(mut self, patience: Duration) -> Self {
        self.start_patience = patience;
        self
    }

    /// `amqps://host:port/vhost`, without the login: for messages to people.
    pub fn address(&self) -> String {
        let scheme = if self.encrypted { "amqps" } else { "amqp" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{host}:{}/{}", self.port, self.vhost.trim_start_matches('/'))
    }

    /// The port of RabbitMQ.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The virtual host.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// The login's name, if one is set.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// The folder of the file of [`BrokerConfig::with_token_file`], if that is the login: what must stay readable.
    pub fn token_folder(&self) -> Option<PathBuf> {
        self.token.as_ref().map(TokenFile::folder)
    }

    /// Login by client certificate: a certificate is there, and neither a password nor a token is.
    pub(crate) fn external_login(&self) -> bool {
        self.tls.client_cert_pem.is_some() && self.password.is_none() && self.token.is_none()
    }
}

fn vhost(path: &str) -> Result<String, ConfigError> {
    let name = decoded(path.strip_prefix('/').unwrap_or(path))?.unwrap_or_default();
    // An empty path means the default vhost: "amqp://host" and "amqp://host/" are what people type.
    Ok(if name.is_empty() { "/".to_owned() } else { name })
}

fn decoded(text: &str) -> Result<Option<String>, ConfigError> {
    let decoded = percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map_err(|cause| ConfigError::NotUtf8 { cause })?;
    Ok(Some(decoded.into_owned()))
}

/// Why a broker URL was refused. Never repeats the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not a URL at all.
    #[error("the broker URL is not a URL")]
    NotAUrl {
        /// What the parser objected to.
        #[source]
        cause: url::ParseError,
    },
    /// Neither `amqp` nor `amqps`.
    #[error("the broker URL has scheme {scheme:?}")]
    Scheme {
        /// The scheme given.
        scheme: String,
    },
    /// No host.
    #[error("the broker URL has no host")]
    NoHost,
    /// A query or fragment.
    #[error("the broker URL has a query or fragment")]
    Query,
    /// Percent-encoding that is not UTF-8.
    #[error("the broker URL is not UTF-8 after percent-decoding")]
    NotUtf8 {
        /// Where decoding stopped.
        #[source]
        cause: std::str::Utf8Error,
    },
}

impl ConfigError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        "write it as amqps://host:5671/vhost (or amqp:// on a trusted network); give the login separately"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_parts_are_taken_apart() {
        let config = BrokerConfig::parse("amqps://u%40x:p%2Fw@[::1]:1234/my%2Fhost").unwrap();
        assert_eq!(config.address(), "amqps://[::1]:1234/my/host");
        assert_eq!(config.vhost(), "my/host");
        assert_eq!(config.username(), Some("u@x"));
        assert_eq!(config.password.as_ref().unwrap().expose(), "p/w");
    }

    #[test]
    fn empty_path_is_the_default_vhost() {
        for url in ["amqp://h", "amqp://h/"] {
            let config = BrokerConfig::parse(url).unwrap();
            assert_eq!((config.vhost(), config.port), ("/", 5672));
        }
    }

    #[test]
    fn debug_and_errors_never_show_the_password() {
        let config = BrokerConfig::parse("amqp://u:hunter2@h/v").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for bad in ["http://u:hunter2@h/", "amqp://u:hunter2@h/v?x=1", "amqp://u:hunter2@:bad"] {
            let error = BrokerConfig::parse(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
