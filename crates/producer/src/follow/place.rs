//! Where the status store is: as the settings say, else a file of this user, one for each broker.
//! Must never print a password.

use std::path::PathBuf;

use valet_status::{StatusError, StoreUrl};

use crate::config::Config;

/// The store's address. Without a setting and without a home it lives in memory, for one command.
pub(super) fn store(config: &Config, log: &str) -> Result<StoreUrl, StatusError> {
    let password = config.status.password.as_ref().map(valet_settings::Secret::expose_secret);
    if let Some(url) = &config.status.url {
        return StoreUrl::parse(url, password);
    }
    let Some(folder) = state_folder() else {
        tracing::warn!("there is no home folder for a status store: the log is read whole; set status.url");
        return Ok(StoreUrl::memory());
    };
    Ok(StoreUrl::file(folder.join("valet").join(file_name(log))))
}

/// `$XDG_STATE_HOME`, else `~/.local/state`.
fn state_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))
}

/// `status-broker.example.com-5671-valet.db`: jobs of two brokers must not mix.
fn file_name(log: &str) -> String {
    let broker = log.split_once("://").map_or(log, |(_, rest)| rest);
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
    format!("status-{}.db", broker.chars().map(allowed).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broker_has_a_file_of_its_own() {
        assert_eq!(file_name("amqps://mq.example.com:5671/valet"), "status-mq.example.com-5671-valet.db");
        assert_ne!(file_name("amqp://localhost:5672/a"), file_name("amqp://localhost:5672/b"));
        assert!(!file_name("amqp://[::1]:5672/../../etc").contains('/'));
    }
}
