//! The worker's settings, read whole before any I/O with the outside: every mistake at once.
//! Never prints a value that could be a secret; a storage key among the settings is `keyless`'s matter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use valet_broker::{BrokerConfig, Password, TlsConfig};
use valet_grant::{DevelopmentHost, DevelopmentHostError, GrantPolicy, HostRules};
use valet_jail::Level;
use valet_preset::Bounds;
use valet_settings::{Bytes, Layers, Mistakes, Reader};

use crate::logs::{LogConfig, LogFormat};

/// A certificate or key file larger than this is something else.
const PEM_BYTES_MAX: u64 = 256 * 1024;

const GIB: u64 = 1 << 30;

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
    /// What is logged.
    pub log: LogConfig,
}

/// What codecs are walled in by.
#[derive(Debug, Clone)]
pub struct JailConfig {
    /// The weakest level that the worker starts with.
    pub level_min: Level,
    /// The strongest level that is tried.
    pub level_max: Level,
    /// Where the codec's root is kept.
    pub roots: PathBuf,
    /// First of the host's user ids that jails of a worker run by root get; chosen by the jail when not given.
    pub uid_first: Option<u32>,
}

/// The most that any job may use here, whatever its message says.
#[derive(Debug, Clone)]
pub struct JobLimits {
    /// Wall clock of all codec passes together, in seconds.
    pub wall_seconds_max: u32,
    /// Time without a sign of life before a codec is ended.
    pub stall: Duration,
    /// Processor seconds of all threads of a codec; the wall clock times the processors is a limit too.
    pub cpu_seconds_max: u64,
    /// Processors of this machine.
    pub processors: u64,
    /// Private memory of a codec, in bytes.
    pub memory_bytes_max: u64,
    /// Largest input, in bytes.
    pub input_bytes_max: u64,
    /// Largest output, in bytes.
    pub output_bytes_max: u64,
    /// What any input may be.
    pub bounds: Bounds,
}

/// Wall limit unless told otherwise: RabbitMQ takes a job away after 30 minutes by default, and fetch and store
/// need their share of them. Raise it together with the broker's `consumer_timeout`.
pub const WALL_SECONDS_MAX: u32 = 1_500;

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
        let ffmpeg = program(&mut reader, "worker.ffmpeg", "ffmpeg");
        let ffprobe = program(&mut reader, "worker.ffprobe", "ffprobe");
        let grace = Duration::from_secs(reader.or_within("worker.grace_seconds", 60, 0..=86_400));
        let limits = limits(&mut reader);
        let jail = jail(&mut reader, &scratch);
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
                ffmpeg: ffmpeg?,
                ffprobe: ffprobe?,
                grace,
                limits,
                jail: jail?,
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

fn limits(reader: &mut Reader) -> JobLimits {
    let Bytes(input_bytes_max) =
        reader.or_within("worker.input_bytes_max", Bytes(50 * GIB), Bytes(1)..=Bytes(1_024 * GIB));
    let put = Bytes(valet_blob::PUT_BYTES_MAX);
    let Bytes(output_bytes_max) = reader.or_within("worker.output_bytes_max", put, Bytes(1)..=put);
    let Bytes(memory_bytes_max) =
        reader.or_within("worker.memory_bytes_max", Bytes(4 * GIB), Bytes(64 << 20)..=Bytes(1_024 * GIB));
    let widest = Bounds::default();
    JobLimits {
        wall_seconds_max: reader.or_within("worker.wall_seconds_max", WALL_SECONDS_MAX, 1..=7 * 86_400),
        stall: Duration::from_secs(reader.or_within("worker.stall_seconds", 120, 1..=86_400)),
        cpu_seconds_max: reader.or_within("worker.cpu_seconds_max", u64::MAX, 1..=u64::MAX),
        processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        memory_bytes_max,
        input_bytes_max,
        output_bytes_max,
        bounds: Bounds {
            duration_seconds: reader.or_within(
                "worker.duration_seconds_max",
                widest.duration_seconds,
                1..=widest.duration_seconds,
            ),
            pixels: reader.or_within("worker.pixels_max", widest.pixels, 1..=widest.pixels),
            frames: reader.or_within("worker.frames_max", widest.frames, 1..=widest.frames),
            streams: reader.or_within("worker.streams_max", widest.streams, 1..=widest.streams),
        },
    }
}

/// Nothing when the two levels leave none to choose from.
fn jail(reader: &mut Reader, scratch: &Path) -> Option<JailConfig> {
    let levels = [("L1", Level::L1), ("L2", Level::L2)];
    let level_min = reader.choice("jail.level_min", &levels, Level::L2);
    let level_max = reader.choice("jail.level_max", &levels, Level::L1);
    let roots = reader.or("jail.roots", scratch.join("roots"));
    let uid_first = reader.optional::<u32>("jail.uid_first");
    if level_min > level_max {
        reader.refuse(
            "jail.level_min",
            format!("is {level_min}, stronger than jail.level_max, which is {level_max}"),
        );
        return None;
    }
    Some(JailConfig { level_min, level_max, roots, uid_first })
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

/// An executable: a path as given, or a name looked up in PATH. Found now, since a codec runs without an
/// environment.
fn program(reader: &mut Reader, key: &str, default: &str) -> Option<PathBuf> {
    let given = reader.or(key, PathBuf::from(default));
    let found = find_program(&given, std::env::var_os("PATH").as_deref());
    if found.is_none() {
        let shown = given.display().to_string();
        reader.refuse(
            key,
            format!(
                "names {}, which is no program here; install ffmpeg or give its path",
                shown.escape_debug()
            ),
        );
    }
    found
}

fn find_program(given: &Path, search: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if given.components().count() > 1 {
        return std::path::absolute(given).ok().filter(runs);
    }
    std::env::split_paths(search?).map(|directory| directory.join(given)).find(runs)
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
mod tests {
    use super::*;

    fn layers(pairs: &[(&str, &str)]) -> Layers {
        let environment =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut layers = Layers::default();
        layers.environment = environment;
        layers
    }

    const URL: (&str, &str) = ("VALET_BROKER_URL", "amqp://broker/valet");

    #[test]
    fn a_broker_url_is_enough() {
        let config = Config::read(layers(&[URL])).unwrap();
        assert_eq!(config.slots, 1);
        assert_eq!(config.limits.output_bytes_max, valet_blob::PUT_BYTES_MAX);
        assert!(!config.grants.hosts.loopback, "loopback is never the default");
        assert!(config.name.ends_with(&format!("-{}", std::process::id())));
    }

    #[test]
    fn all_mistakes_are_told_at_once_by_key() {
        let pairs = [
            ("VALET_BROKER_URL", "http://u:hunter2@broker"),
            ("VALET_WORKER_SLOTS", "0"),
            ("VALET_WORKER_FFMPEG", "/no/such/ffmpeg"),
            ("VALET_LOG_LEVEL", "loud"),
            ("VALET_BROKER_CERT_FILE", "/no/such/cert.pem"),
            ("VALET_WORKER_NAME", "a b"),
            ("VALET_WORKER_SLOT", "1"),
        ];
        let mistakes = Config::read(layers(&pairs)).unwrap_err();
        let text = mistakes.to_string();
        let subjects =
            ["broker.url", "worker.slots", "worker.ffmpeg", "log.level", "broker.cert_file", "worker.name"];
        for subject in subjects.into_iter().chain(["VALET_WORKER_SLOT"]) {
            assert!(mistakes.iter().any(|mistake| mistake.subject == subject), "{subject} is not in {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_password_without_a_user_is_refused() {
        let mistakes = Config::read(layers(&[URL, ("VALET_BROKER_PASSWORD", "hunter2")])).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.subject == "broker.password"));
        assert!(!mistakes.to_string().contains("hunter2"));
    }

    #[test]
    fn an_output_above_one_put_is_refused() {
        let mistakes = Config::read(layers(&[URL, ("VALET_WORKER_OUTPUT_BYTES_MAX", "6GiB")])).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.subject == "worker.output_bytes_max"));
    }

    #[test]
    fn loopback_and_hosts_shape_the_grant_policy() {
        let pairs =
            [URL, ("VALET_STORAGE_LOOPBACK", "true"), ("VALET_STORAGE_HOSTS", "a.example, *.b.example")];
        let config = Config::read(layers(&pairs)).unwrap();
        assert!(config.grants.hosts.allows_http("127.0.0.1"));
        assert!(
            config.grants.hosts.allows("x.b.example")
                && !config.grants.hosts.allows("a.blob.core.windows.net")
        );
    }

    #[test]
    fn emulators_are_exact_names() {
        let of = |hosts| Config::read(layers(&[URL, ("VALET_STORAGE_DEVELOPMENT_HOSTS", hosts)]));
        let config = of("azurite, emulator.example").unwrap();
        assert!(config.grants.hosts.allows_http("azurite"));
        assert!(!config.grants.hosts.allows_http("127.0.0.1") && !config.grants.hosts.allows("other"));
        for wrong in ["*", "10.0.0.1", "http://azurite", "acct.blob.core.windows.net", "azurite, *.example"] {
            let mistakes = of(wrong).unwrap_err();
            assert!(mistakes.iter().any(|mistake| mistake.subject == "storage.development_hosts"), "{wrong}");
        }
    }

    #[test]
    fn programs_are_found_on_the_path_and_by_path_only_when_they_can_run() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("codec");
        std::fs::write(&path, "").unwrap();
        let search = Some(directory.path().as_os_str());
        assert_eq!(find_program(Path::new("codec"), search), None, "not executable");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(find_program(Path::new("codec"), search), Some(path.clone()));
        assert_eq!(find_program(&path, None), Some(path));
    }
}
