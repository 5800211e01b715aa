//! What a partner is sent: where the broker is, its login, its exchanges and queue, and the documents of the wire.
//! Must never show a password twice, nor anything of ours but what a partner needs.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use valet_broker::Password;
use valet_broker::topology::names::{events_queue, lane_exchange};
use valet_protocol::{LaneRecord, Priority, amqp, asyncapi, limits, schema};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::context::parse_broker_url;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::verbs::lane::terms::priority_word;

/// The settings' file in the folder, and what `valet partner check` reads.
pub(super) const SETTINGS: &str = "partner.json";

/// Everything but the password.
pub(super) struct Handout {
    lane: String,
    login: String,
    address: String,
    vhost: String,
    ca_pem: Option<String>,
    exchanges: Vec<(Priority, String)>,
    reports: String,
    presets: Vec<String>,
    sealed_only: bool,
}

impl Handout {
    pub(super) fn new(config: &Config, record: &LaneRecord) -> Outcome<Self> {
        let broker = parse_broker_url(config.broker_url.as_deref().unwrap_or_default())?;
        let exchange = |priority: &Priority| (*priority, lane_exchange(&record.lane, *priority));
        Ok(Self {
            lane: record.lane.to_string(),
            login: record.publishers.first().cloned().unwrap_or_default(),
            address: broker.address(),
            vhost: broker.vhost().to_owned(),
            ca_pem: config.broker_tls()?.ca_pem,
            exchanges: record.priorities().iter().map(exchange).collect(),
            reports: events_queue(&record.lane),
            presets: record.presets.clone(),
            sealed_only: record.sealed_only,
        })
    }

    /// For programs; with the password if it is new.
    pub(super) fn value(&self, password: Option<&Password>) -> Value {
        let publish: Vec<_> = self.exchanges.iter().map(|(priority, exchange)| {
            json!({ "priority": priority_word(*priority), "exchange": exchange })
        }).collect();
        let mut value = json!({
            "lane": self.lane,
            "broker": { "url": self.address, "vhost": self.vhost, "username": self.login, "ca_pem": self.ca_pem },
            "publish": publish,
            "message": { "type": amqp::JOB_TYPE, "content_type": amqp::CONTENT_TYPE, "user_id": self.login,
                         "delivery_mode": amqp::DELIVERY_MODE, "bytes_max": limits::MESSAGE_BYTES_MAX },
            "reports_queue": self.reports,
            "presets": self.presets,
            "sealed_only": self.sealed_only,
        });
        if let Some(password) = password {
            value["broker"]["password"] = password.expose().into();
        }
        value
    }

    /// For people.
    pub(super) fn text(&self, password: Option<&Password>) -> String {
        let kept = format!("kept; `valet partner rotate {}` makes a new one", self.lane);
        let password = password.map_or(kept.as_str(), Password::expose);
        let ca = match &self.ca_pem {
            Some(pem) => format!("\n  CA:        \n{}", pem.trim_end()),
            None => String::new(),
        };
        format!("send to the partner, by a way that nobody else reads:\n{}\n  password:  {password}{ca}", self.lines())
    }

    fn lines(&self) -> String {
        let exchanges: Vec<_> = self.exchanges.iter().map(|(priority, exchange)| {
            format!("  publish:   exchange {exchange} for priority {}", priority_word(*priority))
        }).collect();
        let presets = match self.presets.is_empty() {
            true => "all".to_owned(),
            false => self.presets.join(", "),
        };
        let sealed = if self.sealed_only { "\n  grants:    sealed to the fleet's key; open ones are refused" } else { "" };
        format!(
            "  broker:    {}\n  vhost:     {}\n  login:     {}\n{}\n  message:   {} as {}, at most {} bytes, user_id {}, with \
             confirms\n  reports:   queue {}\n  presets:   {presets}{sealed}",
            self.address,
            self.vhost,
            self.login,
            exchanges.join("\n"),
            amqp::JOB_TYPE,
            amqp::CONTENT_TYPE,
            limits::MESSAGE_BYTES_MAX,
            self.login,
            self.reports,
        )
    }

    fn readme(&self) -> String {
        format!(
            "Your lane at Valet: {}\n\n{}\n\npartner.json            all of it for a program, with the password: keep it as \
             you keep a key\njob.v1.schema.json      what you publish\nreport.v1.schema.json   what you read from your \
             queue\nasyncapi.json           both, as an AsyncAPI 3 document\nca.pem                  the broker's authority, \
             if it is a private one\n\nPublish with confirms and mandatory, and set user_id to your login: messages without it \
             are refused. Declare\nnothing: exchanges and queue are there. `valet partner check {} --settings \
             partner.json` shows what your\nlogin can do.\n",
            self.lane,
            self.lines(),
            self.lane,
        )
    }
}

/// A folder of what is sent to one partner.
pub(super) struct Folder(PathBuf);

/// What was written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    lane: String,
    folder: PathBuf,
    files: Vec<&'static str>,
    /// Whether the password in it is known to be the login's.
    password: &'static str,
}

impl Folder {
    /// Makes it if it is not there, readable by its owner alone.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| {
            Failure::new(Exit::Data, format!("cannot make the folder {}", path.display()))
                .because(error)
                .advise("name another one with --out; nothing was changed")
        })?;
        Ok(Self(path.to_owned()))
    }

    /// Writes everything. A password that the broker kept is kept here as well.
    pub(super) fn write(&self, handout: &Handout, password: Option<&Password>) -> Outcome<Written> {
        let kept = match password {
            Some(_) => None,
            None => self.kept_password(&handout.login),
        };
        let told = match (password, &kept) {
            (Some(_), _) => "new",
            (None, Some(_)) => "kept",
            (None, None) => "unknown",
        };
        let settings = Zeroizing::new(pretty(&handout.value(password.or(kept.as_ref()))));
        let mut texts = vec![
            (SETTINGS, settings),
            ("README.txt", Zeroizing::new(handout.readme())),
            ("job.v1.schema.json", Zeroizing::new(pretty(&schema::job()))),
            ("report.v1.schema.json", Zeroizing::new(pretty(&schema::report()))),
            ("asyncapi.json", Zeroizing::new(pretty(&asyncapi::document(&[])))),
        ];
        texts.extend(handout.ca_pem.iter().map(|pem| ("ca.pem", Zeroizing::new(pem.clone()))));
        for (name, text) in &texts {
            let path = self.0.join(name);
            write_private(&path, text.as_bytes()).map_err(|error| unwritten(&path, &error, &handout.lane))?;
        }
        let files = texts.iter().map(|(name, _)| *name).collect();
        Ok(Written { lane: handout.lane.clone(), folder: self.0.clone(), files, password: told })
    }

    /// What an earlier run wrote for the same login.
    fn kept_password(&self, login: &str) -> Option<Password> {
        let text = Zeroizing::new(std::fs::read(self.0.join(SETTINGS)).ok()?);
        let value: Value = serde_json::from_slice(&text).ok()?;
        let broker = value.get("broker").filter(|broker| broker["username"] == login)?;
        Some(Password::from(broker["password"].as_str()?))
    }
}

impl Written {
    pub(super) fn text(&self) -> String {
        let password = match self.password {
            "new" => "the new password is in it".to_owned(),
            "kept" => "the password in it is the one from before".to_owned(),
            _ => format!("the login keeps its password, which is not in it: `valet partner rotate {}`", self.lane),
        };
        format!("{}: send all of it to the partner, by a way that nobody else reads; {password}", self.folder.display())
    }
}

fn pretty(value: &Value) -> String {
    // A tree of texts and numbers is always JSON.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn unwritten(path: &Path, error: &std::io::Error, lane: &str) -> Failure {
    Failure::new(Exit::Data, format!("cannot write {}", path.display()))
        .because(error)
        .advise(format!("mend the folder, then `valet partner rotate {lane} --out FOLDER` makes a new password"))
}

/// Written beside and renamed, so that a file is never half new; readable by its owner alone from the first byte.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    // One that a crash left behind may have other rights.
    let _ = std::fs::remove_file(&beside);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn handout() -> Handout {
        Handout {
            lane: "acme".into(),
            login: "acme".into(),
            address: "amqps://broker:5671/media".into(),
            vhost: "media".into(),
            ca_pem: None,
            exchanges: vec![(Priority::Normal, "in.acme".into())],
            reports: "events.acme".into(),
            presets: Vec::new(),
            sealed_only: true,
        }
    }

    #[test]
    fn the_password_is_shown_when_it_is_new_and_never_made_up() {
        let password = Password::from("s3cret");
        assert!(handout().text(Some(&password)).contains("s3cret"));
        let kept = handout().text(None);
        assert!(kept.contains("valet partner rotate acme"), "{kept}");
        assert!(kept.contains("open ones are refused"), "{kept}");
        assert_eq!(handout().value(None)["broker"].get("password"), None);
    }

    #[test]
    fn a_folder_keeps_the_password_that_the_broker_keeps() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(&root.path().join("acme")).unwrap();
        assert_eq!(folder.write(&handout(), None).unwrap().password, "unknown");
        assert_eq!(folder.write(&handout(), Some(&Password::from("s3cret"))).unwrap().password, "new");
        assert_eq!(folder.write(&handout(), None).unwrap().password, "kept");
        let file = root.path().join("acme").join(SETTINGS);
        let value: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(value["broker"]["password"], "s3cret");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // Another partner's folder by mistake.
        let other = Handout { login: "zeta".into(), ..handout() };
        assert_eq!(folder.write(&other, None).unwrap().password, "unknown");
    }
}
