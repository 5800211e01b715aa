//! Options of a private node and the files that carry them.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::node::Ports;
use super::oauth::BrokerOauth;
use super::release::Release;
use crate::Folder;

/// How a private node differs from the usual one.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// Which RabbitMQ; the one that the environment names unless set.
    pub release: Release,
    /// A second listener with TLS.
    pub tls: Option<BrokerTls>,
    /// Largest message the node takes. Above the project's own 64 KiB, so that too large messages can reach
    /// a worker in a test.
    pub message_bytes_max: u64,
    /// How long a delivery may stay unsettled (RabbitMQ's `consumer_timeout`).
    pub consumer_timeout_ms: u64,
    /// How often channels look at the age of deliveries, up to RabbitMQ 4.2: a timeout shows that much later.
    pub channel_tick_ms: u64,
    /// Definitions to load at start, in the form of RabbitMQ's `load_definitions`. They come on top of the
    /// administrator; vhost `/` must be in them when they have any vhost.
    pub definitions: Option<Value>,
    /// Logins by signed token, beside those by password.
    pub oauth: Option<BrokerOauth>,
    /// More lines for `rabbitmq.conf`.
    pub config_lines: Vec<String>,
}

/// Files (PEM) of a TLS listener.
#[derive(Clone, Debug)]
pub struct BrokerTls {
    /// The authority that client certificates must come from.
    pub ca_file: PathBuf,
    /// The node's own certificate, for `localhost`.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// Whether a client without a certificate is turned away.
    pub client_cert_required: bool,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            release: Release::of_environment(),
            tls: None,
            message_bytes_max: 131_072,
            consumer_timeout_ms: 18_000_000,
            channel_tick_ms: 60_000,
            definitions: None,
            oauth: None,
            config_lines: Vec::new(),
        }
    }
}

/// Writes every file that the node reads into `folder`.
pub(super) fn write_files(folder: &Folder, options: &BrokerOptions, ports: &Ports, login: (&str, &str)) {
    let mut lines = base_lines(options, ports, login);
    if let Some(tls) = &options.tls {
        lines.push_str(&tls_lines(tls, ports.tls.number()));
    }
    if let Some(definitions) = &options.definitions {
        let file = folder.write("definitions.json", definitions.to_string());
        let _ = writeln!(lines, "load_definitions = {}", file.display());
    }
    if let Some(oauth) = &options.oauth {
        lines.push_str(&oauth.lines());
    }
    for line in &options.config_lines {
        let _ = writeln!(lines, "{line}");
    }
    folder.write("rabbitmq.conf", lines);
    let tick = options.channel_tick_ms;
    folder.write("advanced.config", format!("[{{rabbit, [{{channel_tick_interval, {tick}}}]}}]."));
    let oauth = if options.oauth.is_some() { ",rabbitmq_auth_backend_oauth2" } else { "" };
    folder.write("enabled_plugins", format!("[rabbitmq_management,rabbitmq_auth_mechanism_ssl{oauth}]."));
}

fn base_lines(options: &BrokerOptions, ports: &Ports, (username, password): (&str, &str)) -> String {
    let BrokerOptions { message_bytes_max, consumer_timeout_ms, .. } = options;
    let (amqp, management) = (ports.amqp.number(), ports.management.number());
    format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = {username}
default_pass = {password}
default_user_tags.administrator = true
loopback_users = none
log.console = true
log.file = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 2GB
max_message_size = {message_bytes_max}
consumer_timeout = {consumer_timeout_ms}
collect_statistics_interval = 1000
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
ssl_cert_login_from = common_name
"
    )
}

fn tls_lines(tls: &BrokerTls, port: u16) -> String {
    format!(
        "listeners.ssl.1 = 127.0.0.1:{port}
ssl_options.cacertfile = {}
ssl_options.certfile = {}
ssl_options.keyfile = {}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = {}
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
",
        tls.ca_file.display(),
        tls.cert_file.display(),
        tls.key_file.display(),
        tls.client_cert_required,
    )
}
