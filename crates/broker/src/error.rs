//! Why a session could not be opened. Each variant says what was tried, and has advice for people.

use crate::{TokenError, topology::names};

/// Why [`crate::Session::connect`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No TCP connection, no TLS handshake or no AMQP greeting within the patience set.
    #[error("cannot reach the broker at {address}")]
    Unreachable {
        /// The broker, without login.
        address: String,
        /// What the last attempt ended with.
        #[source]
        cause: lapin::Error,
    },
    /// An attempt took longer than its limit.
    #[error("the broker at {address} did not answer within {seconds} s while {doing}")]
    Silent {
        /// The broker, without login.
        address: String,
        /// The limit.
        seconds: u64,
        /// The step that waited.
        doing: &'static str,
    },
    /// TLS: the certificate of one side was refused, or the PEM files do not parse.
    #[error("no TLS with the broker at {address}")]
    Tls {
        /// The broker, without login.
        address: String,
        /// What the handshake or the parser said.
        #[source]
        cause: std::io::Error,
    },
    /// The broker refused user name, password or certificate.
    #[error("the broker at {address} refused the login of {user}")]
    Login {
        /// The broker, without login.
        address: String,
        /// The user name tried.
        user: String,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
    /// There is no token to log in with.
    #[error("there is no token for the broker at {address}")]
    Token {
        /// The broker, without login.
        address: String,
        /// What is wrong with the file.
        #[source]
        cause: TokenError,
    },
    /// The vhost does not exist, or the login has no rights in it.
    #[error("the broker at {address} gives {user} no access to the vhost {vhost:?}")]
    Vhost {
        /// The broker, without login.
        address: String,
        /// The user name tried.
        user: String,
        /// The vhost asked for.
        vhost: String,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
    /// Exchanges or queues are missing.
    #[error("the topology on {address} lacks {}", missing.join(", "))]
    Topology {
        /// The broker, without login.
        address: String,
        /// `queue jobs.r0`, `exchange events`, …
        missing: Vec<String>,
    },
    /// The login has no right to what it must use.
    #[error("the broker at {address} gives {user} no right to the {what}")]
    Rights {
        /// The broker, without login.
        address: String,
        /// The user name.
        user: String,
        /// `queue jobs.r0`, `exchange events`, …
        what: String,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
    /// The broker closed the connection with another protocol error.
    #[error("the broker at {address} refused the connection")]
    Refused {
        /// The broker, without login.
        address: String,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
}

impl ConnectError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => {
                "check broker.url, that RabbitMQ runs, and that no firewall is in between".into()
            }
            Self::Tls { .. } => {
                "check broker.ca_file (the CA that signed the broker's certificate), the host \
                                 name in broker.url, and broker.cert_file/key_file"
                    .into()
            }
            Self::Login { .. } => {
                "check broker.username and broker.password; `valet topology declare --rotate` \
                                   makes new passwords. With broker.token_file: is the broker's OAuth 2 plugin on, \
                                   and does it know the key that signed the token?"
                    .into()
            }
            Self::Token { cause, .. } => cause.advice().into(),
            Self::Vhost { vhost, .. } => format!(
                "run `valet topology declare` with an administrator's login to create {vhost:?} and its logins"
            ),
            Self::Topology { .. } => format!("run {}", names::REMEDY),
            Self::Rights { .. } => {
                "check the login with `valet topology check`, and use RabbitMQ 4.2.7, 4.3.1 or later \
                                    instead of 4.2.6 and 4.3.0, which want a configure right for a mere look"
                    .into()
            }
            Self::Refused { .. } => "read the broker's log for the connection named in it".into(),
        }
    }

    /// Would trying again later help without anybody changing anything?
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Silent { .. } | Self::Refused { .. })
    }
}
