//! The worker's settings, read whole before any I/O with the outside: every mistake at once.
//! Never prints a value that could be a secret; a storage key among the settings is `keyless`'s matter.

mod jail;
mod limits;
mod program;
mod surroundings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use valet_broker::{BrokerConfig, Password, TlsConfig};
use valet_grant::{DevelopmentHost, DevelopmentHostError, GrantPolicy, HostRules};
use valet_settings::{Bytes, Layers, Mistakes, Reader};

pub use jail::JailConfig;
pub use limits::JobLimits;
pub use surroundings::Surroundings;

use crate::logs::{LogConfig, LogFormat};
use jail::jail;
use limits::limits;
use program::program;
use surroundings::surroundings;

/// A certificate or key file larger than this is something else.
const PEM_BYTES_MAX: u64 = 256 * 1024;

/// What a worker is told.
#[derive(Debug)]
pub struct Config {
    /// How to reach the broker.
    pub broker: BrokerConfig,
    /// What a grant must be like.
    pub grants: GrantPolicy,
    /// Broker logins that jobs are taken from; empty means any that may publish them.
    pub publishers: Vec<String>,
    /// This worker's name in reports and logs.
    pub name: String,
    /// Jobs at the same time.
    pub slots: usize,
    /// Where jobs' directories are made.
    pub scratch: PathBuf,
    /// Bytes that stay free on the scratch's file system whatever jobs need.
    pub scratch_free_bytes_min: u64,
    /// The ffmpeg binary.
    pub ffmpeg: PathBuf,
    /// The ffprobe binary.
    pub ffprobe: PathBuf,
    /// Time for jobs in hand after the first signal.
    pub grace: Duration,
    /// What any job may use.
    pub limits: JobLimits,
    /// What codecs are walled in by.
    pub jail: JailConfig,
    /// Who watches over the worker, and over its machine.
    pub surroundings: Surroundings,
    /// What is logged.
    pub log: LogConfig,
}

/// Slots beyond this share nothing but one machine's memory; start another worker instead.
pub const SLOTS_MAX: u64 = 64;

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn read(layers: Layers) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(layers);
        let broker = broker(&mut reader);
        let grants = grants(&mut reader);
        let publishers = reader.or("worker.publishers", Vec::<String>::new());
        let name = reader.or("worker.name", default_name());
        let slots = reader.or_within("worker.slots", 1, 1..=SLOTS_MAX);
        let scratch = reader.or("worker.scratch", PathBuf::from("/var/tmp/valet-worker"));
        let scratch_free_bytes_min = scratch_free_bytes_min(&mut reader);
        let ffmpeg = program(&mut reader, "worker.ffmpeg", "ffmpeg");
        let ffprobe = program(&mut reader, "worker.ffprobe", "ffprobe");
        let grace = Duration::from_secs(reader.or_within("worker.grace_seconds", 60, 0..=86_400));
        let limits = limits(&mut reader);
        let jail = jail(&mut reader, &scratch);
        let surroundings = surroundings(&mut reader);
        let log = log(&mut reader);
        require_name(&mut reader, &name);
        reader.finish_with(|| {
            Some(Self {
                broker: broker?.with_connection_name(format!("valet-worker {name}")),
                grants,
                publishers,
                name,
                slots: usize::try_from(slots).ok()?,
                scratch,
                scratch_free_bytes_min,
                ffmpeg: ffmpeg?,
                ffprobe: ffprobe?,
                grace,
                limits,
                jail: jail?,
                surroundings,
                log,
            })
        })
    }
}

fn broker(reader: &mut Reader) -> Option<BrokerConfig> {
    let url = reader.required::<String>("broker.url");
    let username = reader.optional::<String>("broker.username");
    let password = reader.secret_optional("broker.password");
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

fn grants(reader: &mut Reader) -> GrantPolicy {
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

fn scratch_free_bytes_min(reader: &mut Reader) -> u64 {
    let default = Bytes(crate::scratch::FREE_BYTES_MIN);
    let Bytes(bytes) = reader.or_within("worker.scratch_free_bytes_min", default, Bytes(0)..=Bytes(u64::MAX));
    bytes
}

fn log(reader: &mut Reader) -> LogConfig {
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

/// Host name and process id: unique among the workers of today, and telling to people.
fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}-{}", if host.is_empty() { "worker" } else { host }, std::process::id())
}

fn require_name(reader: &mut Reader, name: &str) {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        reader.refuse("worker.name", "must be 1 to 100 letters, digits, '-', '_' or '.'");
    }
}

#[cfg(test)]
mod tests;
