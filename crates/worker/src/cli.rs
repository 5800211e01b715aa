//! The command line. Every flag is a setting of the same name; a secret has none, as `ps` shows flags to all.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};
use valet_daemon::flags::{self, Flag};

/// The settings that may be given as flags.
const FLAGS: &[Flag] = &[
    ("broker.url", "broker-url", "URL", "RabbitMQ, such as amqps://host:5671/vhost"),
    (
        "broker.username",
        "broker-username",
        "NAME",
        "Login; the password comes from VALET_BROKER_PASSWORD(_FILE) or the file",
    ),
    ("broker.password_file", "broker-password-file", "PATH", "File with the login's password"),
    (
        "broker.token_file",
        "broker-token-file",
        "PATH",
        "File with a signed token, in place of name and password; read again before it expires",
    ),
    ("broker.ca_file", "broker-ca-file", "PATH", "PEM of the only CA to trust for the broker"),
    ("broker.cert_file", "broker-cert-file", "PATH", "PEM of a client certificate"),
    ("broker.key_file", "broker-key-file", "PATH", "PEM of the client certificate's key"),
    (
        "storage.loopback",
        "storage-loopback",
        "BOOL",
        "Permit storage on this machine and plain http to it (the emulator) [default: false]",
    ),
    (
        "storage.hosts",
        "storage-hosts",
        "LIST",
        "Hosts that storage may have [default: Azure's blob endpoints]",
    ),
    (
        "storage.development_hosts",
        "storage-development-hosts",
        "LIST",
        "Exact names of emulators that may be reached in plain and in private networks; never in production",
    ),
    (
        "storage.nameservers",
        "storage-nameservers",
        "LIST",
        "DNS servers that storage hosts are asked of, such as 10.0.0.53 or 10.0.0.53:5353 [default: the system's]",
    ),
    (
        "worker.publishers",
        "worker-publishers",
        "LIST",
        "Broker logins that jobs are taken from [default: all that may publish them]",
    ),
    (
        "worker.fleet_key_files",
        "worker-fleet-key-files",
        "LIST",
        "Files with the private keys that open sealed grants, in a folder of their own [default: none]",
    ),
    ("worker.slots", "worker-slots", "N", "Jobs at the same time [default: 1]"),
    ("worker.name", "worker-name", "NAME", "Name in reports and logs [default: host name and process id]"),
    (
        "worker.scratch",
        "worker-scratch",
        "PATH",
        "Where jobs' directories are made [default: /var/tmp/valet-worker]",
    ),
    (
        "worker.scratch_free_bytes_min",
        "worker-scratch-free-bytes-min",
        "SIZE",
        "What stays free there whatever jobs need [default: 256MiB]",
    ),
    ("worker.ffmpeg", "worker-ffmpeg", "PATH", "ffmpeg [default: the first on PATH]"),
    ("worker.ffprobe", "worker-ffprobe", "PATH", "ffprobe [default: the first on PATH]"),
    (
        "worker.grace_seconds",
        "worker-grace-seconds",
        "N",
        "Time for jobs in hand after SIGTERM [default: 60]",
    ),
    (
        "worker.wall_seconds_max",
        "worker-wall-seconds-max",
        "N",
        "Longest run of a job's codec [default: what the broker's consumer timeout leaves]",
    ),
    (
        "worker.stall_seconds",
        "worker-stall-seconds",
        "N",
        "Longest time without a sign of life of the codec [default: 120]",
    ),
    ("worker.input_bytes_max", "worker-input-bytes-max", "SIZE", "Largest input [default: 50GiB]"),
    (
        "worker.output_bytes_max",
        "worker-output-bytes-max",
        "SIZE",
        "Largest output [default and most: 5000MiB]",
    ),
    (
        "worker.cpu_seconds_max",
        "worker-cpu-seconds-max",
        "N",
        "Most processor seconds of a job's codec [default: wall clock times processors]",
    ),
    ("worker.memory_bytes_max", "worker-memory-bytes-max", "SIZE", "Most memory of a codec [default: 4GiB]"),
    (
        "worker.duration_seconds_max",
        "worker-duration-seconds-max",
        "N",
        "Longest input that is media [default and most: 86400]",
    ),
    (
        "worker.pixels_max",
        "worker-pixels-max",
        "N",
        "Largest picture of an input [default and most: 100000000]",
    ),
    ("worker.frames_max", "worker-frames-max", "N", "Most pictures of a video [default and most: 10368000]"),
    ("worker.streams_max", "worker-streams-max", "N", "Most streams of an input [default and most: 32]"),
    (
        "worker.listen",
        "worker-listen",
        "ADDRESS",
        "Where /healthz, /readyz and /metrics are told, such as 127.0.0.1:9464 [default: nowhere]",
    ),
    (
        "worker.scheduled_events",
        "worker-scheduled-events",
        "WHEN",
        "Drain when Azure announces the end of this machine: auto (on Azure), on or off [default: auto]",
    ),
    (
        "worker.scheduled_events_url",
        "worker-scheduled-events-url",
        "URL",
        "Where it is announced [default: http://169.254.169.254]",
    ),
    (
        "telemetry.otlp_endpoint",
        "telemetry-otlp-endpoint",
        "URL",
        "Collector that traces are sent to by OTLP/HTTP [default: none]",
    ),
    ("jail.level_min", "jail-level-min", "LEVEL", "Weakest walls to start with, L1 or L2 [default: L2]"),
    ("jail.level_max", "jail-level-max", "LEVEL", "Strongest walls to try, L1 or L2 [default: L1]"),
    (
        "jail.roots",
        "jail-roots",
        "PATH",
        "Where the codec's root is kept [default: roots in the scratch directory]",
    ),
    ("jail.uid_first", "jail-uid-first", "UID", "First unused user id for jails of a worker run by root"),
    ("log.level", "log-level", "LEVEL", "error, warn, info, debug or trace [default: info]"),
    ("log.format", "log-format", "FORMAT", "text or json [default: text]"),
];

const AFTER_PROVE: &str = "It takes the settings of `run`, and needs no broker that answers. Exit codes: 0 when every \
attempt was refused, 1 when one was not, 64 when no jail can be made with these settings.";

const AFTER: &str = "Each flag is also a VALET_* variable (--worker-slots is VALET_WORKER_SLOTS) and a key of \
valet.toml ([worker] slots); flags win over variables, and those over the file.

Signals: SIGTERM or SIGINT drains (no new jobs, those in hand may end within the grace period); a second one \
hands jobs back at once.

Exit codes: 0 after a drain, 2 wrong usage, 64 wrong settings or a storage key in reach, 69 the broker refused \
the worker, 70 anything else.";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Take jobs.
    Run,
    /// Try the walls.
    Prove {
        /// One line of JSON an attempt.
        json: bool,
    },
}

/// What a verb was given.
#[derive(Debug)]
pub struct Flags {
    /// The verb.
    pub verb: Verb,
    /// Settings by key.
    pub settings: BTreeMap<&'static str, String>,
    /// The configuration file.
    pub config: Option<PathBuf>,
}

/// The whole command line.
#[must_use]
pub fn command() -> Command {
    let run = Command::new("run").about("Take jobs from the queue until told to stop").after_help(AFTER);
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("One line of JSON an attempt");
    let prove = Command::new("prove")
        .about("Run a hostile program in the very jail that `run` would use, and say what it achieved")
        .after_help(AFTER_PROVE)
        .arg(json);
    Command::new("valet-worker")
        .about("Runs Valet's jobs: fetch one granted blob, transcode, store one granted blob")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([run, prove].map(|verb| flags::with_settings(verb, FLAGS)))
}

/// Reads the command line.
///
/// # Errors
/// clap's own, help and version included; they print themselves and know their exit code.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Flags, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let (verb, given) = match matches.subcommand() {
        Some(("prove", given)) => (Verb::Prove { json: given.get_flag("json") }, given),
        Some((_, given)) => (Verb::Run, given),
        None => unreachable!("clap requires a verb"),
    };
    Ok(Flags { verb, settings: flags::settings(FLAGS, given), config: given.get_one("config").cloned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, clap::Error> {
        super::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn flags_become_settings() {
        let flags = parse("valet-worker run --worker-slots 2 --broker-url amqp://h --config x.toml").unwrap();
        assert_eq!(flags.settings["worker.slots"], "2");
        assert_eq!(flags.settings["broker.url"], "amqp://h");
        assert_eq!(flags.config, Some("x.toml".into()));
        assert_eq!((flags.settings.len(), flags.verb), (2, Verb::Run));
    }

    #[test]
    fn prove_takes_the_settings_of_run() {
        let flags = parse("valet-worker prove --json --jail-level-max L2").unwrap();
        assert_eq!(
            (flags.verb, flags.settings["jail.level_max"].as_str()),
            (Verb::Prove { json: true }, "L2")
        );
    }

    #[test]
    fn a_storage_key_is_no_flag() {
        assert_eq!(parse("valet-worker run --storage-account-key x").unwrap_err().exit_code(), 2);
        assert_eq!(parse("valet-worker run --broker-password x").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn every_flag_is_a_setting_that_the_worker_reads() {
        let flags = FLAGS.iter().map(|(key, ..)| (*key, "1".to_owned())).collect();
        let mut layers = valet_settings::Layers::default();
        layers.flags = flags;
        let mistakes = crate::config::Config::read(layers).unwrap_err().to_string();
        assert!(!mistakes.contains("not a known setting"), "{mistakes}");
    }

    #[test]
    fn a_flag_is_its_key_with_hyphens() {
        for (key, flag, ..) in FLAGS {
            assert_eq!(*flag, key.replace(['.', '_'], "-"));
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
