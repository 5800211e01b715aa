//! The command line. Every flag is a setting of the same name; a secret has none, as `ps` shows flags to all.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Command;
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
    ("broker.ca_file", "broker-ca-file", "PATH", "PEM of the only CA to trust for the broker"),
    ("broker.cert_file", "broker-cert-file", "PATH", "PEM of a client certificate"),
    ("broker.key_file", "broker-key-file", "PATH", "PEM of the client certificate's key"),
    (
        "storage.loopback",
        "storage-loopback",
        "BOOL",
        "Take grants for this machine, the emulator [default: false]",
    ),
    (
        "storage.hosts",
        "storage-hosts",
        "LIST",
        "Hosts that grants may have [default: Azure's blob endpoints]",
    ),
    (
        "storage.development_hosts",
        "storage-development-hosts",
        "LIST",
        "Exact names of emulators; never in production",
    ),
    (
        "dispatch.name",
        "dispatch-name",
        "NAME",
        "Name in reports and logs [default: host name and process id]",
    ),
    ("dispatch.prefetch", "dispatch-prefetch", "N", "Messages of one queue in hand at once [default: 4]"),
    (
        "dispatch.wall_seconds_max",
        "dispatch-wall-seconds-max",
        "N",
        "Longest run of a job that workers allow [default: what its preset and its lane say]",
    ),
    (
        "dispatch.grace_seconds",
        "dispatch-grace-seconds",
        "N",
        "Time for what is in hand after SIGTERM [default: 10]",
    ),
    (
        "dispatch.health_address",
        "dispatch-health-address",
        "ADDRESS",
        "Where /healthz, /readyz and /metrics are told, such as 127.0.0.1:9465 [default: nowhere]",
    ),
    ("log.level", "log-level", "LEVEL", "error, warn, info, debug or trace [default: info]"),
    ("log.format", "log-format", "FORMAT", "text or json [default: text]"),
];

const AFTER: &str = "Each flag is also a VALET_* variable (--dispatch-name is VALET_DISPATCH_NAME) and a key of \
valet.toml ([dispatch] name); flags win over variables, and those over the file.

Several may run: one leads, the others wait for its place.

Exit codes: 0 after a drain, 2 wrong usage, 64 wrong settings or a storage key in reach, 69 the broker refused \
the dispatcher, 70 anything else.";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Serve the lanes.
    Run,
    /// Say whether it could.
    Doctor,
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
    let run = Command::new("run").about("Serve the lanes until told to stop").after_help(AFTER);
    let doctor =
        Command::new("doctor").about("Look whether `run` could: settings, broker, lanes").after_help(AFTER);
    Command::new("valet-dispatch")
        .about("Takes messages from their lanes: judges them, gives lanes their turns, feeds the workers")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([run, doctor].map(|verb| flags::with_settings(verb, FLAGS)))
}

/// Reads the command line.
///
/// # Errors
/// clap's own, help and version included; they print themselves and know their exit code.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Flags, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let (verb, given) = match matches.subcommand() {
        Some(("doctor", given)) => (Verb::Doctor, given),
        Some((_, given)) => (Verb::Run, given),
        None => unreachable!("clap requires a verb"),
    };
    Ok(Flags { verb, settings: flags::settings(FLAGS, given), config: given.get_one("config").cloned() })
}
