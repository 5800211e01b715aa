//! Settings of `valet`: `--set` over `VALET_*` over `valet.toml`, read whole before any I/O, with all
//! mistakes at once. Must never print a secret, nor accept one on the command line.

mod fleet;
mod oauth;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use valet_grant::{DevelopmentHost, DevelopmentHostError};
use valet_protocol::limits::REMINTS_MAX;
use valet_settings::{Layers, Mistakes, Origin, Reader, Secret};
use valet_telemetry::{Endpoint, EndpointError};

pub use fleet::FleetSettings;
use fleet::read_fleet;
pub use oauth::OauthSettings;
use oauth::read_oauth;

/// Every key that `valet` reads, apart from the secrets themselves; the list behind `--set`.
const KEYS: &[&str] = &[
    "broker.url",
    "broker.username",
    "broker.password_file",
    "broker.token_file",
    "broker.ca_file",
    "broker.cert_file",
    "broker.key_file",
    "broker.management_url",
    "broker.admin_username",
    "broker.admin_password_file",
    "storage.account",
    "storage.account_key_file",
    "storage.endpoint",
    "storage.loopback",
    "storage.hosts",
    "storage.development_hosts",
    "producer.name",
    "grants.remints",
    "reminter.remints_max",
    "status.url",
    "status.password_file",
    "status.retention_days",
    "fleet.public_keys_file",
    "fleet.seal",
    "oauth.signing_key_file",
    "oauth.key_id",
    "oauth.resource_server_id",
    "telemetry.otlp_endpoint",
];

/// Keys of the same file that are the worker's.
const WORKER_KEYS: [&str; 29] = [
    "worker.fleet_key_files",
    "storage.nameservers",
    "worker.publishers",
    "worker.slots",
    "worker.name",
    "worker.scratch",
    "worker.ffmpeg",
    "worker.ffprobe",
    "worker.grace_seconds",
    "worker.wall_seconds_max",
    "worker.stall_seconds",
    "worker.input_bytes_max",
    "worker.output_bytes_max",
    "worker.scratch_free_bytes_min",
    "worker.listen",
    "worker.scheduled_events",
    "worker.scheduled_events_url",
    "worker.memory_bytes_max",
    "worker.cpu_seconds_max",
    "worker.duration_seconds_max",
    "worker.pixels_max",
    "worker.frames_max",
    "worker.streams_max",
    "jail.level_min",
    "jail.level_max",
    "jail.roots",
    "jail.uid_first",
    "log.level",
    "log.format",
];

/// Secrets that must not be given by `--set`: every user of the machine can read another's arguments.
const SECRETS: &[&str] = &[
    "broker.password",
    "broker.admin_password",
    "storage.account_key",
    "status.password",
    "oauth.signing_key",
];

/// How often a reminter mints anew for one job, whatever its messages say.
const REMINTER_REMINTS_MAX: u32 = 10;

/// How long jobs that have ended are kept in the status store, in days.
const STATUS_RETENTION_DAYS: u32 = 90;

/// Two logins at once.
const TOKEN_AND_NAME: &str =
    "is given as well as broker.username or broker.password; give one of the two: a token has the name in it";

/// What a verb cannot do without; what it does not need may be absent, but must be right if given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    /// A login to the broker.
    pub broker: bool,
    /// The account's name and key.
    pub storage: bool,
    /// The management address and the administrator's login.
    pub admin: bool,
    /// The key that signs broker tokens, and the broker's URL for the vhost in it.
    pub tokens: bool,
}

/// The producer's login to the broker.
pub enum LoginSettings {
    /// By name.
    Name {
        /// User name.
        username: String,
        /// Its password; none with a client certificate.
        password: Option<Secret>,
    },
    /// By a signed token, which has the name in it.
    Token {
        /// The file that holds it.
        file: PathBuf,
    },
}

/// PEM files for TLS with the broker.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// A private CA.
    pub ca: Option<PathBuf>,
    /// A client certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// The storage account whose grants are minted.
pub struct StorageSettings {
    /// The account's name.
    pub account: String,
    /// Its key, base64.
    pub account_key: Secret,
    /// Where it is, if not at Azure's public address.
    pub endpoint: Option<String>,
}

/// How to log in to the broker's management API.
pub struct AdminSettings {
    /// `http[s]://host:port`.
    pub management_url: String,
    /// The administrator's login.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// Where what became of jobs is kept.
pub struct StatusSettings {
    /// `sqlite:` or `postgres://` URL; none: a SQLite file in the user's state folder.
    pub url: Option<String>,
    /// The password of a Postgres login, if it does not stand in the URL.
    pub password: Option<Secret>,
    /// How long jobs that have ended are kept, in days.
    pub retention_days: u32,
}

/// All settings of one run.
pub struct Config {
    /// `amqp[s]://host:port/vhost`.
    pub broker_url: Option<String>,
    /// Present when all of it was given.
    pub login: Option<LoginSettings>,
    /// What the broker's TLS needs.
    pub tls: TlsFiles,
    /// Present when all of it was given.
    pub storage: Option<StorageSettings>,
    /// Present when all of it was given.
    pub admin: Option<AdminSettings>,
    /// Plain http and loopback storage are permitted (Azurite).
    pub loopback: bool,
    /// Storage hosts that grants may point at; empty: Azure's own.
    pub hosts: Vec<String>,
    /// Emulators that may be reached with plain http and in private networks.
    pub development_hosts: Vec<DevelopmentHost>,
    /// This producer's name in its reports; none: the machine's.
    pub name: Option<String>,
    /// How often a reminter may mint anew for a job, if its submit does not say.
    pub remints: u32,
    /// How often the reminter of these settings mints anew for one job, whatever its messages say.
    pub reminter_remints_max: u32,
    /// The keys that grants are sealed to.
    pub fleet: FleetSettings,
    /// Where what became of jobs is kept.
    pub status: StatusSettings,
    /// What signs broker tokens; present when its key was given.
    pub oauth: Option<OauthSettings>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `--set` without `=`.
    #[error("--set {given:?} is not KEY=VALUE")]
    NotKeyValue {
        /// What was given, up to the first `=`.
        given: String,
    },
    /// `--set` of a key that does not exist.
    #[error("--set {key}: there is no such key")]
    UnknownKey {
        /// The key as given.
        key: String,
    },
    /// `--set` of a secret.
    #[error("--set {key}: a secret on the command line can be read by every user of this machine")]
    Secret {
        /// The key.
        key: &'static str,
    },
    /// The layers together hold mistakes.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

impl ConfigError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::NotKeyValue { .. } => "for example --set broker.url=amqps://broker:5671/valet".to_owned(),
            Self::UnknownKey { .. } => format!("keys are {}", KEYS.join(", ")),
            Self::Secret { key } => {
                format!(
                    "--set {key}_file=PATH, or the environment variable {}",
                    valet_settings::variable(key)
                )
            }
            Self::Mistakes(mistakes) => mistakes.advice().to_owned(),
        }
    }
}

/// Turns `--set KEY=VALUE` into the flags' layer.
///
/// # Errors
/// Unknown keys, secrets, and texts without `=`.
pub fn flags(set: &[String]) -> Result<BTreeMap<&'static str, String>, ConfigError> {
    set.iter()
        .map(|given| {
            let (key, value) = given
                .split_once('=')
                .ok_or_else(|| ConfigError::NotKeyValue { given: given.chars().take(40).collect() })?;
            if let Some(key) = SECRETS.iter().copied().find(|secret| *secret == key) {
                return Err(ConfigError::Secret { key });
            }
            let known = KEYS.iter().copied().find(|known| *known == key);
            let known = known.ok_or_else(|| ConfigError::UnknownKey { key: key.to_owned() })?;
            Ok((known, value.to_owned()))
        })
        .collect()
}

impl Config {
    /// Reads flags, the process's environment and the file.
    ///
    /// # Errors
    /// All mistakes of all three at once.
    pub fn load(set: &[String], file: Option<&Path>, needs: Needs) -> Result<Self, ConfigError> {
        Self::read(Layers::load(flags(set)?, std::env::vars_os(), file), needs)
    }

    /// Reads collected layers.
    ///
    /// # Errors
    /// All mistakes of all three at once.
    pub fn read(layers: Layers, needs: Needs) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(layers);
        reader.also_known(&WORKER_KEYS);
        let broker_url = text(&mut reader, "broker.url", needs.broker || needs.admin || needs.tokens);
        let tls = read_tls(&mut reader);
        let login = read_login(&mut reader, needs.broker, &tls);
        let admin = read_admin(&mut reader, needs.admin);
        let storage = read_storage(&mut reader, needs.storage);
        let loopback = reader.or("storage.loopback", false);
        let hosts = reader.or("storage.hosts", Vec::new());
        let development_hosts = read_development_hosts(&mut reader);
        let name = reader.optional("producer.name");
        let remints = reader.or_within("grants.remints", 0, 0..=REMINTS_MAX);
        let reminter_remints_max =
            reader.or_within("reminter.remints_max", REMINTER_REMINTS_MAX, 0..=REMINTS_MAX);
        let fleet = read_fleet(&mut reader);
        let status = read_status(&mut reader);
        let oauth = read_oauth(&mut reader, needs.tokens);
        read_endpoint(&mut reader);
        reader.finish()?;
        Ok(Self {
            broker_url,
            login,
            tls,
            storage,
            admin,
            loopback,
            hosts,
            development_hosts,
            name,
            remints,
            reminter_remints_max,
            fleet,
            status,
            oauth,
        })
    }
}

/// Where traces are sent, before all settings are read: whatever is wrong with any of them is told there.
#[must_use]
pub fn otlp_endpoint(set: &[String], file: Option<&Path>) -> Option<Endpoint> {
    read_endpoint(&mut Reader::new(Layers::load(flags(set).ok()?, std::env::vars_os(), file)))
}

fn read_endpoint(reader: &mut Reader) -> Option<Endpoint> {
    let text: String = reader.optional("telemetry.otlp_endpoint")?;
    let parsed: Result<Endpoint, EndpointError> = text.parse();
    parsed.map_err(|problem| reader.refuse("telemetry.otlp_endpoint", problem.to_string())).ok()
}

fn read_tls(reader: &mut Reader) -> TlsFiles {
    TlsFiles {
        ca: reader.optional("broker.ca_file"),
        cert: reader.optional("broker.cert_file"),
        key: reader.optional("broker.key_file"),
    }
}

fn read_login(reader: &mut Reader, needed: bool, tls: &TlsFiles) -> Option<LoginSettings> {
    let token: Option<PathBuf> = reader.optional("broker.token_file");
    let needed = needed && token.is_none();
    let username = text(reader, "broker.username", needed);
    // A client certificate is a login of its own.
    let password = secret(reader, "broker.password", needed && tls.cert.is_none());
    if let Some(file) = token {
        if username.is_some() || password.is_some() {
            reader.refuse("broker.token_file", TOKEN_AND_NAME);
        }
        return Some(LoginSettings::Token { file });
    }
    Some(LoginSettings::Name { username: username?, password })
}

fn read_admin(reader: &mut Reader, needed: bool) -> Option<AdminSettings> {
    let management_url = text(reader, "broker.management_url", needed);
    let username = text(reader, "broker.admin_username", needed);
    let password = secret(reader, "broker.admin_password", needed);
    Some(AdminSettings { management_url: management_url?, username: username?, password: password? })
}

fn read_storage(reader: &mut Reader, needed: bool) -> Option<StorageSettings> {
    let account = text(reader, "storage.account", needed);
    let account_key = secret(reader, "storage.account_key", needed);
    let endpoint = reader.optional("storage.endpoint");
    Some(StorageSettings { account: account?, account_key: account_key?, endpoint })
}

fn read_status(reader: &mut Reader) -> StatusSettings {
    let url: Option<String> = reader.optional("status.url");
    let password = reader.secret_optional("status.password");
    let is_flag = reader.origin("status.url") == Some(Origin::Flag);
    if is_flag && url.as_deref().is_some_and(holds_password) {
        reader.refuse(
            "status.url",
            "holds a password, which every user of this machine can read: status.password_file",
        );
    }
    StatusSettings {
        url,
        password,
        retention_days: reader.or_within("status.retention_days", STATUS_RETENTION_DAYS, 1..=36_500),
    }
}

fn holds_password(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| url.password().is_some())
}

/// A wrong name is noted, so that nothing is built of the list.
fn read_development_hosts(reader: &mut Reader) -> Vec<DevelopmentHost> {
    let names = reader.or("storage.development_hosts", Vec::<String>::new());
    let parsed: Result<_, _> = names.iter().map(|name| name.parse()).collect();
    parsed.unwrap_or_else(|problem: DevelopmentHostError| {
        reader.refuse("storage.development_hosts", problem.to_string());
        Vec::new()
    })
}

fn text(reader: &mut Reader, key: &str, needed: bool) -> Option<String> {
    if needed { reader.required(key) } else { reader.optional(key) }
}

fn secret(reader: &mut Reader, key: &str, needed: bool) -> Option<Secret> {
    if needed { reader.secret(key) } else { reader.secret_optional(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_refused_on_the_command_line_without_repeating_it() {
        let error = flags(&["storage.account_key=c2VjcmV0".to_owned()]).unwrap_err();
        assert!(matches!(error, ConfigError::Secret { key: "storage.account_key" }));
        assert!(!format!("{error} {error:?} {}", error.advice()).contains("c2VjcmV0"));
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let mut layers = Layers::default();
        layers.environment.insert("VALET_STORAGE_LOOPBACK".into(), "perhaps".into());
        layers.environment.insert("VALET_BROKR_URL".into(), "x".into());
        let needs = Needs { broker: true, ..Needs::default() };
        let text = Config::read(layers, needs).err().map(|error| error.to_string()).unwrap();
        for part in
            ["broker.url", "broker.username", "broker.password", "storage.loopback", "VALET_BROKR_URL"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_login_is_by_name_or_by_token_and_not_both() {
        let read = |more: &[(&str, &str)]| {
            let mut layers = Layers::default();
            let all = [("VALET_BROKER_URL", "amqp://b/v"), ("VALET_BROKER_TOKEN_FILE", "/t")];
            let all = all.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            layers.environment = all.collect();
            Config::read(layers, Needs { broker: true, ..Needs::default() })
        };
        assert!(matches!(read(&[]).unwrap().login, Some(LoginSettings::Token { .. })));
        for other in ["VALET_BROKER_USERNAME", "VALET_BROKER_PASSWORD"] {
            let text = read(&[(other, "hunter2")]).err().map(|error| error.to_string()).unwrap();
            assert!(text.contains("broker.token_file") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn the_workers_settings_may_share_the_file() {
        let mut layers = Layers::default();
        layers.file = "[worker]\nslots = 2\n[log]\nlevel = \"info\"".parse().unwrap();
        assert!(Config::read(layers, Needs::default()).is_ok());
    }
}
