//! One attempt to connect, with a limit on every step, and what its failure means.
//!
//! Must never enable lapin's auto-recovery: it hangs on a channel-level close and on a restart with
//! frames in flight.

use crate::{
    BrokerConfig, ConnectError, Password, tls,
    token::{Times, Token},
};
use lapin::{
    Connection, ConnectionProperties, ErrorKind,
    tcp::AMQPUriTcpExt,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism},
};
use std::{io, time::Duration};
use tokio::time::timeout;

/// TCP and TLS together.
const DIAL: Duration = Duration::from_secs(10);
/// The whole attempt: dial and AMQP handshake (RabbitMQ delays a refused login by about 1 s).
const ATTEMPT: Duration = Duration::from_secs(20);

/// A connection, and how long its login holds if that ends.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) token: Option<Times>,
}

/// Connects once. `role` is appended to the connection's name.
pub(crate) async fn connect(config: &BrokerConfig, role: &str) -> Result<Connected, ConnectError> {
    let token = token(config).await?;
    let times = token.as_ref().map(|token| token.times);
    let secret = token.map(|token| token.secret).or_else(|| config.password.clone());
    let connection = dial(config, role, secret.as_ref()).await?;
    Ok(Connected { connection, token: times })
}

/// The token of now: the file is read for each connection.
async fn token(config: &BrokerConfig) -> Result<Option<Token>, ConnectError> {
    let Some(file) = &config.token else { return Ok(None) };
    let token =
        file.read().await.map_err(|cause| ConnectError::Token { address: config.address(), cause })?;
    Ok(Some(token))
}

async fn dial(
    config: &BrokerConfig,
    role: &str,
    secret: Option<&Password>,
) -> Result<Connection, ConnectError> {
    let connector = match config.encrypted {
        true => Some(tls::connector(&config.tls).map_err(|cause| tls_error(config, cause))?),
        false => None,
    };
    let properties = ConnectionProperties::default()
        .with_connection_name(format!("{} {role}", config.connection_name).into())
        .with_client_property("product".into(), "valet".into());
    let runtime = lapin::runtime::default_runtime().map_err(|cause| classify(config, cause))?;
    let host = config.host.clone();
    // The dial runs on lapin's own thread, so it carries its own limit: the one below would only
    // stop waiting for it, not end it.
    let dial = async move |uri: AMQPUri, runtime| {
        let plain = async {
            let stream = uri.connect_async(&runtime).await?;
            match &connector {
                Some(connector) => stream.into_rustls(connector, &host).await,
                None => Ok(stream),
            }
        };
        let dialled = timeout(DIAL, plain).await;
        Ok(dialled.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))?)
    };
    match timeout(ATTEMPT, Connection::connector(uri(config, secret), runtime, dial, properties)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(cause)) => Err(classify(config, cause)),
        Err(_) => Err(ConnectError::Silent {
            address: config.address(),
            seconds: ATTEMPT.as_secs(),
            doing: "logging in",
        }),
    }
}

/// lapin's own URL parser turns an IPv6 host into "localhost", so the parts are set here. The
/// scheme is always plain: TLS is ours (see [`tls`]).
fn uri(config: &BrokerConfig, secret: Option<&Password>) -> AMQPUri {
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: config.username.clone().unwrap_or_default(),
                password: secret.map(|secret| secret.expose().to_owned()).unwrap_or_default(),
            },
            host: config.host.clone(),
            port: config.port,
        },
        vhost: config.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(config.heartbeat_seconds),
            auth_mechanism: config.external_login().then_some(SASLMechanism::External),
            ..AMQPQueryString::default()
        },
    }
}

fn classify(config: &BrokerConfig, cause: lapin::Error) -> ConnectError {
    let address = config.address();
    let user = config.username.clone().unwrap_or_else(|| "nobody".to_owned());
    match cause.kind() {
        ErrorKind::IOError(io) if is_tls(io) => {
            tls_error(config, io::Error::new(io.kind(), cause.to_string()))
        }
        ErrorKind::IOError(_) | ErrorKind::MissingHeartbeatError => {
            ConnectError::Unreachable { address, cause }
        }
        ErrorKind::ProtocolError(error) => match error.get_id() {
            403 => ConnectError::Login { address, user, cause },
            // Also sent when the user's connection limit is reached; that one waits for others.
            530 if error.get_message().as_str().contains("vhost") => {
                ConnectError::Vhost { address, user, vhost: config.vhost.clone(), cause }
            }
            _ => ConnectError::Refused { address, cause },
        },
        _ => ConnectError::Refused { address, cause },
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn tls_error(config: &BrokerConfig, cause: io::Error) -> ConnectError {
    ConnectError::Tls { address: config.address(), cause }
}
