//! The three logins as files: each a ready-to-use piece of valet.toml, readable by its owner alone.
//! Must never print a password, nor overwrite a file whose login was kept.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use valet_broker::management::Login;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// A folder of login files.
pub(super) struct Folder(PathBuf);

/// What became of one login.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    role: &'static str,
    login: String,
    /// Where its settings are, if it is new.
    file: Option<PathBuf>,
}

impl Folder {
    /// Makes the folder if it is not there. Done before anything changes on the broker: a password that
    /// cannot be kept is a login lost.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| {
            Failure::new(Exit::Data, format!("cannot make the folder {}", path.display()))
                .because(error)
                .advise("name another one with --logins")
        })?;
        Ok(Self(path.to_owned()))
    }

    /// Writes a login that has a new password.
    pub(super) fn keep(&self, login: &Login, config: &Config) -> Outcome<Told> {
        let told = |file| Told { role: login.role.name(), login: login.name.clone(), file };
        let Some(password) = &login.password else { return Ok(told(None)) };
        let path = self.0.join(format!("{}.toml", login.role.name()));
        let text = settings(login, password.expose(), config);
        write_private(&path, text.as_bytes()).map_err(|error| {
            Failure::new(Exit::Data, format!("cannot write {}", path.display()))
                .because(error)
                .advise("mend the folder, then `valet topology declare --rotate` makes a new password")
        })?;
        Ok(told(Some(path)))
    }
}

/// Written beside and renamed, so that a file is never half new.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("toml.new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn settings(login: &Login, password: &str, config: &Config) -> Zeroizing<String> {
    let url = quoted(&without_login(config.broker_url.as_deref().unwrap_or_default()));
    let mut text = Zeroizing::new(format!(
        "# RabbitMQ login of Valet's {}. Merge into its valet.toml, or use it with --config.\n[broker]\nurl = {url}\n\
         username = {}\npassword = {}\n",
        login.role.name(),
        quoted(&login.name),
        quoted(password),
    ));
    if let Some(ca) = &config.tls.ca {
        text.push_str(&format!("ca_file = {}\n", quoted(&ca.display().to_string())));
    }
    text
}

/// A login that somebody put into broker.url is not the business of the three.
fn without_login(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return String::new() };
    // Fails only for URLs that cannot have a login, and those have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// A TOML basic string: JSON's escapes are a part of TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Told {
    pub(super) fn text(&self) -> String {
        match &self.file {
            Some(file) => format!("login {} ({}): {}", self.login, self.role, file.display()),
            None => format!("login {} ({}): kept; --rotate gives it a new password", self.login, self.role),
        }
    }
}
