//! Flags of a daemon's command line: each is a setting of the same name. Must never make a secret a flag, as `ps`
//! shows flags to all: which settings are flags is each daemon's own list.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use valet_settings::{Layers, Mistakes, keyless};

/// A setting that may be given as a flag: key, flag, placeholder, help.
pub type Flag = (&'static str, &'static str, &'static str, &'static str);

/// A verb that takes each of these settings as a flag, and the configuration file.
#[must_use]
pub fn with_settings(verb: Command, flags: &[Flag]) -> Command {
    let flags = flags
        .iter()
        .map(|(key, flag, value, help)| Arg::new(*key).long(*flag).value_name(*value).help(*help));
    let config = Arg::new("config")
        .long("config")
        .value_name("PATH")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Configuration file [default: valet.toml, if there is one]");
    verb.arg(config).args(flags)
}

/// The settings that were given, by key.
#[must_use]
pub fn settings(flags: &[Flag], given: &ArgMatches) -> BTreeMap<&'static str, String> {
    flags.iter().filter_map(|(key, ..)| Some((*key, given.get_one::<String>(key)?.clone()))).collect()
}

/// The settings of a daemon that must not hold a storage key, as `read` understands them.
///
/// # Errors
/// Everything that is wrong with them at once, in words, a key in sight first.
pub fn read<T>(
    settings: BTreeMap<&'static str, String>,
    config: Option<&std::path::Path>,
    read: impl FnOnce(Layers) -> Result<T, Mistakes>,
) -> Result<T, String> {
    let layers = Layers::load(settings, std::env::vars_os(), config);
    let keyless = keyless::require(std::env::vars_os(), &layers);
    let config = read(layers);
    let key = keyless.err().map(|error| format!("{error}\n{}", error.advice()));
    match (key, config) {
        (None, Ok(config)) => Ok(config),
        (key, config) => {
            let mistakes = config.err().map(|error| format!("{error}\n{}", error.advice()));
            Err(key.into_iter().chain(mistakes).collect::<Vec<_>>().join("\n"))
        }
    }
}
