//! The logins as files: each a ready-to-use piece of valet.toml, readable by its owner alone.
//! Must never print a password, nor overwrite a file whose login was kept.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use valet_broker::management::{Login, LoginNames};
use valet_broker::topology::Role;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// What stands for the login's role in the folder's path.
const ROLE: &str = "{role}";

/// A folder of login files, or one a role if its path holds `{role}`.
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
    /// Makes the folders if they are not there. Done before anything changes on the broker: a password that
    /// cannot be kept is a login lost.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let folder = Self(path.to_owned());
        Role::ALL.into_iter().try_for_each(|role| make(&folder.of(role)))?;
        Ok(folder)
    }

    /// The folder of one role's login.
    fn of(&self, role: Role) -> PathBuf {
        let named = |part: &OsStr| -> OsString {
            match part.to_str() {
                Some(text) => text.replace(ROLE, role.name()).into(),
                None => part.to_owned(),
            }
        };
        self.0.iter().map(named).collect()
    }

    /// Writes a login that has a new password.
    pub(super) fn keep(&self, login: &Login, names: &LoginNames, config: &Config) -> Outcome<Told> {
        let told = |file| Told { role: login.role.name(), login: login.name.clone(), file };
        let Some(password) = &login.password else { return Ok(told(None)) };
        let path = self.of(login.role).join(format!("{}.toml", login.role.name()));
        let text = settings(login, password.expose(), names, config);
        write_private(&path, text.as_bytes()).map_err(|error| {
            Failure::new(Exit::Data, format!("cannot write {}", path.display()))
                .because(error)
                .advise("mend the folder, then `valet topology declare --rotate` makes a new password")
        })?;
        Ok(told(Some(path)))
    }
}

fn make(path: &Path) -> Outcome {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| {
        Failure::new(Exit::Data, format!("cannot make the folder {}", path.display()))
            .because(error)
            .advise("name another one with --logins")
    })
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

fn settings(login: &Login, password: &str, names: &LoginNames, config: &Config) -> Zeroizing<String> {
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
    if login.role == Role::Worker {
        text.push_str(&format!("[worker]\npublishers = [{}, {}]\n", quoted(&names.producer), quoted(&names.dispatcher)));
    }
    text
}

/// A login that somebody put into broker.url is not the business of these.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_in_the_path_gives_each_login_a_folder_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(&root.path().join("{role}/of")).unwrap();
        assert_eq!(folder.of(Role::Worker), root.path().join("worker/of"));
        for role in Role::ALL {
            assert!(folder.of(role).is_dir(), "{}", role.name());
        }
        assert_eq!(Folder::open(&root.path().join("all")).unwrap().of(Role::Worker), root.path().join("all"));
    }
}
