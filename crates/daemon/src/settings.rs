//! Settings that daemons share, under the same keys: the broker, the hosts of storage, logs, names and addresses.
//! Never prints a value that could be a secret.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use valet_broker::{BrokerConfig, Password, TlsConfig};
use valet_grant::{DevelopmentHost, DevelopmentHostError, GrantPolicy, HostRules};
use valet_settings::Reader;

use crate::logs::{LogConfig, LogFormat};

/// A certificate or key file larger than this is something else.
const PEM_BYTES_MAX: u64 = 256 * 1024;

/// How to reach the broker: `broker.*`.
pub fn broker(reader: &mut Reader) -> Option<BrokerConfig> {
    let url = reader.required::<String>("broker.url");
    let username = reader.optional::<String>("broker.username");
    let password = reader.secret_optional("broker.password");
    let token = reader.optional::<PathBuf>("broker.token_file");
    let tls = TlsConfig {
        ca_pem: pem(reader, "broker.ca_file"),
        client_cert_pem: pem(reader, "broker.cert_file"),
        client_key_pem: pem(reader, "broker.key_file").map(Into::into),
    };
    if tls.client_cert_pem.is_some() != tls.client_key_pem.is_some() {
        reader.refuse("broker.cert_file", "and broker.key_file go together");
    }
    let config = match BrokerConfig::parse(&url?) {
        Ok(config) => config.with_tls(tls),
        Err(error) => {
            reader.refuse("broker.url", format!("is refused: {error}; {}", error.advice()));
            return None;
        }
    };
    if let Some(file) = token {
        let named = username.is_some() || password.is_some() || config.username().is_some();
        return by_token(reader, config, file, named);
    }
    match (username, password) {
        (Some(username), Some(password)) => {
            Some(config.with_login(username, Password::from(password.expose_secret())))
        }
        (Some(username), None) => Some(config.with_username(username)),
        (None, None) => Some(config),
        (None, Some(_)) => {
            reader.refuse("broker.password", "is given without broker.username");
            None
        }
    }
}

/// A token has the login's name in it. It is read here for the first time, so that a wrong one is told with the rest.
fn by_token(
    reader: &mut Reader,
    config: BrokerConfig,
    file: PathBuf,
    is_also_named: bool,
) -> Option<BrokerConfig> {
    const KEY: &str = "broker.token_file";
    if is_also_named {
        reader.refuse(KEY, "is given as well as a user name or password; give one of the two");
        return None;
    }
    let opened = config.with_token_file(file);
    opened.map_err(|error| reader.refuse(KEY, format!("is refused: {error}; {}", error.advice()))).ok()
}

/// Outer `None`s of a file that was not given and of one that could not be read are the same here: the second
/// is noted as a mistake, so that nothing is built of it.
fn pem(reader: &mut Reader, key: &str) -> Option<String> {
    let path = reader.optional::<PathBuf>(key)?;
    match read_pem(&path) {
        Ok(text) => Some(text),
        Err(problem) => {
            reader
                .refuse(key, format!("names {}, which {problem}", path.display().to_string().escape_debug()));
            None
        }
    }
}

fn read_pem(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {}", error.kind());
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > PEM_BYTES_MAX {
        return Err(format!("is larger than {PEM_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    if text.contains("-----BEGIN") { Ok(text) } else { Err("holds no PEM".to_owned()) }
}

/// What a grant must be like: `storage.*`.
pub fn grants(reader: &mut Reader) -> GrantPolicy {
    let loopback = reader.or("storage.loopback", false);
    let hosts = reader.optional::<Vec<String>>("storage.hosts");
    let patterns = hosts.unwrap_or_else(|| HostRules::default().patterns);
    let development = development_hosts(reader);
    GrantPolicy { hosts: HostRules { patterns, loopback, development }, ..GrantPolicy::default() }
}

/// Emulators, each by its very name. A wrong one is noted, so that nothing is built of the list.
fn development_hosts(reader: &mut Reader) -> Vec<DevelopmentHost> {
    let names = reader.or("storage.development_hosts", Vec::<String>::new());
    let parsed: Result<_, _> = names.iter().map(|name| name.parse()).collect();
    parsed.unwrap_or_else(|problem: DevelopmentHostError| {
        reader.refuse("storage.development_hosts", problem.to_string());
        Vec::new()
    })
}

/// What is logged: `log.*`.
pub fn log(reader: &mut Reader) -> LogConfig {
    let levels = [
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    LogConfig {
        level: reader.choice("log.level", &levels, LevelFilter::INFO),
        format: reader.choice(
            "log.format",
            &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            LogFormat::Text,
        ),
    }
}

/// The daemon's own name: unless given, host name and process id, unique among the daemons of today and telling to
/// people. `kind` stands for a host without a name.
pub fn name(reader: &mut Reader, key: &str, kind: &str) -> String {
    let name = reader.or(key, default_name(kind));
    require_name(reader, key, &name);
    name
}

/// An address to listen at, if it is given.
pub fn address(reader: &mut Reader, key: &str) -> Option<SocketAddr> {
    parsed(reader, key, |_| "is no address and port, such as 127.0.0.1:9464".to_owned())
}

/// A setting that a type of ours reads, and what is wrong with it, in `told`'s words, where it cannot.
pub fn parsed<T: FromStr>(reader: &mut Reader, key: &str, told: impl Fn(T::Err) -> String) -> Option<T> {
    let text = reader.optional::<String>(key)?;
    text.parse().map_err(|problem| reader.refuse(key, told(problem))).ok()
}

fn default_name(kind: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}-{}", if host.is_empty() { kind } else { host }, std::process::id())
}

fn require_name(reader: &mut Reader, key: &str, name: &str) {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        reader.refuse(key, "must be 1 to 100 letters, digits, '-', '_' or '.'");
    }
}
